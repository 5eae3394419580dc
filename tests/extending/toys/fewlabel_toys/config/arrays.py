"""The source of NumPy arrays: its settings, which are its specification."""

from typing import Literal

from pydantic import Field

from fewlabel.config.base import LabelValues, Text
from fewlabel.config.sources.base import FileSource


class ArraySource(FileSource):
    """A folder of volumes `<subject>.npy`, masks `<subject>_mask.npy`, and `spacing.json` with mm along each axis."""

    implementation = "fewlabel_toys.data.arrays:arrays"
    licence = "CC0 1.0"
    citation = "Toy et al. 2026"

    kind: Literal["arrays"]
    folder: Text
    """The cohort's folder, below `data_root` unless absolute."""
    labels: LabelValues = Field([1])
    """Values in the masks that form the target; several are merged."""
