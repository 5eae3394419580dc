"""One file of radial multi-coil data as a reconstructed volume, and what is wrong with it."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from fewlabel.cohorts.layout import FIRST_PARTS, KSPACE_SUFFIXES, NIFTI_SUFFIXES, SECOND_PARTS, stem
from fewlabel.cohorts.problems import Grid, same_place
from fewlabel.errors import InputError
from fewlabel.experiment import RadialSource
from fewlabel.imaging.radial.acquisition import Acquisition
from fewlabel.imaging.radial.trajectory import Trajectory

NEEDED = ("kspace", "trajectory", "matrix")
"""Of an HDF5 file. `kspace`: (slice, coil, spoke, sample), complex; `trajectory`: (spoke, sample, 2), cycles per pixel;
`matrix`: pixels along a side. Beside them `echo` (spoke,), from 0, with `echo_times` (echo,) in ms, and `affine`."""
UNKNOWN = np.full((4, 4), np.nan)
"""Affine of a file that does not say where it lies."""
STRAIGHT = 1e-3
"""Cycles per pixel that a sample may lie off its spoke's line through the centre."""


def load_radial(path: Path, name: str, source: RadialSource) -> tuple[Grid | None, list[str]]:
    """A reconstructed volume, (row, column, slice) with its affine (`UNKNOWN` where none is told), or all problems."""
    try:
        if path.suffix in KSPACE_SUFFIXES:
            acquisition, affine, problems = _kspace(path)
            problems = problems or _settings_problems(acquisition, source)
            if acquisition is None or problems:
                return None, [f"{name}: {problem}" for problem in problems]
            from fewlabel.imaging.destreak.reconstruct import reconstruct

            return Grid(_native(reconstruct(acquisition, source)), affine), []
        images, affine, problems = _coil_images(path)
        if source.input != "composite":
            problems.append(f"finished coil images have no echoes; accepted: input composite, not {source.input}")
        if images is None or problems:
            return None, [f"{name}: {problem}" for problem in problems]
        from fewlabel.imaging.destreak.covariance import mix
        from fewlabel.imaging.destreak.remedy import from_images

        remedy = from_images(source.destreak, images)
        return Grid(_native(remedy.combined(mix(remedy.mixing, images, axis=1))), affine), []
    except InputError as error:
        return None, [f"{name}: {line}" for line in str(error).splitlines()]
    except Exception as error:  # h5py, ismrmrd, NumPy and nibabel each raise their own kinds for damaged files
        reason = " ".join(str(error).split())
        return None, [f"{name}: cannot be read ({reason}); truncated or of another kind: copy or export it again"]


def radial_geometry(path: Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Shape (row, column, slice) and affine; k-space is read, not reconstructed.

    Raises:
        InputError: the file is no good.
    """
    if path.suffix == ".npy":
        images = np.load(path, mmap_mode="r", allow_pickle=False)
        return images.shape[:3], np.diag([-1.0, -1.0, 1.0, 1.0])
    acquisition, affine, problems = _kspace(path)
    if acquisition is None:
        raise InputError.of([f"{path.name}: {problem}" for problem in problems])
    known = affine if np.isfinite(affine).all() else np.diag([-1.0, -1.0, 1.0, 1.0])
    return (acquisition.matrix, acquisition.matrix, len(acquisition.kspace)), known


def _native(slices: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.moveaxis(slices, 0, -1))


# ------------------------------------------------------------------------------------------------------------- k-space
def _kspace(path: Path) -> tuple[Acquisition | None, NDArray[np.float64], list[str]]:
    import h5py

    with h5py.File(path, "r") as file:
        if "dataset" in file and "kspace" not in file:
            from fewlabel.cohorts.radial_ismrmrd import read_ismrmrd

            arrays, found_affine = read_ismrmrd(path)
            affine = UNKNOWN if found_affine is None else found_affine
        else:
            missing = [key for key in NEEDED if key not in file]
            if missing:
                found = ", ".join(file) or "nothing"
                return None, UNKNOWN, [
                    f"no dataset {', '.join(missing)}; found: {found}; accepted: {', '.join(NEEDED)}, or ISMRMRD"
                ]  # fmt: skip
            arrays = {key: np.asarray(file[key]) for key in (*NEEDED, "echo", "echo_times") if key in file}
            affine = np.asarray(file["affine"], dtype=np.float64) if "affine" in file else UNKNOWN
    problems = _array_problems(arrays)
    if affine.shape != (4, 4):
        problems.append(f"affine of shape {affine.shape}; accepted: (4, 4), indices (row, column, slice) to RAS mm")
    if problems:
        return None, UNKNOWN, problems
    kspace, points = arrays["kspace"].astype(np.complex64), arrays["trajectory"].astype(np.float64)
    echo = np.asarray(arrays.get("echo", np.zeros(len(points))), dtype=np.int64)
    times = np.asarray(arrays.get("echo_times", np.zeros(echo.max() + 1)), dtype=np.float64)
    return Acquisition(kspace, Trajectory(points, echo, times), int(arrays["matrix"])), affine, []


def _array_problems(arrays: dict[str, NDArray[Any]]) -> list[str]:
    kspace, points = arrays["kspace"], arrays["trajectory"]
    problems = []
    if kspace.ndim != 4 or not np.iscomplexobj(kspace):
        problems.append(
            f"kspace: {kspace.dtype} of shape {kspace.shape}; accepted: complex, (slice, coil, spoke, sample)"
        )
    else:
        bad = kspace.size - np.count_nonzero(np.isfinite(kspace))
        if bad:
            problems.append(f"kspace: {bad} samples are NaN or infinite; accepted: finite numbers; export it again")
    if points.ndim != 3 or points.shape[-1] != 2:
        problems.append(f"trajectory of shape {points.shape}; accepted: (spoke, sample, 2)")
    elif kspace.ndim == 4 and points.shape[:2] != kspace.shape[2:]:
        problems.append(
            f"trajectory of {points.shape[0]} spokes of {points.shape[1]} samples, but kspace has {kspace.shape[2]} of "
            f"{kspace.shape[3]}; accepted: equal lengths; export both of the same scan"
        )
    if not np.isfinite(points).all() or np.abs(points).max(initial=0) > 0.5 + 1e-6:
        problems.append("trajectory: beyond 0.5 or not finite; accepted: cycles per pixel, -0.5 to 0.5")
    elif not problems:
        problems += _line_problems(points.astype(np.float64))
    if arrays["matrix"].size != 1 or not 1 < int(arrays["matrix"].flat[0]) < 4096:
        problems.append("matrix: accepted: one number, pixels along a side of the field of view")
    echo, times = arrays.get("echo"), arrays.get("echo_times")
    if echo is not None and (echo.shape != points.shape[:1] or echo.min(initial=0) < 0):
        problems.append(f"echo of shape {echo.shape}; accepted: for each spoke its echo, from 0")
    if echo is not None and (times is None or times.size != int(echo.max(initial=0)) + 1):
        problems.append("echo_times: accepted: ms of each echo that `echo` names")
    return problems


def _line_problems(points: NDArray[np.float64]) -> list[str]:
    """Trajectories whose density cannot be told: those that are no full straight spokes."""
    along = points[:, -1] - points[:, 0]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    directions = along / np.maximum(length, np.finfo(np.float64).tiny)
    radii = np.einsum("sni,si->sn", points, directions)
    off = float(np.linalg.norm(points - radii[..., None] * directions[:, None], axis=-1).max())
    rising = bool((np.diff(radii, axis=1) > 0).all() and (radii[:, 0] < 0).all() and (radii[:, -1] > 0).all())
    if rising and off <= STRAIGHT:
        return []
    return [
        f"trajectory: not radial (up to {off:.3g} cycles per pixel off straight spokes); accepted: samples in order "
        "along straight spokes from edge to edge through the centre"
    ]


def _settings_problems(acquisition: Acquisition | None, source: RadialSource) -> list[str]:
    if acquisition is None:
        return []
    echoes = len(acquisition.trajectory.echo_times)
    if source.input == "t2_map" and echoes < 2:
        return [f"{echoes} echo; accepted: two or more for input t2_map"]
    if source.input == "echo" and source.echo is not None and source.echo > echoes:
        return [f"no echo {source.echo}, the train has {echoes}; change `echo`"]
    return []


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
