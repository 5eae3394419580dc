"""The specification of a pretext: what the workflow, plans, captions and figures know of it. No torch is imported."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.training import Training

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment

Problem = tuple[tuple[str, ...], str]
"""Keys below the method, and the problem there with what is accepted."""


@dataclass(frozen=True, kw_only=True)
class ProjectionHead:
    """Two layers that a stage's objective puts on the network and that are dropped afterwards.

    Attributes:
        widths: hidden and output.
        layers: what it is made of.
        after: behind how many decoder stages; 0: behind the bottleneck.
    """

    widths: tuple[int, int]
    layers: Literal["fully connected", "1 × 1 convolutions"] = "fully connected"
    after: int = 0

    def describe(self) -> str:
        """A note for the method diagram."""
        return f"head: {self.layers}, {self.widths[0]} and {self.widths[1]}, then dropped"


@dataclass(frozen=True, kw_only=True)
class StageOutline:
    """What a stage does with the U-Net, for given settings: the source of plans, captions and the method diagram.

    Attributes:
        task: what the network learns, in a few words.
        input: what it is given.
        loss: short name of the loss.
        caption: the stage in captions, with its budget (see `budget`).
        notes: further lines of the method diagram, which adds the budget.
        views: images that pass the encoder for each slice of a batch.
        freezes_encoder: whether the encoder keeps the weights of the stage before.
        decoder: decoder stages that are trained, coarsest first; `all`: these and the output convolution.
        head: of the objective; None: it has none.
        partitions: parts of a volume, of each of which a batch has a slice; 1: volumes are not divided.
    """

    task: str
    input: str
    loss: str
    caption: str
    notes: tuple[str, ...] = ()
    views: int = 1
    freezes_encoder: bool = False
    decoder: int | Literal["all"] = 0
    head: ProjectionHead | None = None
    partitions: int = 1

    def decoder_stages(self, available: int) -> int:
        """How many decoder stages of so many are trained."""
        return available if self.decoder == "all" else self.decoder


@dataclass(frozen=True, kw_only=True)
class PretextStage:
    """One stage of a pretext.

    Attributes:
        title: of its learning curves.
        loss: name of the loss that they show.
        outline: what the stage does, from the settings of a method that has it.
        keeps_start: whether `pretext.safetensors` also holds the objective before its first step, without the encoder,
            which is that of the stage before.
        is_local: whether its objective has `represent`, a map of local representations (images, features, rows,
            columns) that the figure of similar places shows, before the first step (`keeps_start`) and after the last.
    """

    title: str
    loss: str
    outline: Callable[[Any], StageOutline]
    keeps_start: bool = False
    is_local: bool = False


def no_problems(method: Any, experiment: "Experiment") -> Iterable[Problem]:
    """The default of `Pretext.problems`."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Pretext:
    """A pretext.

    Attributes:
        settings: of a method with this pretext; its field `pretext` is a `Literal` of the pretext's name, and each
            stage is a field that holds a `Training`, or None where a method leaves it out.
        stages: in their order, by the field that sets them. A stage's key also names its histories, so no other pretext
            has it.
        implementation: "module:attribute" of a mapping from each stage's key to a
            `fewlabel.training.pretexts.base.StageImplementation`; imported only for training.
        picture: "module:attribute" of a `fewlabel.reporting.images.pretexts.PretextPicture`, its part of figure 1;
            empty: it has none.
        colour: of the first method with this pretext in figures, as `#rrggbb`; empty: one of those for further methods.
        recipe: the recipe number; raise it when the numerics change, and finished pretrainings are made again.
        problems: settings that are valid alone and not with the experiment.
    """

    settings: type[PretrainedBase]
    stages: Mapping[str, PretextStage]
    implementation: str
    picture: str = ""
    colour: str = ""
    recipe: int = 1
    problems: Callable[[Any, "Experiment"], Iterable[Problem]] = no_problems

    @property
    def name(self) -> str:
        """As an experiment file names it."""
        return str(get_args(self.settings.model_fields["pretext"].annotation)[0])


def budget(training: Training) -> str:
    """Steps and batch of a training, for captions."""
    return f"{training.steps} steps of {training.batch} slices"
