"""Settings of table 3: paired differences to the control."""

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.comparisons import compared
from fewlabel.config.jobs.grid import CollectSettings, collect_settings
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
from fewlabel.config.jobs.titles import Titles, titles


class DifferenceTableSettings(Settings):
    """Table 3."""

    titles: Titles
    runs: CollectSettings
    """All runs that must have scores."""
    intervals: Intervals
    control: str | None
    """None: no method starts at random."""
    methods: list[str]
    """Methods that share an N with the control, in their order."""


def difference_table_settings(experiment: Experiment) -> DifferenceTableSettings:
    """Settings of table 3."""
    control, others = compared(experiment)
    return DifferenceTableSettings(
        titles=titles(experiment),
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        control=control,
        methods=others,
    )


SPECIFICATION = FigureSpecification(
    kind="table",
    name="differences",
    title="Table 3: differences",
    summary="Paired differences to the control with intervals, tests and effect sizes.",
    settings_class=DifferenceTableSettings,
    settings=difference_table_settings,
    inputs=from_scores,
    implementation="fewlabel.reporting.tables.differences:tabulate",
    stem="table3_differences",
)
