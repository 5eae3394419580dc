"""What a score of a predicted mask is: its name, unit, range and how it is shown; torch-free, for the workflow."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ScoreSpecification:
    """A score of one predicted mask against its truth, on the native grid.

    Attributes:
        name: the column in tables of scores; lower case letters, digits and _, such as `hd95_mm`.
        title: for readers, such as `HD95`.
        implementation: `module:attribute`, a function of the predicted mask, the true mask (uint8, 1 inside, of one
            shape) and the voxel size along their axes in mm; it returns a float, NaN where the score is undefined.
        better: whether high or low values are better; None: neither.
        unit: such as `mm`; empty: none.
        low, high: smallest and largest value.
        digits: after the decimal point, in tables of scores.
        decimals: after the decimal point, for readers.
        may_be_undefined: for example where a mask is empty; such values are left out of medians and counted.
        missing: what readers see where there is no value.
    """

    name: str
    title: str
    implementation: str
    better: Literal["high", "low"] | None
    unit: str = ""
    low: float = 0
    high: float = math.inf
    digits: int = 4
    decimals: int = 1
    may_be_undefined: bool = False
    missing: str = "-"

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    @property
    def accepted(self) -> str:
        """The values that it can have, for messages."""
        numbers = f"{self.low:g} to {self.high:g}" if math.isfinite(self.high) else f"numbers from {self.low:g}"
        return f"{numbers}, or empty" if self.may_be_undefined else numbers
