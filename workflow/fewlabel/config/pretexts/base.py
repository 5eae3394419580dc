"""Settings that methods share, and those of a method without pretraining."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from fewlabel.config.base import LabelBudgets, Settings, Subjects, Title, distinct
from fewlabel.config.training import FinetuningChange

HeadWidth = Annotated[int, Field(ge=1, le=65_536)]


class MethodBase(Settings):
    """Settings of every method."""

    labels: LabelBudgets | None = None
    """This method's own label budgets instead of the experiment's."""
    finetuning: FinetuningChange = FinetuningChange()
    """What this method does differently in finetuning."""
    title: Title | None = None
    """How figures and tables name the method; default: its key."""

    _once = field_validator("labels")(lambda value: value if value is None else distinct(value))


class ScratchMethod(MethodBase):
    """Random initialisation: the control at every N, and with all labels the supervised benchmark."""

    pretext: Literal["none"]


class PretrainedBase(MethodBase):
    """Settings of every method that is pretrained."""

    if TYPE_CHECKING:
        # Each pretext has a `Literal` of its own; a field here would come before a method's other fields.
        pretext: str

    pretraining_subjects: Subjects | None = Field(None, exclude_if=lambda value: value is None)
    """How many subjects pretraining sees, drawn by seed and nested; none: all that are not tested."""
    transfer: Literal["encoder"] | None = Field(None, exclude_if=lambda value: value is None)
    """`encoder`: the decoder starts at random; none: all decoder stages that pretraining trained are handed on, too."""
