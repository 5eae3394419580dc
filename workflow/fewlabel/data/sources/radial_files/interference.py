"""Masks of where interference is seen in radial images, drawn by hand on the image's grid."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.formats.checks import FileGrid
from fewlabel.data.formats.registry import load
from fewlabel.utils.formatting import listed

ACCEPTED = "accepted: 1 where streaks are seen and 0 elsewhere"


def load_interference(path: Path, name: str) -> tuple[FileGrid | None, list[str]]:
    """A mask (row, column, slice) with its affine, None where it cannot be read, and what is wrong with it alone."""
    if not path.is_file():
        return None, [
            f"{name}: no such file; accepted: a mask for each image in images/, 1 where streaks are seen and 0 "
            "elsewhere; draw it, exclude the subject, or leave `interference` out"
        ]
    mask, problems = load(path, name, None, "label")
    return (None, problems) if mask is None else (mask, _value_problems(np.unique(mask.array), name))


def as_region(mask: FileGrid) -> NDArray[np.bool_]:
    """(slice, row, column), as de-streaking takes it: True where interference is seen."""
    return np.ascontiguousarray(np.moveaxis(mask.array, -1, 0) > 0.5)


def _value_problems(values: NDArray[np.float32], name: str) -> list[str]:
    # Header scaling by a float32 slope leaves whole numbers a little off; NaN is never close.
    broken = values[~(np.minimum(np.abs(values), np.abs(values - 1)) <= 1e-3)]
    if broken.size:
        found = listed([f"{value:g}" for value in broken], 5)
        return [f"{name}: values {found}; {ACCEPTED}; export the mask as such"]
    if (values > 0.5).all() or (values < 0.5).all():
        return [f"{name}: {np.round(values[0]):.0f} everywhere; {ACCEPTED}; draw it again"]
    return []
