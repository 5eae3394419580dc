"""What all settings are made of: the base model, and types of single values."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

NAME = "[a-z][a-z0-9_]*"
"""Pattern of names that become folders, rules and commands."""
Name = Annotated[str, Field(pattern=f"^{NAME}$", max_length=40)]
Title = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=120)]
"""Text for readers, in one line."""
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=600)]
"""A longer text for readers, in one line."""
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1, max_length=4096)]
"""A path, or the name of a subject or file."""
Subjects = Annotated[int, Field(ge=1, le=1_000_000)]
"""A number of subjects or of similar items, or the index of one."""
Side = Annotated[int, Field(ge=1, le=4096)]
"""Pixels along one side, or slices of a batch."""
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""Seed of random numbers, 63 bits."""
Draw = Annotated[int, Field(ge=1, le=1000)]
"""Number of random draws of labelled subjects, or the index of one, from 1."""
Fold = Annotated[int, Field(ge=1, le=1000)]
"""Number of test folds, or the index of one, from 1."""
Steps = Annotated[int, Field(ge=0, le=100_000_000)]
"""Optimiser steps."""
Trainings = Annotated[int, Field(ge=0, le=1_000_000_000)]
Number = Annotated[float, Field(ge=0, le=1_000_000)]
"""A measured value, in its own unit."""
Recipe = Annotated[int, Field(ge=0, le=1_000_000)]
"""A stage's recipe number."""
LabelValue = Annotated[int, Field(ge=1, le=2**24)]
"""A value in a mask; float32 holds whole numbers up to 2 ** 24."""
LabelValues = Annotated[list[LabelValue], Field(min_length=1, max_length=1000)]
CLASS = "class"
"""Column of tables that have a row for each class."""
MEAN = "mean"
"""Of several classes, where a class may be named: their mean."""
EACH = "each"
"""Of several classes, where a class may be named: the mean and each class."""


def _classes(values: dict[str, list[int]]) -> dict[str, list[int]]:
    """A validator: no value belongs to two classes, no class has a name with a meaning of its own; ordered by value.

    The order is independent of that of keys, which JSON records do not keep.
    """
    for name, meaning in ((MEAN, "the mean of all classes"), (EACH, "the mean and each class")):
        if name in values:
            raise ValueError(f"{name!r} names {meaning}; accepted: another name")
    owner: dict[int, str] = {}
    for name, numbers in values.items():
        for value in numbers:
            if (other := owner.setdefault(value, name)) != name:
                raise ValueError(f"value {value} belongs to {other} and to {name}; accepted: each value in one class")
    return dict(sorted(values.items(), key=lambda item: min(item[1], default=0)))


Classes = Annotated[dict[Name, LabelValues], Field(max_length=100), AfterValidator(_classes)]
"""Values in a mask by the name of their class. Class numbers count from 1, by the lowest value; 0 is background."""
LabelCount = Subjects | Literal["all"]
Axis = Literal["rows", "columns"]
"""Of a slice."""
Unit = Literal["subjects", "patients"]
"""What N labelled ones are: subjects (volumes), or patients with all their volumes."""
Drawing = Literal["hash", "permutation"]
"""Method of ordering subjects at random; see `fewlabel.data.drawing`."""
LabelBudgets = Annotated[list[LabelCount], Field(min_length=1, max_length=100)]


def distinct(values: list[Any]) -> list[Any]:
    """A validator: the list as it is, if it holds each entry once."""
    if len(set(values)) != len(values):
        raise ValueError(f"each entry once, but got {values}")
    return values


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, numbers are finite, values never change after validation.

    The docstring below a setting describes it in the JSON schema (`fewlabel.config.loading.schema`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, allow_inf_nan=False)
