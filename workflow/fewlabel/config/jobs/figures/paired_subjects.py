"""Settings of the figure of test subjects in pairs."""

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, PairedSubjects
from fewlabel.config.jobs.comparisons import compared
from fewlabel.config.jobs.grid import CollectSettings, collect_settings
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
from fewlabel.config.jobs.titles import Titles, titles


class PairedSettings(Settings):
    """The figure of subjects in pairs."""

    titles: Titles
    runs: CollectSettings
    """All runs that must have scores."""
    intervals: Intervals
    control: str | None
    """None: no method starts at random."""
    methods: list[str]
    """Compared with the control, in their order."""
    left_out: list[str]
    """Those that are not shown for want of room."""
    figure: PairedSubjects


def paired_settings(experiment: Experiment) -> PairedSettings:
    """Settings of the figure of subjects in pairs."""
    known, figure = titles(experiment), experiment.figures.paired_subjects
    control, others = compared(experiment)
    chosen = figure.methods or others[: figure.most]
    return PairedSettings(
        titles=known,
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        control=control,
        methods=[name for name in chosen if name != control],
        left_out=[] if figure.methods else others[figure.most :],
        figure=figure,
    )


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="paired_subjects",
    title="Test subjects in pairs",
    summary="Each test subject's Dice with a method and with the control, and the mean difference.",
    settings_class=PairedSettings,
    settings=paired_settings,
    inputs=from_scores,
    implementation="fewlabel.reporting.figures.paired_subjects:draw",
)
