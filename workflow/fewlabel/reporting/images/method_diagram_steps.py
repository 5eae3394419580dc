"""The steps of a method in figure 2: which parts of the U-Net each trains, from which weights, with which loss."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from fewlabel.config.jobs.figures.method_diagram import MethodDiagramSettings
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import outlines, pretraining_stages
from fewlabel.config.pretexts.specification import ProjectionHead, StageOutline
from fewlabel.config.training import Training

LOSSES = {"dice": "Dice loss", "dice_cross_entropy": "Dice + CE loss"}


class StageState(Enum):
    """State of a part of the network in a step; the values are the legend."""

    RANDOM = "trained from random weights"
    GIVEN = "trained from the step before"
    FROZEN = "of the step before, frozen"
    ABSENT = "not used"


@dataclass(frozen=True)
class DiagramStep:
    """One training of the U-Net.

    Attributes:
        title: task of the step.
        seen: its input.
        encoder: state of each stage, finest first; the last is the bottleneck.
        decoder: state of each stage, coarsest first.
        output: state of the 1 x 1 output convolution.
        head: of a pretraining stage; None: it has none.
        loss: name of the loss.
        notes: further lines.
        hands_on: parts whose weights the next step starts from; empty for the last step.
    """

    title: str
    seen: str
    encoder: tuple[StageState, ...]
    decoder: tuple[StageState, ...]
    output: StageState
    head: ProjectionHead | None
    loss: str
    notes: tuple[str, ...]
    hands_on: str


def steps(settings: MethodDiagramSettings, method: str) -> list[DiagramStep]:
    """The steps of a method in their order: stages of pretraining, if any, then finetuning."""
    recipe = settings.methods[method]
    decoders = len(settings.network.widths) - 1
    found: list[DiagramStep] = []
    trained = 0
    if isinstance(recipe, PretrainedBase):
        budgets = pretraining_stages(recipe)
        for key, outline in outlines(recipe).items():
            now = max(trained, outline.decoder_stages(decoders))
            last = key == list(budgets)[-1]
            handed_on = 0 if last and recipe.transfer == "encoder" else now
            stage = _stage(outline, budgets[key], trained if found else None, handed_on, decoders)
            found.append(replace(stage, seen=f"{stage.seen}{_inputs(settings)}"))
            trained = handed_on
    return [*found, _finetuning(settings, method, trained if found else None)]


def _stage(outline: StageOutline, budget: Training, before: int | None, handed_on: int, decoders: int) -> DiagramStep:
    """A pretraining stage.

    Args:
        outline: of the stage.
        budget: of the stage.
        before: decoder stages trained by earlier stages; None: it is the first stage.
        handed_on: decoder stages that the next step starts from.
        decoders: decoder stages of the network.
    """
    encoder = (
        StageState.FROZEN if outline.freezes_encoder else StageState.RANDOM if before is None else StageState.GIVEN
    )
    trained = outline.decoder_stages(decoders)
    given = min(before or 0, trained)
    return DiagramStep(
        title=outline.task,
        seen=outline.input,
        encoder=(encoder,) * (decoders + 1),
        decoder=(StageState.GIVEN,) * given
        + _first(trained - given, StageState.RANDOM, StageState.ABSENT, decoders - given),
        output=StageState.RANDOM if outline.decoder == "all" else StageState.ABSENT,
        head=outline.head,
        loss=f"{outline.loss.removesuffix(' loss')} loss",
        notes=(*outline.notes, _budget(budget)),
        hands_on=_parts(handed_on, decoders),
    )


def _finetuning(settings: MethodDiagramSettings, method: str, trained: int | None) -> DiagramStep:
    """Finetuning; `trained`: decoder stages from pretraining, None without pretraining."""
    decoders = len(settings.network.widths) - 1
    labels = ", ".join(map(str, settings.labels[method]))
    draws = f"{settings.draws} draws, " if settings.draws > 1 else ""
    return DiagramStep(
        title=f"Segment {_between(settings.classes)} classes" if settings.classes else "Segment the target",
        seen=f"labelled slice{_inputs(settings)}",
        encoder=(StageState.RANDOM if trained is None else StageState.GIVEN,) * (decoders + 1),
        decoder=_first(trained or 0, StageState.GIVEN, StageState.RANDOM, decoders),
        output=StageState.RANDOM,
        head=None,
        loss=LOSSES[settings.finetuning[method].loss],
        notes=(f"labelled {settings.titles.counted}: {labels}", f"{draws}{_budget(settings.finetuning[method])}"),
        hands_on="",
    )


def _inputs(settings: MethodDiagramSettings) -> str:
    """Further parts of the input; empty for one channel of a single slice."""
    neighbours = settings.network.context - 1
    channels = f", {_between(settings.channels)} channels" if settings.channels else ""
    return channels + (f", with {neighbours} neighbours" if neighbours else "")


def _between(numbers: Sequence[int]) -> str:
    """A number, or the range of several."""
    return " to ".join(dict.fromkeys(str(end) for end in (numbers[0], numbers[-1])))


def _first(number: int, first: StageState, then: StageState, decoders: int) -> tuple[StageState, ...]:
    return (first,) * number + (then,) * (decoders - number)


def _budget(training: Training) -> str:
    return f"{training.steps:,} steps of {training.batch} slices"


def _parts(trained: int, decoders: int) -> str:
    if not trained:
        return "encoder"
    return "encoder and decoder" if trained == decoders else f"encoder, {trained} of {decoders} decoder stages"
