"""Read one file of radial multi-coil data as a reconstructed volume, or find its problems."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.formats.checks import FileGrid
from fewlabel.data.paths import KSPACE_SUFFIXES
from fewlabel.data.reconstruction.radial.acquisition import Scan
from fewlabel.data.reconstruction.raw_data.checks import coil_problems
from fewlabel.data.reconstruction.raw_data.coil_images import read_coil_images
from fewlabel.data.reconstruction.raw_data.kspace import image_shape, read_kspace, scan_of
from fewlabel.utils.errors import InputError


@dataclass(frozen=True)
class Data:
    """One file's data without problems, not reconstructed yet."""

    shape: tuple[int, int, int]  # of the image, (row, column, slice)
    affine: NDArray[np.float64]  # `UNKNOWN` if the file has none
    measured: Scan | NDArray[np.complex64]  # k-space, or coil images (slice, coil, row, column)


def load_radial(
    path: Path, name: str, source: RadialSource, region: NDArray[np.bool_] | None = None
) -> tuple[FileGrid | None, list[str]]:
    """A reconstructed volume, (row, column, slice) with its affine (`UNKNOWN` if the file has none), or all problems.

    `region`: (slice, row, column), True in regions with interference; default: detected automatically.
    """

    def load() -> tuple[FileGrid | None, list[str]]:
        data, problems = _data(path, source)
        if data is None:
            return None, problems
        shape = None if region is None else (*region.shape[1:], region.shape[0])
        if shape not in (None, data.shape):
            return None, [f"shape {data.shape}, but its interference mask has {shape}; accepted: equal shapes"]
        return FileGrid(_native(_images(data.measured, source, region)), data.affine), []

    return _guarded(load, name)


def examine_radial(path: Path, name: str, source: RadialSource) -> tuple[FileGrid | None, list[str]]:
    """The problems that `load_radial` finds before reconstruction, or a volume of zeros."""

    def examine() -> tuple[FileGrid | None, list[str]]:
        data, problems = _data(path, source)
        return (
            (None, problems)
            if data is None
            else (FileGrid(np.broadcast_to(np.float32(0), data.shape), data.affine), [])
        )

    return _guarded(examine, name)


def radial_geometry(path: Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Shape (row, column, slice) and affine from headers, if possible. Raises InputError: the file is invalid."""
    if path.suffix.lower() == ".npy":
        images = np.load(path, mmap_mode="r", allow_pickle=False)
        return images.shape[:3], np.diag([-1.0, -1.0, 1.0, 1.0])
    arrays, affine, problems = read_kspace(path, None)
    if problems:
        raise InputError.of([f"{path.name}: {problem}" for problem in problems])
    return image_shape(arrays), affine if np.isfinite(affine).all() else np.diag([-1.0, -1.0, 1.0, 1.0])


def kspace_shape(path: Path) -> tuple[int, int, int, int] | None:
    """Slices, coils, spokes and samples of a file of k-space, from its headers; None of coil images.

    Raises:
        InputError: the file is invalid.
    """
    if path.suffix.lower() not in KSPACE_SUFFIXES:
        return None
    arrays, _, problems = read_kspace(path, None)
    if problems:
        raise InputError.of([f"{path.name}: {problem}" for problem in problems])
    slices, coils, spokes, samples = arrays["kspace"].shape
    return slices, coils, spokes, samples


def _guarded(load: Callable[[], tuple[FileGrid | None, list[str]]], name: str) -> tuple[FileGrid | None, list[str]]:
    """The result of a reader, with problems, including damaged files, under the file's name."""
    try:
        grid, problems = load()
    except InputError as error:
        grid, problems = None, str(error).splitlines()
    except Exception as error:  # h5py, ismrmrd, NumPy and nibabel each raise their own kinds for damaged files
        reason = " ".join(str(error).split())
        grid, problems = None, [f"cannot be read ({reason}); truncated or of another kind: copy or export it again"]
    return grid, [f"{name}: {problem}" for problem in problems]


def _data(path: Path, source: RadialSource) -> tuple[Data | None, list[str]]:
    if path.suffix.lower() in KSPACE_SUFFIXES:
        arrays, affine, problems = read_kspace(path, source)
        return (None, problems) if problems else (Data(image_shape(arrays), affine, scan_of(arrays)), [])
    images, affine, problems = read_coil_images(path)
    if source.input != "composite":
        problems.append(f"finished coil images have no echoes; accepted: input composite, not {source.input}")
    if images is None or problems:
        return None, problems
    problems = coil_problems(images.shape[1], source)
    slices, _, rows, columns = images.shape
    return (None, problems) if problems else (Data((rows, columns, slices), affine, images), [])


def _images(
    measured: Scan | NDArray[np.complex64], source: RadialSource, region: NDArray[np.bool_] | None
) -> NDArray[np.float32]:
    """(slice, row, column), reconstructed and de-streaked."""
    if isinstance(measured, Scan):
        from fewlabel.data.reconstruction.destreaking.reconstruct import reconstruct

        return reconstruct(measured, source, region)
    from fewlabel.data.reconstruction.destreaking.coil_images import Mixed, each
    from fewlabel.data.reconstruction.destreaking.destreaking_filter import from_images

    remedy = from_images(source.destreak, measured, region)
    return remedy.combined(each(Mixed(remedy.mixing, measured)))


def _native(slices: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.moveaxis(slices, 0, -1))
