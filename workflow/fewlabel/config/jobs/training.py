"""Settings of the jobs that pretrain, finetune and evaluate networks."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fewlabel.config.augmentation import AUGMENTATIONS, Augmentation
from fewlabel.config.base import Axis, Classes, Draw, Drawing, Fold, LabelCount, Name, Recipe, Seed, Settings, Unit
from fewlabel.config.cohort import Grid
from fewlabel.config.evaluation import EvaluationOptions
from fewlabel.config.folds import cohort_of, fold_of
from fewlabel.config.jobs.base import RECIPES
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import PretrainedMethod, outlines, pretext_of, pretraining_stages
from fewlabel.config.training import Finetuning, Network

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment


class PretrainSettings(Settings):
    """Pretrain a network without labels."""

    network: Network
    method: PretrainedMethod
    augmentations: dict[str, Augmentation]
    """Of each of the method's stages, resolved: see `pretraining_stages`."""
    flip: list[Axis]
    channels: list[Name] = Field([], exclude_if=lambda value: not value)
    """Names of the images' channels; none: one."""
    precision: Literal["auto", "f32", "bf16"]
    deterministic: bool
    seed: Seed
    drawing: Drawing = Field("permutation", exclude_if=lambda value: value == "permutation")
    """Of the method's `pretraining_subjects`, where it has some."""
    recipe: Recipe = Field(default_factory=lambda known: pretext_of(known["method"]).recipe)

    @property
    def inputs(self) -> int:
        """Channels of the network's input."""
        return max(1, len(self.channels)) * self.network.context


class FinetuneSettings(Settings):
    """Train a network on the labelled subjects of one draw."""

    network: Network
    finetuning: Finetuning
    augmentation: Augmentation
    flip: list[Axis]
    channels: list[Name] = Field([], exclude_if=lambda value: not value)
    """Names of the images' channels; none: one."""
    classes: Classes = Field({}, exclude_if=lambda value: not value)
    """Of the source; none: one target."""
    precision: Literal["auto", "f32", "bf16"]
    deterministic: bool
    labels: LabelCount
    count: Unit = Field("subjects", exclude_if=lambda value: value == "subjects")
    """What `labels` counts."""
    draw: Draw
    seed: Seed
    recipe: Recipe = RECIPES["finetune"]

    @property
    def inputs(self) -> int:
        """Channels of the network's input."""
        return max(1, len(self.channels)) * self.network.context

    @property
    def outputs(self) -> int:
        """Channels of the network's output: a sigmoid for one class, a softmax over background and classes for more."""
        return 1 if len(self.classes) <= 1 else 1 + len(self.classes)


class EvaluateSettings(Settings):
    """Score a network on the test subjects."""

    cohort: str
    fold: Fold | None = Field(None, exclude_if=lambda value: value is None)
    """Which test fold of the cohort."""
    method: str
    draw: Draw
    grid: Grid
    precision: Literal["auto", "f32", "bf16"]
    scores: list[str] = Field([], exclude_if=lambda value: not value)
    """Of installed packages, beside those that every study has."""
    evaluation: EvaluationOptions = Field(EvaluationOptions(), exclude_if=lambda value: value == EvaluationOptions())
    flip: list[Axis] = Field([], exclude_if=lambda value: not value)
    """Axes of mirror images; empty where `evaluation` has no `mirror`."""
    recipe: Recipe = RECIPES["evaluate"]


# Where a job is of a part, `cohort` may also name one fold of a cohort, as folders do (see `fewlabel.config.folds`).
def augmentation(experiment: "Experiment", name: str) -> Augmentation:
    """An augmentation by name: the experiment's own, else the built-in one."""
    return {**AUGMENTATIONS, **experiment.augmentations}[name]


def finetuning(experiment: "Experiment", method: str) -> Finetuning:
    """The experiment's finetuning with the method's changes."""
    change = experiment.methods[method].finetuning.model_dump(exclude_none=True)
    return Finetuning.model_validate({**experiment.finetuning.model_dump(), **change})


def most_pretrained(experiment: "Experiment") -> int:
    """The largest number of subjects that any method asks to be pretrained on; 1 where none asks."""
    asked = (getattr(method, "pretraining_subjects", None) for method in experiment.methods.values())
    return max((count for count in asked if count is not None), default=1)


def most_partitions(experiment: "Experiment") -> int:
    """Largest number of parts into which any pretraining stage divides volumes; 1 if none does."""
    methods = [method for method in experiment.methods.values() if isinstance(method, PretrainedBase)]
    return max((stage.partitions for method in methods for stage in outlines(method).values()), default=1)


def pretraining_recipe(method: PretrainedMethod) -> PretrainedMethod:
    """What of a method its pretraining depends on."""
    return method.model_copy(update={"labels": None, "finetuning": type(method.finetuning)(), "title": None})


def pretrainings(experiment: "Experiment") -> list[str]:
    """The methods that are pretrained: of those that differ in finetuning, N or title alone, the first."""
    recipes: list[PretrainedMethod] = []
    firsts = []
    for name, method in experiment.methods.items():
        if isinstance(method, PretrainedBase) and (recipe := pretraining_recipe(method)) not in recipes:
            recipes.append(recipe)
            firsts.append(name)
    return firsts


def pretrained_as(experiment: "Experiment", method: str) -> str | None:
    """The method whose pretrained network a method starts from, mostly its own; None: it starts at random."""
    recipe = experiment.methods[method]
    if not isinstance(recipe, PretrainedBase):
        return None
    wanted, known = pretraining_recipe(recipe), experiment.methods
    return next(
        name
        for name in pretrainings(experiment)
        if pretraining_recipe(known[name]) == wanted  # type: ignore[arg-type]
    )


def pretrain_settings(experiment: "Experiment", cohort: str, method: str) -> PretrainSettings:
    """Settings of a method's pretraining on a part."""
    recipe = experiment.methods[method]
    if not isinstance(recipe, PretrainedBase):
        raise TypeError(f"{method} has no pretraining")
    return PretrainSettings(
        network=experiment.network,
        method=pretraining_recipe(recipe),
        augmentations={
            key: augmentation(experiment, stage.augmentation) for key, stage in pretraining_stages(recipe).items()
        },
        flip=experiment.cohorts[cohort_of(cohort)].flip,
        channels=experiment.cohorts[cohort_of(cohort)].source.channel_names,
        precision=experiment.precision,
        deterministic=experiment.deterministic,
        seed=experiment.seed,
        drawing="permutation" if recipe.pretraining_subjects is None else experiment.drawing,
    )


def finetune_settings(experiment: "Experiment", cohort: str, method: str, n: LabelCount, draw: int) -> FinetuneSettings:
    """Settings of one finetuning; the seed depends on neither method nor N, so that runs are paired."""
    budget = finetuning(experiment, method)
    return FinetuneSettings(
        network=experiment.network,
        finetuning=budget,
        augmentation=augmentation(experiment, budget.augmentation),
        flip=experiment.cohorts[cohort_of(cohort)].flip,
        channels=experiment.cohorts[cohort_of(cohort)].source.channel_names,
        classes=experiment.cohorts[cohort_of(cohort)].source.classes,
        precision=experiment.precision,
        deterministic=experiment.deterministic,
        labels=n,
        count=experiment.cohorts[cohort_of(cohort)].count,
        draw=draw,
        seed=experiment.seed,
    )


def evaluate_settings(experiment: "Experiment", cohort: str, method: str, draw: int) -> EvaluateSettings:
    """Settings of the scoring of one run."""
    name = cohort_of(cohort)
    return EvaluateSettings(
        cohort=name,
        fold=fold_of(cohort),
        method=method,
        draw=draw,
        grid=experiment.cohorts[name].grid,
        precision=experiment.precision,
        scores=experiment.scores,
        evaluation=experiment.evaluation,
        flip=experiment.cohorts[name].flip if experiment.evaluation.mirror else [],
    )
