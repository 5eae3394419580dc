"""Settings of the evaluation, which all methods share."""

from typing import Annotated

from pydantic import Field

from fewlabel.config.base import Name, Settings


class EvaluationOptions(Settings):
    """What is done with predictions before they are scored, for every method alike. Default: nothing."""

    mirror: bool = Field(False, exclude_if=lambda value: not value)
    """Probabilities are the mean over all mirror images along the cohort's `flip` axes."""
    largest_component: bool | Annotated[list[Name], Field(max_length=100)] = Field(
        False, exclude_if=lambda value: not value
    )
    """Keep the largest connected component (26 neighbours) of each class, or of the named classes."""
    smallest_ml: float = Field(0, ge=0, le=1_000_000, exclude_if=lambda value: not value)
    """Components of a class that are smaller, in ml, are removed."""
