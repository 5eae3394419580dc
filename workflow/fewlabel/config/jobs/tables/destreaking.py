"""The table of de-streaking measures; its settings are those of the figure."""

from fewlabel.config.jobs.figures.destreaking import MEASURES, DestreakingSettings, destreaking_settings
from fewlabel.config.jobs.specification import FigureSpecification, Inputs

SPECIFICATION = FigureSpecification(
    kind="table",
    name="destreaking",
    title="De-streaking methods",
    summary="The measures of each method of de-streaking at each signal of the arms.",
    settings_class=DestreakingSettings,
    settings=destreaking_settings,
    inputs=lambda experiment: Inputs([MEASURES]),
    implementation="fewlabel.reporting.tables.destreaking:tabulate",
)
