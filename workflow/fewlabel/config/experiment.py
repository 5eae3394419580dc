"""The typed settings of a study: the one source of defaults, bounds, descriptions and of the JSON schema.

Every key of an experiment file (`config.yaml`, `experiments/*.yaml`) is a field below; nothing else is accepted.
"""

from typing import Literal

from pydantic import Field, field_validator

from fewlabel.config.augmentation import Augmentation
from fewlabel.config.base import Draw, Drawing, LabelBudgets, Name, Seed, Settings, Text, distinct
from fewlabel.config.cohort import Cohort
from fewlabel.config.evaluation import EvaluationOptions
from fewlabel.config.figure_options import Figures, Intervals
from fewlabel.config.pretexts.registry import Method
from fewlabel.config.training import Finetuning, Network


class Experiment(Settings):
    """A study: cohorts x methods x label budgets x draws."""

    study: Name = "demo"
    """Name of the study; results are written to `results/<study>/`."""
    data_root: Text | None = None
    """Where cohorts on disk and downloads lie; default: the environment variable FEWLABEL_DATA, then `data`."""
    seed: Seed = 3914
    """Of splits, draws and trainings."""
    drawing: Drawing = Field("permutation", exclude_if=lambda value: value == "permutation")
    """How subjects are drawn. `hash` (config.yaml): by a seeded hash of each, so adding subjects does not move the
    others. `permutation`: the method of older studies."""
    redraw: bool = Field(False, exclude=True)
    """Draw all subjects of a study with results again, as in a new study; accepted only on the command line:
    `--config redraw=true`. It is never recorded. False: test subjects, folds and draws are kept, and changes to them
    are refused."""
    cohorts: dict[Name, Cohort] = Field(min_length=1, max_length=100)
    """By name; an overlay drops one of `config.yaml` by setting it to null."""
    methods: dict[Name, Method] = Field(min_length=1, max_length=1000)
    """By name; an overlay drops one of `config.yaml` by setting it to null."""
    control: Name | None = Field(None, exclude_if=lambda value: value is None)
    """The method that tables, figures and explorer compare the others with; none: the first that starts at random and
    is no benchmark."""
    benchmark: Name | None = Field(None, exclude_if=lambda value: value is None)
    """The method whose score at its largest N is 100 %; none: the first that is trained with all labels only, else the
    first method without pretraining that is trained on all labels."""
    labels: LabelBudgets = Field([1, 2, 4, 8])
    """Numbers of labelled subjects to finetune on: numbers, or `all` (the whole labelled pool)."""
    draws: Draw = 2
    """Random choices of the labelled subjects, nested over N and shared by all methods."""
    scores: list[Name] = Field([], max_length=100, exclude_if=lambda value: not value)
    """Further scores of each predicted mask, of installed packages, by name. Every study has Dice, HD95, ASSD and
    volumes."""
    network: Network = Network()
    finetuning: Finetuning = Finetuning()
    evaluation: EvaluationOptions = Field(EvaluationOptions(), exclude_if=lambda value: value == EvaluationOptions())
    augmentations: dict[Name, Augmentation] = Field(default_factory=dict, max_length=1000)
    """Further augmentations by name; a name of a built-in one replaces it."""
    precision: Literal["auto", "f32", "bf16"] = "auto"
    """Of training. auto: on a CPU bf16 autocast where a probe finds it faster, on a GPU where the hardware has it."""
    deterministic: bool = False
    """Of training on a GPU: only operations that give the same bits each time, slower. CPUs always do so."""
    checkpoint_every: float = Field(60, ge=0, le=10_000_000)
    """Seconds between two saved states of a training: what a killed one loses at most. Changes no result."""
    tensorboard: bool = False
    """Also write TensorBoard logs of trainings to the folders of their results; needs the extra `tensorboard`. Changes
    no result."""
    intervals: Intervals = Intervals()
    figures: Figures = Field(default_factory=Figures)

    _once = field_validator("scores")(distinct)
