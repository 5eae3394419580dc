"""What all settings are made of: the base model, and types of single values."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Title = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=120)]
"""Text for readers, in one line."""
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=600)]
"""A longer text for readers, in one line."""
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
LabelCount = Positive | Literal["all"]
Axis = Literal["rows", "columns"]
"""Of a slice."""
LabelBudgets = Annotated[list[LabelCount], Field(min_length=1)]


def distinct(values: list[Any]) -> list[Any]:
    """A validator: the list as it is, if it holds each entry once."""
    if len(set(values)) != len(values):
        raise ValueError(f"each entry once, but got {values}")
    return values


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values never change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, defer_build=True)
