"""The training steps of an experiment, with the properties that determine their cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from fewlabel.config.augmentation import Augmentation
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs import training as training_jobs
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import outlines, pretext_of, pretraining_stages
from fewlabel.config.pretexts.specification import StageOutline
from fewlabel.config.study_size import PREDICTION_BATCH
from fewlabel.config.training import Training
from fewlabel.operations.planning.calibration.designs import Planned
from fewlabel.operations.planning.step_work import Stage, StepWork, default_views, transforms


@dataclass(frozen=True)
class Steps:
    """A number of equal steps."""

    # step, augmentation: of each step
    step: StepWork
    augmentation: Augmentation
    count: int  # number of steps
    stage: str = ""  # key of the pretraining stage; empty for finetuning
    keeps_start: bool = False  # whether the objective before the first step is kept too


def pretraining_steps(experiment: Experiment, cohort: str, method: str) -> list[Steps]:
    """The steps of each pretraining stage of a method; empty without pretraining."""
    recipe = experiment.methods[method]
    if not isinstance(recipe, PretrainedBase):
        return []
    stages, budgets = [], pretraining_stages(recipe)
    for key, outline in outlines(recipe).items():
        views = training_jobs.augmentation(experiment, budgets[key].augmentation)
        step = _step(experiment, cohort, _kind(outline), budgets[key], views, outline)
        keeps_start = pretext_of(recipe).stages[key].keeps_start
        stages.append(Steps(step, views, budgets[key].steps, key, keeps_start))
    return stages


def finetuning_steps(experiment: Experiment, cohort: str, method: str) -> Steps:
    """The steps of each finetuning of a method; they do not depend on N and draw."""
    budget = training_jobs.finetuning(experiment, method)
    augmentation = training_jobs.augmentation(experiment, budget.augmentation)
    return Steps(_step(experiment, cohort, "finetune", budget, augmentation), augmentation, budget.steps)


def prediction_step(experiment: Experiment, cohort: str, slices: float) -> StepWork:
    """The prediction of a subject with this number of slices, or of its first batch."""
    batch = max(1, min(PREDICTION_BATCH, round(slices)))
    grid = experiment.cohorts[cohort].grid
    return StepWork(stage="predict", widths=experiment.network.widths, matrix=grid.matrix, batch=batch)


def planned_of(experiment: Experiment) -> list[Planned]:
    """The distinct steps of an experiment."""
    distinct = {planned.step.model_dump_json(): planned for planned in _all(experiment)}
    return list(distinct.values())


def _all(experiment: Experiment) -> Iterator[Planned]:
    for cohort in experiment.cohorts:
        for name, method in experiment.methods.items():
            if isinstance(method, PretrainedBase):
                for steps in pretraining_steps(experiment, cohort, name):
                    yield Planned(steps.step, steps.augmentation, method, steps.stage)
            steps = finetuning_steps(experiment, cohort, name)
            yield Planned(steps.step, steps.augmentation)
        yield Planned(prediction_step(experiment, cohort, PREDICTION_BATCH), Augmentation())


def _kind(outline: StageOutline) -> Stage:
    """The kind of step of a pretraining stage."""
    if outline.decoder == "all":
        return "joint" if outline.head else "regression"
    return "local" if outline.decoder else "global"


def _step(
    experiment: Experiment,
    cohort: str,
    stage: Stage,
    budget: Training,
    views: Augmentation,
    outline: StageOutline | None = None,
) -> StepWork:
    several = outline is not None and outline.views != default_views(stage)
    return StepWork(
        stage=stage,
        widths=experiment.network.widths,
        matrix=experiment.cohorts[cohort].grid.matrix,
        batch=budget.batch,
        views=outline.views if outline and several else None,
        transforms=transforms(views, masks=stage == "finetune"),
        head=outline.head.widths if outline and outline.head else None,
        decoder_stages=int(outline.decoder) if outline and stage == "local" else 0,
        freeze_encoder=bool(outline and outline.freezes_encoder),
    )
