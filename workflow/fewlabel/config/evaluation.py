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
    """Then remove components of each class that are smaller, in ml of native voxels."""

    def largest_only(self, name: str) -> bool:
        """Whether only the largest component of a class is kept; `name` is empty for the one class without a name."""
        chosen = self.largest_component
        return chosen if isinstance(chosen, bool) else name in chosen

    @property
    def steps(self) -> list[str]:
        """What is done, for readers, in order; empty: nothing."""
        named = "each class" if isinstance(self.largest_component, bool) else ", ".join(self.largest_component)
        return [
            *(["mean over mirror images"] if self.mirror else []),
            *([f"largest connected component of {named}"] if self.largest_component else []),
            *([f"components below {self.smallest_ml:g} ml removed"] if self.smallest_ml else []),
        ]


NO_PROCESSING = EvaluationOptions()
"""Predictions are scored as they are."""
