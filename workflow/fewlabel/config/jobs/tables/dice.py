"""Settings of table 2: Dice and surface distances."""

from pydantic import Field

from fewlabel.config.base import Settings
from fewlabel.config.cohort import PublishedDice
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, MissingDistance
from fewlabel.config.jobs.grid import CollectSettings, collect_settings
from fewlabel.config.jobs.specification import FigureSpecification, Inputs
from fewlabel.config.jobs.titles import Titles, quoted_cohorts, titles
from fewlabel.config.study_layout import LAYOUT


class DiceTableSettings(Settings):
    """Table 2."""

    titles: Titles
    runs: CollectSettings
    """All runs that must have scores."""
    intervals: Intervals
    hd95_missing: MissingDistance = Field("exclude", exclude_if=lambda value: value == "exclude")
    paper: list[str] = Field([], exclude_if=lambda value: not value)
    """Cohorts that show the paper's numbers."""
    published: dict[str, list[PublishedDice]] = Field({}, exclude_if=lambda value: not value)
    """What others published, by cohort."""
    scores: list[str] = Field([], exclude_if=lambda value: not value)
    """Scores of installed packages, in their order."""


def dice_table_settings(experiment: Experiment) -> DiceTableSettings:
    """Settings of table 2."""
    return DiceTableSettings(
        titles=titles(experiment),
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        hd95_missing=experiment.figures.dice_table.hd95_missing,
        paper=quoted_cohorts(experiment),
        published={name: cohort.published for name, cohort in experiment.cohorts.items() if cohort.published},
        scores=experiment.scores,
    )


def dice_table_inputs(experiment: Experiment) -> Inputs:
    """Scores, and facts of volumes if their diagonals replace undefined distances."""
    diagonal = experiment.figures.dice_table.hd95_missing == "diagonal"
    return Inputs([LAYOUT.scores, *(map(LAYOUT.subjects, experiment.cohorts) if diagonal else [])])


SPECIFICATION = FigureSpecification(
    kind="table",
    name="dice",
    title="Table 2: Dice",
    summary="Dice by cohort, method and N, with intervals and the paper's numbers.",
    settings_class=DiceTableSettings,
    settings=dice_table_settings,
    inputs=dice_table_inputs,
    implementation="fewlabel.reporting.tables.dice:tabulate",
    stem="table2_dice",
)
