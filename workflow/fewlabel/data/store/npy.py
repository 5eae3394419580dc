"""Write `.npy` files with a clear error if the disk is full, and read rows of those that are larger than memory.

With NumPy's own writers the reason is lost (`save`), or the process is killed (memory maps).
"""

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fewlabel.utils.atomic_files import naming_full_disk


class _Stream:
    """A stream that NumPy does not recognise as a file, so that it writes through Python."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array; the content equals that of `numpy.save`. Raises OSError: with the path."""
    with naming_full_disk(path), path.open("wb") as file:
        np.save(_Stream(file), array)


def save_blocks(path: Path, blocks: Iterable[NDArray[Any]], shape: tuple[int, ...], kind: type) -> None:
    """Write blocks one after another as one array, with one block in memory at a time. Raises OSError: with the path.

    Args:
        blocks: parts of the array along its first axis.
        shape, kind: of the whole array.
    """
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": shape}
    with naming_full_disk(path), path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=kind).data)


def take_rows(array: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """A copy of these entries along the first axis.

    Pages of a memory map are let go afterwards. Otherwise all pages that a training has read would count as its
    memory, and a large store would seem to need all of its size. The system still caches them.
    """
    taken: NDArray[Any] = array[rows]
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)
    return taken
