"""Settings of the jobs that bring cohorts in, split and draw their subjects, and prepare their slices."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from fewlabel.config.base import Draw, Drawing, Fold, Name, Recipe, Seed, Settings, Subjects, Text, Unit
from fewlabel.config.cohort import RANDOM_SUBJECTS, BiasCorrection, Grid, Labelling
from fewlabel.config.folds import cohort_of, fold_of, part_of
from fewlabel.config.jobs.base import RECIPES
from fewlabel.config.jobs.training import most_partitions
from fewlabel.config.sources.registry import Source

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment


class FetchSettings(Settings):
    """Bring a cohort's volumes in and check them."""

    cohort: str
    source: Source
    fingerprint: str
    recipe: Recipe = RECIPES["fetch"]


class PrepareSettings(Settings):
    """Turn volumes into slices on the working grid."""

    source: Source
    grid: Grid
    bias_correction: BiasCorrection | None = Field(None, exclude_if=lambda value: value is None)
    recipe: Recipe = RECIPES["prepare"]


class Preparation(Settings):
    """How volumes become slices: what a trained network must know of the images that it is given."""

    grid: Grid
    bias_correction: BiasCorrection | None = None
    channels: list[Name] = Field([], exclude_if=lambda value: not value)
    """Names of the images' channels, in their order; none: one channel without a name."""


class SplitSettings(Settings):
    """Choose test subjects and the pool."""

    cohort: str
    test: Subjects | list[Text]
    validation: Subjects | None = Field(None, exclude_if=lambda value: value is None)
    folds: Fold | None = Field(None, exclude_if=lambda value: value is None)
    """Cross-validated: `test` says nothing."""
    fold: Fold | None = Field(None, exclude_if=lambda value: value is None)
    """Of these folds, from 1; None: all of them, for the record."""
    seed: Seed
    drawing: Drawing = Field("permutation", exclude_if=lambda value: value == "permutation")
    redraw: bool = Field(False, exclude_if=lambda value: not value)
    """Split as in a new study, independent of existing results."""
    recipe: Recipe = RECIPES["split"]


class PlannedSplit(SplitSettings):
    """A split, with the results that it must not change and the grid that its volumes must fit."""

    results: Text | None = None
    """The study's folder; its test subjects and the order of its draws are kept. None: a new study."""
    draws: Draw = 1
    """Number of draws of the labelled subjects."""
    labelling: Labelling = Field(RANDOM_SUBJECTS, exclude_if=lambda value: value == RANDOM_SUBJECTS)
    grid: Grid | None = None
    partitions: Subjects = 1
    """Largest number of partitions of a contrastive stage."""
    voxel_hashes: dict[Name, Text] = Field({}, max_length=100)
    """Files of them, of the other cohorts that are split alike."""


class DrawSettings(Settings):
    """Put the labelled pool into the random order of one draw."""

    cohort: str
    seed: Seed
    draw: Draw
    drawing: Drawing = Field("permutation", exclude_if=lambda value: value == "permutation")
    count: Unit = Field("subjects", exclude_if=lambda value: value == "subjects")
    """What the ranks of the order count."""
    first: list[Text] = Field([], exclude_if=lambda value: not value)
    """Named subjects, or patients, that come first, in this order."""
    recipe: Recipe = RECIPES["draw"]


def fetch_settings(experiment: "Experiment", cohort: str, fingerprint: str) -> FetchSettings:
    """Settings of the job that brings a cohort in."""
    return FetchSettings(cohort=cohort, source=experiment.cohorts[cohort].source, fingerprint=fingerprint)


def prepare_settings(experiment: "Experiment", cohort: str) -> PrepareSettings:
    """Settings of the job that makes a cohort's slices."""
    chosen = experiment.cohorts[cohort]
    return PrepareSettings(source=chosen.source, grid=chosen.grid, bias_correction=chosen.bias_correction)


def split_settings(experiment: "Experiment", cohort: str) -> SplitSettings:
    """Settings of the split of a cohort, or of one of its folds."""
    name = cohort_of(cohort)
    chosen = experiment.cohorts[name]
    return SplitSettings(
        cohort=chosen.split_as or name,
        test=chosen.test if chosen.folds is None else [],
        validation=chosen.validation,
        folds=chosen.folds,
        fold=fold_of(cohort),
        seed=experiment.seed,
        drawing=experiment.drawing,
        redraw=experiment.redraw,
    )


def planned_split(experiment: "Experiment", cohort: str, results: str, voxel_hashes: Mapping[str, str]) -> PlannedSplit:
    """The planned split of a cohort in a study's results; `voxel_hashes`: see `PlannedSplit`."""
    split, grid = split_settings(experiment, cohort), experiment.cohorts[cohort].grid
    plan = {"results": results, "draws": experiment.draws, "grid": grid, "voxel_hashes": voxel_hashes}
    plan["labelling"] = experiment.cohorts[cohort].labelling
    return PlannedSplit(**split.model_dump(), **plan, partitions=most_partitions(experiment))


def split_alike(experiment: "Experiment", cohort: str) -> list[str]:
    """The other cohorts with the same subjects (`split_as`)."""
    base = {name: chosen.split_as or name for name, chosen in experiment.cohorts.items()}
    return [name for name in base if name != cohort and base[name] == base[cohort]]


def draw_settings(experiment: "Experiment", cohort: str, draw: int) -> DrawSettings:
    """Settings of one draw of a part; N is no part of them, so that a new N leaves finished draws alone."""
    name = cohort_of(cohort)
    named = part_of(experiment.cohorts[name].split_as or name, fold_of(cohort))
    labelling = experiment.cohorts[name].labelling
    return DrawSettings(
        cohort=named,
        seed=experiment.seed,
        draw=draw,
        drawing=experiment.drawing,
        count=labelling.count,
        first=labelling.first(draw),
    )
