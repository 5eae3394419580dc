"""Read radial k-space of one file, HDF5 or ISMRMRD, a slice at a time, or find its problems."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.formats.checks import UNKNOWN
from fewlabel.data.reconstruction.radial.acquisition import Scan
from fewlabel.data.reconstruction.radial.gridding import Complex
from fewlabel.data.reconstruction.radial.trajectory import Trajectory
from fewlabel.data.reconstruction.raw_data.checks import array_problems, settings_problems
from fewlabel.utils.errors import plain

NEEDED = ("kspace", "trajectory", "matrix")
"""Of an HDF5 file. `kspace`: (slice, coil, spoke, sample), complex; `trajectory`: (spoke, sample, 2), cycles per pixel;
`matrix`: pixels along a side. Optional: `echo` (spoke,), from 0, with `echo_times` (echo,) in ms, and `affine`."""


@dataclass(frozen=True)
class FileKSpace:
    """The data set `kspace` of an HDF5 file, which is opened for each slice."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, number: int) -> Complex:
        import h5py

        with h5py.File(self.path, "r") as file:
            return np.asarray(file["kspace"][number], dtype=np.complex64)


def read_kspace(path: Path, source: RadialSource | None) -> tuple[dict[str, Any], NDArray[np.float64], list[str]]:
    """The arrays of a file and its affine, or all problems. Of k-space one slice at a time is in memory.

    Args:
        path: HDF5 or ISMRMRD.
        source: the settings, for which the arrays must suffice; every sample is checked. None: only headers are.

    Returns:
        `kspace` (a `PerSlice`), the others of `NEEDED` and optional ones; the affine is `UNKNOWN` if the file has none.
    """
    import h5py

    from fewlabel.data.reconstruction.raw_data.hdf5 import own_dataset, refuse_kspace, whole_array

    with h5py.File(path, "r") as file:
        others = (*NEEDED[1:], "echo", "echo_times", "affine")
        datasets = {key: each for key in ("kspace", *others) if (each := own_dataset(file, key)) is not None}
        if "dataset" in file.keys() and "kspace" not in datasets:  # noqa: SIM118 - `in file` would follow links
            from fewlabel.data.reconstruction.raw_data.ismrmrd import read_ismrmrd

            arrays, affine = read_ismrmrd(path, file, every_trajectory=source is not None)
        else:
            missing = [key for key in NEEDED if key not in datasets]
            if missing:
                there = plain(", ".join(file) or "nothing")
                return {}, UNKNOWN, [
                    f"no dataset {', '.join(missing)}; found: {there}; accepted: {', '.join(NEEDED)}, or ISMRMRD"
                ]  # fmt: skip
            kspace = datasets.pop("kspace")
            refuse_kspace(kspace.shape)
            read: dict[str, Any] = {key: np.asarray(whole_array(each, key)) for key, each in datasets.items()}
            affine = np.asarray(read.pop("affine"), dtype=np.float64) if "affine" in read else UNKNOWN
            arrays = {**read, "kspace": FileKSpace(path, kspace.shape, kspace.dtype)}
    problems = array_problems(arrays, numbers=source is not None)
    if affine.shape != (4, 4):
        problems.append(f"affine of shape {affine.shape}; accepted: (4, 4), indices (row, column, slice) to RAS mm")
    if source is not None and not problems:
        problems = settings_problems(arrays, source)
    return arrays, affine, problems


def image_shape(arrays: Mapping[str, Any]) -> tuple[int, int, int]:
    """(row, column, slice) of the images of arrays without problems."""
    matrix = int(arrays["matrix"].flat[0])
    return matrix, matrix, int(arrays["kspace"].shape[0])


def scan_of(arrays: Mapping[str, Any]) -> Scan:
    """Arrays without problems as readings; k-space stays in its file."""
    points = arrays["trajectory"].astype(np.float64)
    echo = np.asarray(arrays.get("echo", np.zeros(len(points))), dtype=np.int64)
    times = np.asarray(arrays.get("echo_times", np.zeros(echo.max() + 1)), dtype=np.float64)
    return Scan(arrays["kspace"], Trajectory(points, echo, times), int(arrays["matrix"].flat[0]))
