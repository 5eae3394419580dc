"""Settings of figure 3: mean Dice, and gain over the control, against the number of labelled subjects."""

from pydantic import Field

from fewlabel.config.base import Settings
from fewlabel.config.cohort import PublishedDice
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, LabelCurves
from fewlabel.config.jobs.comparisons import compared
from fewlabel.config.jobs.grid import CollectSettings, collect_settings
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
from fewlabel.config.jobs.titles import Titles, quoted_cohorts, titles


class CurvesSettings(Settings):
    """Figure 3."""

    titles: Titles
    runs: CollectSettings
    """All runs that must have scores."""
    intervals: Intervals
    control: str | None
    """Against which gains are taken; None: no method starts at random."""
    curves: list[str]
    """Methods with a curve, in their order."""
    left_out: list[str]
    """Those that have none for want of room."""
    paper: list[str]
    """Cohorts that show the paper's numbers."""
    published: dict[str, list[PublishedDice]] = Field({}, exclude_if=lambda value: not value)
    """What others published, by cohort."""
    figure: LabelCurves


def curves_settings(experiment: Experiment) -> CurvesSettings:
    """Settings of figure 3."""
    known, figure = titles(experiment), experiment.figures.label_curves
    control, _ = compared(experiment)
    others = [name for name, method in known.methods.items() if not method.benchmark and name != control]
    first = others[: figure.most - (control is not None)]
    shown = {control, *(figure.methods or first)}
    return CurvesSettings(
        titles=known,
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        control=control,
        curves=[name for name, method in known.methods.items() if name in shown and not method.benchmark],
        left_out=[] if figure.methods else [name for name in others if name not in shown],
        paper=quoted_cohorts(experiment),
        published={
            name: cohort.published
            for name, cohort in experiment.cohorts.items()
            if cohort.published and figure.show_paper
        },
        figure=figure,
    )


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="label_curves",
    title="Figure 3: Dice against N",
    summary="Mean Dice, and gain over the control, against the number of labelled subjects: a column a cohort.",
    settings_class=CurvesSettings,
    settings=curves_settings,
    inputs=from_scores,
    implementation="fewlabel.reporting.figures.label_curves:draw",
    stem="figure3_label_curves",
)
