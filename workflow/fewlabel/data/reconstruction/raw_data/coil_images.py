"""Read complex coil images of one file or pair of files, or find their problems."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.formats.checks import UNKNOWN, same_position
from fewlabel.data.formats.nifti_header import affine_mm, open_file
from fewlabel.data.paths import FIRST_PARTS, NIFTI_SUFFIXES, SECOND_PARTS, ends_with, stem
from fewlabel.data.reconstruction.radial.gridding import Complex
from fewlabel.utils.environment import refuse_above_memory


def read_coil_images(path: Path) -> tuple[Complex | None, NDArray[np.float64], list[str]]:
    """Coil images (slice, coil, row, column) of a file of (row, column, slice, coil), and the affine; or all problems.

    The array in memory is the only one of its size: rows are read one by one.

    Args:
        path: `.npy`, or the first of a pair of NIfTI files.

    Returns:
        None with problems; the affine is `UNKNOWN` if the file has none.
    """
    if path.suffix.lower() == ".npy":
        images, affine = np.load(path, mmap_mode="r", allow_pickle=False), UNKNOWN
        if not np.iscomplexobj(images):
            return None, affine, [f"{images.dtype}; accepted: complex numbers"]
        shape, row = images.shape, images.__getitem__
    else:
        parts = _parts(path)
        if isinstance(parts, str):
            return None, UNKNOWN, [parts]
        first, second, affine = parts
        shape, row = first.shape, _rows(first, second, polar=stem(path).endswith("_magnitude"))
    if len(shape) != 4 or 0 in shape:
        return None, affine, [f"array of shape {shape}; accepted: (row, column, slice, coil), one or more of each"]
    rows, columns, slices, coils = shape
    coil_images, bad = np.empty((slices, coils, rows, columns), dtype=np.complex64), 0
    for number in range(rows):
        values = row(number)
        bad += values.size - np.count_nonzero(np.isfinite(values))
        coil_images[:, :, number] = values.transpose(1, 2, 0)
    if bad:
        return None, affine, [f"{bad} values are NaN or infinite; accepted: finite numbers; to fix: export it again"]
    if not coil_images.any():
        return None, affine, ["0 throughout; accepted: a signal; to fix: export it again or exclude the subject"]
    return coil_images, affine, []


def coil_count(path: Path) -> int:
    """Coils of such a file, from its header; 0 if it has none, which reading it reports."""
    numpy_file = path.suffix.lower() == ".npy"
    shape = np.load(path, mmap_mode="r", allow_pickle=False).shape if numpy_file else open_file(path).shape
    return int(shape[3]) if len(shape) == 4 else 0


def _rows(first: NDArray[Any], second: NDArray[Any], polar: bool) -> Callable[[int], NDArray[Any]]:
    """Complex numbers, (column, slice, coil) of a row, of two parts."""

    def row(number: int) -> NDArray[Any]:
        one, other = first[number], second[number]
        return np.asarray(one * np.exp(1j * other) if polar else one + 1j * other)

    return row


def _parts(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]] | str:
    """Both files of a pair and their affine; phases in radians."""
    pair = dict(zip(FIRST_PARTS, SECOND_PARTS, strict=True))
    part = next((part for part in FIRST_PARTS if stem(path).endswith(part)), None)
    if part is None:
        return "one NIfTI file; accepted: a pair, <subject>_magnitude and _phase, or <subject>_real and _imaginary"
    base = stem(path).removesuffix(part) + pair[part]
    other = next((one for one in sorted(path.parent.iterdir()) if _is_nifti(one) and stem(one) == base), None)
    if other is None:
        return f"no {base}.nii.gz beside it; accepted: both files of the pair"
    first, second = open_file(path), open_file(other)
    if first.shape != second.shape:
        return f"shape {first.shape}, but {other.name} has {second.shape}; accepted: equal shapes"
    if not same_position(first.shape[:3], affine_mm(first), affine_mm(second)):
        return f"{other.name}: its affine differs; accepted: equal affines of both files"
    # Both parts as float32, and the complex images.
    refuse_above_memory(16 * math.prod(first.shape), f"coil images of shape {first.shape}", "use fewer coils or slices")
    arrays = [np.asarray(each.dataobj, dtype=np.float32) for each in (first, second)]
    if part == "_magnitude" and np.abs(arrays[1]).max() > 2 * np.pi + 1e-3:
        return f"{other.name}: phases up to {np.abs(arrays[1]).max():g}; accepted: radians"
    return arrays[0], arrays[1], affine_mm(first)


def _is_nifti(path: Path) -> bool:
    return ends_with(path, NIFTI_SUFFIXES) and path.is_file()
