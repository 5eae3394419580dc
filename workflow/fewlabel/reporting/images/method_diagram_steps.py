"""What figure 2 says of a method: what each step trains of the U-Net, from which start, with what head and loss."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

from fewlabel.config.jobs.figures.scheme import SchemeSettings
from fewlabel.config.pretexts.contrastive import ContrastiveMethod, GlobalStage, LocalStage
from fewlabel.config.pretexts.joint import JointMethod
from fewlabel.config.pretexts.registry import PretrainedMethod
from fewlabel.config.pretexts.regression import RegressionMethod
from fewlabel.config.training import Training


class State(Enum):
    """Of a part of the network in a step, as the legend names it."""

    RANDOM = "trained from random weights"
    GIVEN = "trained from the step before"
    FROZEN = "of the step before, frozen"
    ABSENT = "takes no part"


@dataclass(frozen=True)
class Head:
    """A projection head, which its step alone has.

    Attributes:
        after: behind how many decoder stages it stands; 0: behind the bottleneck.
        widths: hidden and output.
        layers: what it is made of.
    """

    after: int
    widths: tuple[int, int]
    layers: Literal["fully connected", "1 × 1 convolutions"]


@dataclass(frozen=True)
class Step:
    """One training of the U-Net.

    Attributes:
        title: what it learns.
        seen: what it is given.
        encoder: state of each stage, finest first; the last is the bottleneck.
        decoder: state of each stage, coarsest first.
        output: state of the 1 x 1 output convolution.
        head: of contrastive stages.
        loss: its short name.
        notes: what else must be known, each a line.
        hands_on: the parts whose weights the next step starts from; empty for the last.
    """

    title: str
    seen: str
    encoder: tuple[State, ...]
    decoder: tuple[State, ...]
    output: State
    head: Head | None
    loss: str
    notes: tuple[str, ...]
    hands_on: str


def steps(settings: SchemeSettings, method: str) -> list[Step]:
    """The trainings of a method in their order: its pretraining, if it has one, then finetuning."""
    recipe = settings.methods[method]
    decoders = len(settings.network.widths) - 1
    found: list[Step] = []
    trained: int | None = None
    if isinstance(recipe, RegressionMethod):
        found, trained = [_regression(recipe, decoders)], decoders
    elif isinstance(recipe, JointMethod):
        found, trained = [_joint(recipe, decoders)], decoders
    elif isinstance(recipe, ContrastiveMethod):
        found, trained = [_global(recipe.global_stage, decoders)], 0
        if recipe.local_stage is not None:
            found.append(_local(recipe.local_stage, decoders))
            trained = recipe.local_stage.decoder_stages
    if found and isinstance(recipe, PretrainedMethod) and recipe.transfer == "encoder":
        found[-1], trained = replace(found[-1], hands_on=_parts(0, decoders)), 0
    return [*found, _finetuning(settings, method, trained)]


def _regression(recipe: RegressionMethod, decoders: int) -> Step:
    squares = f", in squares of {recipe.block} × {recipe.block}" if recipe.block > 1 else ""
    return Step(
        title="Restore corrupted pixels",
        seen="corrupted slice",
        encoder=(State.RANDOM,) * (decoders + 1),
        decoder=(State.RANDOM,) * decoders,
        output=State.RANDOM,
        head=None,
        loss="L1 loss",
        notes=(
            f"{recipe.corrupted * 100:g} % of pixels replaced by noise{squares}; loss at these only",
            _budget(recipe.training),
        ),
        hands_on=_parts(decoders, decoders),
    )


def _joint(recipe: JointMethod, decoders: int) -> Step:
    stage = recipe.joint_stage
    head = Head(0, stage.head, "fully connected")
    return Step(
        title="Restore and contrast",
        seen="two views of slices, one corrupted",
        encoder=(State.RANDOM,) * (decoders + 1),
        decoder=(State.RANDOM,) * decoders,
        output=State.RANDOM,
        head=head,
        loss="L1 + contrastive",
        notes=(
            f"{recipe.corrupted * 100:g} % of pixels replaced by noise",
            f"L1 loss at these, and contrastive loss times {recipe.contrast_weight:g}",
            *_projection(stage, head),
        ),
        hands_on=_parts(decoders, decoders),
    )


def _global(stage: GlobalStage, decoders: int) -> Step:
    meaning = {"augmentation": "views of one slice", "anatomy": "one part of several volumes"}
    head = Head(0, stage.head, "fully connected")
    return Step(
        title="Stage 1: global, slices",
        seen="two views of slices",
        encoder=(State.RANDOM,) * (decoders + 1),
        decoder=(State.ABSENT,) * decoders,
        output=State.ABSENT,
        head=head,
        loss="contrastive",
        notes=(f"positives: {' and '.join(meaning[name] for name in stage.positives)}", *_projection(stage, head)),
        hands_on=_parts(0, decoders),
    )


def _local(stage: LocalStage, decoders: int) -> Step:
    head = Head(stage.decoder_stages, stage.head, "1 × 1 convolutions")
    return Step(
        title="Stage 2: local, regions",
        seen="two views of slices",
        encoder=(State.FROZEN if stage.freeze_encoder else State.GIVEN,) * (decoders + 1),
        decoder=_first(stage.decoder_stages, State.RANDOM, State.ABSENT, decoders),
        output=State.ABSENT,
        head=head,
        loss="contrastive",
        notes=(
            f"positives: one of {stage.regions} regions of {stage.region_size} × {stage.region_size} in two views",
            *_projection(stage, head),
        ),
        hands_on=_parts(stage.decoder_stages, decoders),
    )


def _finetuning(settings: SchemeSettings, method: str, trained: int | None) -> Step:
    """`trained`: decoder stages that pretraining hands on; None: it was none."""
    decoders = len(settings.network.widths) - 1
    labels = ", ".join(map(str, settings.labels[method]))
    draws = f"{settings.draws} draws of these, " if settings.draws > 1 else ""
    return Step(
        title="Segment the target",
        seen="labelled slice",
        encoder=(State.RANDOM if trained is None else State.GIVEN,) * (decoders + 1),
        decoder=_first(trained or 0, State.GIVEN, State.RANDOM, decoders),
        output=State.RANDOM,
        head=None,
        loss="Dice loss",
        notes=(f"labelled subjects: {labels}", f"{draws}{_budget(settings.finetuning[method])}"),
        hands_on="",
    )


def _first(number: int, first: State, then: State, decoders: int) -> tuple[State, ...]:
    return (first,) * number + (then,) * (decoders - number)


def _projection(stage: GlobalStage | LocalStage, head: Head) -> Iterator[str]:
    yield f"head: {head.layers}, {head.widths[0]} and {head.widths[1]}, then dropped"
    yield f"temperature {stage.temperature:g}"
    yield _budget(stage)


def _budget(training: Training) -> str:
    return f"{training.steps:,} steps of {training.batch} slices"


def _parts(trained: int, decoders: int) -> str:
    if not trained:
        return "encoder"
    return "encoder and decoder" if trained == decoders else f"encoder, {trained} of {decoders} decoder stages"
