"""What each job that draws one of the further figures is told: see `fewlabel.config.jobs.figures.titles`."""

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Differences, Intervals, LabelCurves, PairedSubjects
from fewlabel.config.jobs.figures.tables import DifferenceTableSettings, compared, difference_table_settings
from fewlabel.config.jobs.figures.titles import Titles, titles
from fewlabel.config.jobs.grid import CollectSettings, collect_settings


class PairedSettings(Settings):
    """The figure of subjects in pairs."""

    titles: Titles
    runs: CollectSettings
    """All that the figure must show: it is not drawn of a part."""
    intervals: Intervals
    control: str | None
    """None: no method starts at random."""
    methods: list[str]
    """Compared with it, in their order."""
    left_out: list[str]
    """Those that could be, too."""
    figure: PairedSubjects


class DifferencesSettings(Settings):
    """The figure of table 3."""

    compared: DifferenceTableSettings
    figure: Differences


def differences_settings(experiment: Experiment) -> DifferencesSettings:
    """Settings of the figure of table 3."""
    return DifferencesSettings(compared=difference_table_settings(experiment), figure=experiment.figures.differences)


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


class CurvesSettings(Settings):
    """Figure 3."""

    titles: Titles
    runs: CollectSettings
    """All that the figure must show: it is not drawn of a part."""
    intervals: Intervals
    figure: LabelCurves


def curves_settings(experiment: Experiment) -> CurvesSettings:
    """Settings of figure 3."""
    return CurvesSettings(
        titles=titles(experiment),
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        figure=experiment.figures.label_curves,
    )
