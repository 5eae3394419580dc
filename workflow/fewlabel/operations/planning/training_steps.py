"""The steps that an experiment's trainings take, as far as their cost depends on them."""

from collections.abc import Iterator
from dataclasses import dataclass

from fewlabel.config import jobs
from fewlabel.config.experiment import Experiment
from fewlabel.config.pretexts.contrastive import GlobalStage, LocalStage
from fewlabel.config.pretexts.registry import PretrainedMethod
from fewlabel.config.training import Augmentation, Training
from fewlabel.operations.planning.calibration.designs import Planned
from fewlabel.operations.planning.step_work import Stage, Step, transforms

STAGE_OF: dict[str, Stage] = {
    "training": "regression",
    "global_stage": "global",
    "local_stage": "local",
    "joint_stage": "joint",
}
"""A pretraining stage's kind of step, by the key that sets it."""
PREDICTED = 32
"""Slices that evaluation predicts at once, at most."""


@dataclass(frozen=True)
class Steps:
    """So many equal steps, with their augmentation."""

    step: Step
    augmentation: Augmentation
    count: int


def pretraining_steps(experiment: Experiment, cohort: str, method: str) -> list[Steps]:
    """Of each stage of a method's pretraining; none for a method that starts at random."""
    recipe = experiment.methods[method]
    if not isinstance(recipe, PretrainedMethod):
        return []
    found = []
    for key, budget in jobs.pretraining_stages(recipe).items():
        views = jobs.augmentation(experiment, budget.augmentation)
        found.append(Steps(_step(experiment, cohort, STAGE_OF[key], budget, views), views, budget.steps))
    return found


def finetuning_steps(experiment: Experiment, cohort: str, method: str) -> Steps:
    """Of each of a method's finetunings: N and draw change nothing."""
    budget = jobs.finetuning(experiment, method)
    augmentation = jobs.augmentation(experiment, budget.augmentation)
    return Steps(_step(experiment, cohort, "finetune", budget, augmentation), augmentation, budget.steps)


def prediction_step(experiment: Experiment, cohort: str, slices: float) -> Step:
    """The prediction of a subject of so many slices, or of the first batch of it."""
    batch = max(1, min(PREDICTED, round(slices)))
    grid = experiment.cohorts[cohort].grid
    return Step(stage="predict", widths=experiment.network.widths, matrix=grid.matrix, batch=batch)


def planned_of(experiment: Experiment) -> list[Planned]:
    """Each step that an experiment takes, once."""
    found = {step.model_dump_json(): (step, augmentation) for step, augmentation in _all(experiment)}
    return list(found.values())


def _all(experiment: Experiment) -> Iterator[Planned]:
    for cohort in experiment.cohorts:
        for method in experiment.methods:
            for steps in (
                *pretraining_steps(experiment, cohort, method),
                finetuning_steps(experiment, cohort, method),
            ):
                yield steps.step, steps.augmentation
        yield prediction_step(experiment, cohort, PREDICTED), Augmentation()


def _step(experiment: Experiment, cohort: str, stage: Stage, budget: Training, views: Augmentation) -> Step:
    local = budget if isinstance(budget, LocalStage) else None
    return Step(
        stage=stage,
        widths=experiment.network.widths,
        matrix=experiment.cohorts[cohort].grid.matrix,
        batch=budget.batch,
        transforms=transforms(views, masks=stage == "finetune"),
        head=budget.head if isinstance(budget, (GlobalStage, LocalStage)) else None,
        decoder_stages=local.decoder_stages if local else 0,
        freeze_encoder=bool(local and local.freeze_encoder),
    )
