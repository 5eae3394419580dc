"""What each job is told: exactly the settings it depends on, as one canonical JSON string.

The Snakefile passes `canonical(...)` to a command, and the command reads it back with the same model: a setting that a
job does not depend on cannot make it run again, and one that it depends on always does.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import BaseModel, Field

from fewlabel.experiment import (
    AUGMENTATIONS,
    Augmentation,
    BiasCorrection,
    Experiment,
    Finetuning,
    GlobalStage,
    Grid,
    JointMethod,
    LocalStage,
    Network,
    PretrainedMethod,
    RegressionMethod,
    Source,
    Training,
)
from fewlabel.folds import all_parts, cohort_of, fold_of, part_of
from fewlabel.settings import Axis, Draw, Drawing, Fold, LabelCount, Name, Recipe, Seed, Settings, Subjects, Text

RECIPES = {
    "fetch": 1,
    "prepare": 1,
    "split": 1,
    "draw": 1,
    "pretrain, regression": 1,
    # 2: views of one slice are never each other's negatives; sums in the order of channels-last convolutions.
    "pretrain, contrastive": 2,
    "pretrain, joint": 2,
    "finetune": 1,
    "evaluate": 1,
    "destreaking": 1,
    "quality": 1,
}
"""Raise a stage's number when its numerics change: finished results of that stage are then made again."""

STAGES = ("training", "global_stage", "local_stage", "joint_stage")
"""Names of pretraining stages in settings, histories and facts of runs."""

TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
"""A text in JSON."""


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
    grid: Grid | None = None
    partitions: Subjects = 1
    """Largest number of partitions of a contrastive stage."""
    beside: dict[Name, Text] = Field({}, max_length=100)
    """Files with voxel hashes of the cohorts that are split alike."""


class DrawSettings(Settings):
    """Put the labelled pool into the random order of one draw."""

    cohort: str
    seed: Seed
    draw: Draw
    drawing: Drawing = Field("permutation", exclude_if=lambda value: value == "permutation")
    recipe: Recipe = RECIPES["draw"]


class PretrainSettings(Settings):
    """Pretrain a network without labels."""

    network: Network
    method: PretrainedMethod
    augmentations: dict[str, Augmentation]
    """Of each of the method's stages, resolved: see `pretraining_stages`."""
    flip: list[Axis]
    precision: Literal["auto", "f32", "bf16"]
    deterministic: bool
    seed: Seed
    drawing: Drawing = Field("permutation", exclude_if=lambda value: value == "permutation")
    """Of the method's `pretraining_subjects`, where it has some."""
    recipe: Recipe = Field(default_factory=lambda known: RECIPES[f"pretrain, {known['method'].pretext}"])


class FinetuneSettings(Settings):
    """Train a network on the labelled subjects of one draw."""

    network: Network
    finetuning: Finetuning
    augmentation: Augmentation
    flip: list[Axis]
    precision: Literal["auto", "f32", "bf16"]
    deterministic: bool
    labels: LabelCount
    draw: Draw
    seed: Seed
    recipe: Recipe = RECIPES["finetune"]


class EvaluateSettings(Settings):
    """Score a network on the test subjects."""

    cohort: str
    fold: Fold | None = Field(None, exclude_if=lambda value: value is None)
    """Which test fold of the cohort."""
    method: str
    draw: Draw
    grid: Grid
    precision: Literal["auto", "f32", "bf16"]
    recipe: Recipe = RECIPES["evaluate"]


class CollectSettings(Settings):
    """All runs of a study, by their axes: a list of thousands of runs would not fit a command line."""

    cohorts: list[str]
    labels: dict[str, list[LabelCount]]
    """Of each method."""
    draws: Draw
    folds: dict[str, Fold] = Field({}, exclude_if=lambda value: not value)
    """How many test folds, of each cohort that is cross-validated."""

    @property
    def parts(self) -> list[str]:
        """What is trained and tested together: cohorts, and the folds of those that have some (`fewlabel.folds`)."""
        return all_parts(self.cohorts, self.folds)


def canonical(settings: BaseModel) -> str:
    """One line of JSON: equal settings give equal text. Keys stand in the order of the model, cohorts and methods in
    the experiment's, which figures and tables follow. Braces in texts are escaped: Snakemake would read wildcards."""
    text = json.dumps(settings.model_dump(mode="json"), separators=(",", ":"))
    return TEXT.sub(lambda found: found[0].replace("{", r"\u007b").replace("}", r"\u007d"), text)


# ------------------------------------------------------------------------------------------- from an experiment
# Where a job is of a part, `cohort` may also name one fold of a cohort, as folders do (see `fewlabel.folds`).
def augmentation(experiment: Experiment, name: str) -> Augmentation:
    """An augmentation by name: the experiment's own, else the built-in one."""
    return {**AUGMENTATIONS, **experiment.augmentations}[name]


def label_counts(experiment: Experiment, method: str) -> list[LabelCount]:
    """The label budgets of a method."""
    return experiment.methods[method].labels or experiment.labels


def finetuning(experiment: Experiment, method: str) -> Finetuning:
    """The experiment's finetuning with the method's changes."""
    change = experiment.methods[method].finetuning.model_dump(exclude_none=True)
    return Finetuning.model_validate({**experiment.finetuning.model_dump(), **change})


def pretraining_stages(method: PretrainedMethod) -> dict[str, Training]:
    """A method's pretraining stages in their order, by the key that sets them."""
    if isinstance(method, RegressionMethod):
        return {"training": method.training}
    if isinstance(method, JointMethod):
        return {"joint_stage": method.joint_stage}
    stages: dict[str, GlobalStage | LocalStage | None] = {
        "global_stage": method.global_stage,
        "local_stage": method.local_stage,
    }
    return {name: stage for name, stage in stages.items() if stage is not None}


def collect_settings(experiment: Experiment) -> CollectSettings:
    """All finetunings of a study."""
    labels = {method: label_counts(experiment, method) for method in experiment.methods}
    return CollectSettings(
        cohorts=list(experiment.cohorts), labels=labels, draws=experiment.draws, folds=folds_of(experiment)
    )


def folds_of(experiment: Experiment) -> dict[str, int]:
    """How many test folds, of each cohort that is cross-validated."""
    return {name: cohort.folds for name, cohort in experiment.cohorts.items() if cohort.folds is not None}


def parts(experiment: Experiment) -> list[str]:
    """What is trained and tested together: cohorts, and the folds of those that have some (see `fewlabel.folds`)."""
    return all_parts(experiment.cohorts, folds_of(experiment))


def split_parts(experiment: Experiment) -> list[str]:
    """All that has a split of its own: the cohorts, and the folds of those that have some."""
    return list(dict.fromkeys([*experiment.cohorts, *parts(experiment)]))


def run_folders(settings: CollectSettings) -> Iterator[str]:
    """Where the files of each run lie, beneath the study's results."""
    for part in settings.parts:
        for method, counts in settings.labels.items():
            for labels in counts:
                for draw in range(1, settings.draws + 1):
                    yield f"{part}/finetuned/{method}/n{labels}/draw{draw}"


def fetch_settings(experiment: Experiment, cohort: str, fingerprint: str) -> FetchSettings:
    """Settings of the job that brings a cohort in."""
    return FetchSettings(cohort=cohort, source=experiment.cohorts[cohort].source, fingerprint=fingerprint)


def prepare_settings(experiment: Experiment, cohort: str) -> PrepareSettings:
    """Settings of the job that makes a cohort's slices."""
    chosen = experiment.cohorts[cohort]
    return PrepareSettings(source=chosen.source, grid=chosen.grid, bias_correction=chosen.bias_correction)


def split_settings(experiment: Experiment, cohort: str) -> SplitSettings:
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


def planned_split(experiment: Experiment, cohort: str, results: str, beside: Mapping[str, str]) -> PlannedSplit:
    """The planned split of a cohort in a study's results; `beside`: see `PlannedSplit`."""
    split, grid = split_settings(experiment, cohort), experiment.cohorts[cohort].grid
    plan = {"results": results, "draws": experiment.draws, "grid": grid, "beside": beside}
    return PlannedSplit(**split.model_dump(), **plan, partitions=most_partitions(experiment))


def split_alike(experiment: Experiment, cohort: str) -> list[str]:
    """The other cohorts with the same subjects (`split_as`)."""
    base = {name: chosen.split_as or name for name, chosen in experiment.cohorts.items()}
    return [name for name in base if name != cohort and base[name] == base[cohort]]


def draw_settings(experiment: Experiment, cohort: str, draw: int) -> DrawSettings:
    """Settings of one draw of a part; N is no part of them, so that a new N leaves finished draws alone."""
    name = cohort_of(cohort)
    named = part_of(experiment.cohorts[name].split_as or name, fold_of(cohort))
    return DrawSettings(cohort=named, seed=experiment.seed, draw=draw, drawing=experiment.drawing)


def largest_n(experiment: Experiment) -> int:
    """The largest number of labelled subjects that any run asks for; 1 where all ask for `all`."""
    counts = [n for method in experiment.methods for n in label_counts(experiment, method)]
    return max((n for n in counts if n != "all"), default=1)


def most_pretrained(experiment: Experiment) -> int:
    """The largest number of subjects that any method asks to be pretrained on; 1 where none asks."""
    asked = (getattr(method, "pretraining_subjects", None) for method in experiment.methods.values())
    return max((count for count in asked if count is not None), default=1)


def most_partitions(experiment: Experiment) -> int:
    """Largest number of partitions of any contrastive stage; 1 if there is none."""
    methods = [method for method in experiment.methods.values() if isinstance(method, PretrainedMethod)]
    stages = [stage for method in methods for stage in pretraining_stages(method).values()]
    return max((stage.partitions for stage in stages if isinstance(stage, GlobalStage)), default=1)


def pretraining_recipe(method: PretrainedMethod) -> PretrainedMethod:
    """What of a method its pretraining depends on."""
    return method.model_copy(update={"labels": None, "finetuning": type(method.finetuning)(), "title": None})


def pretrainings(experiment: Experiment) -> list[str]:
    """The methods that are pretrained: of those that differ in finetuning, N or title alone, the first."""
    recipes: list[PretrainedMethod] = []
    firsts = []
    for name, method in experiment.methods.items():
        if isinstance(method, PretrainedMethod) and (recipe := pretraining_recipe(method)) not in recipes:
            recipes.append(recipe)
            firsts.append(name)
    return firsts


def pretrained_as(experiment: Experiment, method: str) -> str | None:
    """The method whose pretrained network a method starts from, mostly its own; None: it starts at random."""
    recipe = experiment.methods[method]
    if not isinstance(recipe, PretrainedMethod):
        return None
    wanted, known = pretraining_recipe(recipe), experiment.methods
    return next(
        name
        for name in pretrainings(experiment)
        if pretraining_recipe(known[name]) == wanted  # type: ignore[arg-type]
    )


def pretrain_settings(experiment: Experiment, cohort: str, method: str) -> PretrainSettings:
    """Settings of a method's pretraining on a part."""
    recipe = experiment.methods[method]
    if not isinstance(recipe, PretrainedMethod):
        raise TypeError(f"{method} has no pretraining")
    return PretrainSettings(
        network=experiment.network,
        method=pretraining_recipe(recipe),
        augmentations={
            key: augmentation(experiment, stage.augmentation) for key, stage in pretraining_stages(recipe).items()
        },
        flip=experiment.cohorts[cohort_of(cohort)].flip,
        precision=experiment.precision,
        deterministic=experiment.deterministic,
        seed=experiment.seed,
        drawing="permutation" if recipe.pretraining_subjects is None else experiment.drawing,
    )


def finetune_settings(experiment: Experiment, cohort: str, method: str, n: LabelCount, draw: int) -> FinetuneSettings:
    """Settings of one finetuning; the seed depends on neither method nor N, so that runs are paired."""
    budget = finetuning(experiment, method)
    return FinetuneSettings(
        network=experiment.network,
        finetuning=budget,
        augmentation=augmentation(experiment, budget.augmentation),
        flip=experiment.cohorts[cohort_of(cohort)].flip,
        precision=experiment.precision,
        deterministic=experiment.deterministic,
        labels=n,
        draw=draw,
        seed=experiment.seed,
    )


def evaluate_settings(experiment: Experiment, cohort: str, method: str, draw: int) -> EvaluateSettings:
    """Settings of the scoring of one run."""
    name = cohort_of(cohort)
    return EvaluateSettings(
        cohort=name,
        fold=fold_of(cohort),
        method=method,
        draw=draw,
        grid=experiment.cohorts[name].grid,
        precision=experiment.precision,
    )
