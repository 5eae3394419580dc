"""One file of radial multi-coil data as a reconstructed volume, and what is wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from fewlabel.cohorts.layout import FIRST_PARTS, KSPACE_SUFFIXES, NIFTI_SUFFIXES, SECOND_PARTS, stem
from fewlabel.cohorts.problems import Grid, same_place
from fewlabel.cohorts.radial_problems import array_problems, coil_problems, settings_problems
from fewlabel.errors import InputError
from fewlabel.experiment import RadialSource
from fewlabel.imaging.radial.acquisition import Acquisition
from fewlabel.imaging.radial.trajectory import Trajectory

NEEDED = ("kspace", "trajectory", "matrix")
"""Of an HDF5 file. `kspace`: (slice, coil, spoke, sample), complex; `trajectory`: (spoke, sample, 2), cycles per pixel;
`matrix`: pixels along a side. Beside them `echo` (spoke,), from 0, with `echo_times` (echo,) in ms, and `affine`."""
UNKNOWN = np.full((4, 4), np.nan)
"""Affine of a file that does not say where it lies."""


@dataclass(frozen=True)
class Scan:
    """One file's data without problems, not reconstructed yet.

    Attributes:
        shape: of the image, (row, column, slice).
        affine: `UNKNOWN` where the file does not tell.
        data: k-space, or coil images (slice, coil, row, column).
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    data: Acquisition | NDArray[np.complex64]


def load_radial(
    path: Path, name: str, source: RadialSource, region: NDArray[np.bool_] | None = None
) -> tuple[Grid | None, list[str]]:
    """A reconstructed volume, (row, column, slice) with its affine (`UNKNOWN` where none is told), or all problems.

    Args:
        path: of the data.
        name: in messages.
        source: how it is reconstructed.
        region: (slice, row, column), True where interference is seen; default: found automatically.
    """

    def load() -> tuple[Grid | None, list[str]]:
        scan, problems = _scan(path, source)
        if scan is None:
            return None, problems
        shape = None if region is None else (*region.shape[1:], region.shape[0])
        if shape not in (None, scan.shape):
            return None, [f"shape {scan.shape}, but its interference mask has {shape}; accepted: equal shapes"]
        return Grid(_native(_images(scan, source, region)), scan.affine), []

    return _told(load, name)


def examine_radial(path: Path, name: str, source: RadialSource) -> tuple[Grid | None, list[str]]:
    """What `load_radial` would find wrong before it reconstructs, which here is not done: the volume holds 0 alone."""

    def examine() -> tuple[Grid | None, list[str]]:
        if path.suffix in KSPACE_SUFFIXES:
            arrays, affine, problems = _kspace(path, source)
            shape = _shape(arrays) if not problems else (0, 0, 0)
        else:
            scan, problems = _scan(path, source)
            shape, affine = (scan.shape, scan.affine) if scan is not None else ((0, 0, 0), UNKNOWN)
        return (None, problems) if problems else (Grid(np.broadcast_to(np.float32(0), shape), affine), [])

    return _told(examine, name)


def radial_geometry(path: Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Shape (row, column, slice) and affine, from headers where they tell.

    Raises:
        InputError: the file is no good.
    """
    if path.suffix == ".npy":
        images = np.load(path, mmap_mode="r", allow_pickle=False)
        return images.shape[:3], np.diag([-1.0, -1.0, 1.0, 1.0])
    arrays, affine, problems = _kspace(path, None)
    if problems:
        raise InputError.of([f"{path.name}: {problem}" for problem in problems])
    return _shape(arrays), affine if np.isfinite(affine).all() else np.diag([-1.0, -1.0, 1.0, 1.0])


def kspace_shape(path: Path) -> tuple[int, int, int, int] | None:
    """Slices, coils, spokes and samples of a file of k-space, from its headers; None of coil images.

    Raises:
        InputError: the file is no good.
    """
    if path.suffix not in KSPACE_SUFFIXES:
        return None
    arrays, _, problems = _kspace(path, None)
    if problems:
        raise InputError.of([f"{path.name}: {problem}" for problem in problems])
    slices, coils, spokes, samples = arrays["shape"]
    return slices, coils, spokes, samples


def _told(load: Callable[[], tuple[Grid | None, list[str]]], name: str) -> tuple[Grid | None, list[str]]:
    """What a reader finds, problems under the file's name, those of damaged files among them."""
    try:
        grid, problems = load()
    except InputError as error:
        grid, problems = None, str(error).splitlines()
    except Exception as error:  # h5py, ismrmrd, NumPy and nibabel each raise their own kinds for damaged files
        reason = " ".join(str(error).split())
        grid, problems = None, [f"cannot be read ({reason}); truncated or of another kind: copy or export it again"]
    return grid, [f"{name}: {problem}" for problem in problems]


def _scan(path: Path, source: RadialSource) -> tuple[Scan | None, list[str]]:
    if path.suffix in KSPACE_SUFFIXES:
        arrays, affine, problems = _kspace(path, source, whole=True)
        return (None, problems) if problems else (Scan(_shape(arrays), affine, _acquisition(arrays)), [])
    images, affine, problems = _coil_images(path)
    if source.input != "composite":
        problems.append(f"finished coil images have no echoes; accepted: input composite, not {source.input}")
    if images is None or problems:
        return None, problems
    problems = coil_problems(images.shape[1], source)
    slices, _, rows, columns = images.shape
    return (None, problems) if problems else (Scan((rows, columns, slices), affine, images), [])


def _images(scan: Scan, source: RadialSource, region: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """(slice, row, column), reconstructed and de-streaked."""
    if isinstance(scan.data, Acquisition):
        from fewlabel.imaging.destreak.reconstruct import reconstruct

        return reconstruct(scan.data, source, region)
    from fewlabel.imaging.destreak.covariance import mix
    from fewlabel.imaging.destreak.remedy import from_images

    remedy = from_images(source.destreak, scan.data, region)
    return remedy.combined(mix(remedy.mixing, scan.data, axis=1))


def _native(slices: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.moveaxis(slices, 0, -1))


# ------------------------------------------------------------------------------------------------------------- k-space
def _kspace(
    path: Path, source: RadialSource | None, whole: bool = False
) -> tuple[dict[str, Any], NDArray[np.float64], list[str]]:
    """The arrays of a file and its affine, or all problems.

    Args:
        path: HDF5 or ISMRMRD.
        source: whose settings the arrays must be enough for; None: headers alone are looked at.
        whole: read k-space; else its `shape` alone is told.
    """
    import h5py

    with h5py.File(path, "r") as file:
        if "dataset" in file and "kspace" not in file:
            from fewlabel.cohorts.radial_ismrmrd import read_ismrmrd

            read, found_affine = read_ismrmrd(path)
            arrays: dict[str, Any] = dict(read)
            affine = UNKNOWN if found_affine is None else found_affine
        else:
            missing = [key for key in NEEDED if key not in file]
            if missing:
                found = ", ".join(file) or "nothing"
                return {}, UNKNOWN, [
                    f"no dataset {', '.join(missing)}; found: {found}; accepted: {', '.join(NEEDED)}, or ISMRMRD"
                ]  # fmt: skip
            others = (*NEEDED[1:], "echo", "echo_times")
            arrays = {"kspace": file["kspace"], **{key: np.asarray(file[key]) for key in others if key in file}}
            affine = np.asarray(file["affine"], dtype=np.float64) if "affine" in file else UNKNOWN
        problems = array_problems(arrays, numbers=source is not None)
        if affine.shape != (4, 4):
            problems.append(f"affine of shape {affine.shape}; accepted: (4, 4), indices (row, column, slice) to RAS mm")
        if source is not None and not problems:
            problems = settings_problems(arrays, source)
        arrays["shape"] = arrays["kspace"].shape
        # A closed file's data set is of no use.
        arrays["kspace"] = np.asarray(arrays["kspace"], dtype=np.complex64) if whole and not problems else None
    return arrays, affine, problems


def _shape(arrays: Mapping[str, Any]) -> tuple[int, int, int]:
    matrix = int(arrays["matrix"].flat[0])
    return matrix, matrix, int(arrays["shape"][0])


def _acquisition(arrays: Mapping[str, Any]) -> Acquisition:
    points = arrays["trajectory"].astype(np.float64)
    echo = np.asarray(arrays.get("echo", np.zeros(len(points))), dtype=np.int64)
    times = np.asarray(arrays.get("echo_times", np.zeros(echo.max() + 1)), dtype=np.float64)
    return Acquisition(arrays["kspace"], Trajectory(points, echo, times), int(arrays["matrix"].flat[0]))


# --------------------------------------------------------------------------------------------------------- coil images
def _coil_images(path: Path) -> tuple[NDArray[np.complex64] | None, NDArray[np.float64], list[str]]:
    """(slice, coil, row, column) of a file of (row, column, slice, coil)."""
    if path.suffix == ".npy":
        images, affine = np.load(path, allow_pickle=False), UNKNOWN
        if not np.iscomplexobj(images):
            return None, affine, [f"{images.dtype}; accepted: complex numbers"]
    else:
        parts = _parts(path)
        if isinstance(parts, str):
            return None, UNKNOWN, [parts]
        first, second, affine = parts
        images = first * np.exp(1j * second) if stem(path).endswith("_magnitude") else first + 1j * second
    if images.ndim != 4:
        return None, affine, [f"array of shape {images.shape}; accepted: (row, column, slice, coil)"]
    bad = images.size - np.count_nonzero(np.isfinite(images))
    if bad:
        return None, affine, [f"{bad} values are NaN or infinite; accepted: finite numbers; export it again"]
    return np.ascontiguousarray(images.transpose(2, 3, 0, 1), dtype=np.complex64), affine, []


def _parts(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]] | str:
    """Both files of a pair and their affine; phases in radians."""
    pair = dict(zip(FIRST_PARTS, SECOND_PARTS, strict=True))
    part = next((part for part in FIRST_PARTS if stem(path).endswith(part)), None)
    if part is None:
        return "one NIfTI file; accepted: a pair, <subject>_magnitude and _phase, or <subject>_real and _imaginary"
    base = stem(path).removesuffix(part) + pair[part]
    other = next((path.with_name(base + end) for end in NIFTI_SUFFIXES if path.with_name(base + end).is_file()), None)
    if other is None:
        return f"no {base}.nii.gz beside it; accepted: both files of the pair"
    first, second = nib.load(path), nib.load(other)
    if first.shape != second.shape:
        return f"shape {first.shape}, but {other.name} has {second.shape}; accepted: equal shapes"
    if not same_place(first.shape[:3], first.affine, second.affine):
        return f"{other.name}: its affine differs; accepted: equal affines of both files"
    arrays = [np.asarray(each.dataobj, dtype=np.float32) for each in (first, second)]
    if part == "_magnitude" and np.abs(arrays[1]).max() > 2 * np.pi + 1e-3:
        return f"{other.name}: phases up to {np.abs(arrays[1]).max():g}; accepted: radians"
    return arrays[0], arrays[1], np.asarray(first.affine, dtype=np.float64)
