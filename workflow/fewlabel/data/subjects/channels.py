"""Read the channels of a subject: several channels of a 4D file, or several files, on one grid."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.base import SourceSettings
from fewlabel.config.sources.channels import ChannelSource
from fewlabel.data.formats.checks import FileGrid, fit_problems, image_problems
from fewlabel.data.formats.registry import load
from fewlabel.data.formats.volume_limits import refuse_size
from fewlabel.data.paths import META_SUFFIXES, NRRD_SUFFIXES, ends_with, place
from fewlabel.utils.errors import InputError

REMEDY = "export it on that grid, or set `resample_channels: true`"


def load_image(source: SourceSettings, files: Sequence[Path], folder: Path) -> tuple[FileGrid | None, list[str]]:
    """Read the image of a subject with all of its channels, and check it.

    Args:
        source: its `channel`, `channels` and `resample_channels` apply.
        files: the image; with `channels` by suffix, one file for each channel in their order.
        folder: to which file names in messages are relative.

    Returns:
        The array, with a fourth axis if there are several channels, on the grid of the first; or None and all
        problems, one line each.
    """
    channels = source.channels if isinstance(source, ChannelSource) else {}
    if len(channels) < 2:
        index = next(iter(source.indices.values()), None) if isinstance(source, ChannelSource) else None
        index = getattr(source, "channel", None) if index is None else index
        return _checked(files[0], place(files[0], folder), index)
    assert isinstance(source, ChannelSource)
    if source.indices:
        return channels_of_file(files[0], place(files[0], folder), source.indices)
    return channels_of_files(
        {name: (path, place(path, folder)) for name, path in zip(channels, files, strict=False)},
        bool(getattr(source, "resample_channels", False)),
    )


def _checked(path: Path, name: str, index: int | None) -> tuple[FileGrid | None, list[str]]:
    image, problems = load(path, name, index, "image")
    return image, [*problems, *(image_problems(image, name) if image is not None else [])]


def channels_of_file(path: Path, name: str, indices: Mapping[str, int]) -> tuple[FileGrid | None, list[str]]:
    """Read and check these channels of a 4D file; indices along its fourth axis, by name. See `load_image`."""
    if path.is_dir() or ends_with(path, (*META_SUFFIXES, *NRRD_SUFFIXES)):
        wanted = ", ".join(f"{channel} {index}" for channel, index in indices.items())
        return None, [
            f"{name}: has one channel, but channels: {wanted}; accepted: 4D NIfTI or MGH files; to fix: convert it, or "
            "set `channels` to suffixes of one file for each channel"
        ]
    images: list[FileGrid | None] = []
    wrong: dict[str, list[str]] = {}
    for channel, index in indices.items():
        image, found = _checked(path, name, index)
        if not images and (too_large := _memory_problems(image, name, len(indices))):
            return None, too_large
        images.append(image)
        for problem in found:
            wrong.setdefault(problem, []).append(channel)
    problems = [
        problem if len(channels) == len(indices) else f"{problem} (channel {', '.join(channels)})"
        for problem, channels in wrong.items()
    ]
    return _joined(images), problems


def channels_of_files(
    files: Mapping[str, tuple[Path, str]], resample: bool, remedy: str = REMEDY
) -> tuple[FileGrid | None, list[str]]:
    """Read and check one file for each channel: its path, and its name in messages. See `load_image`.

    Args:
        resample: further channels to the grid of the first; False: all must lie on it.
        remedy: for channels on other grids, for messages.
    """
    images: list[FileGrid | None] = []
    problems: list[str] = []
    first, first_name = None, ""
    for path, name in files.values():
        image, found = _checked(path, name, None)
        if not images and (too_large := _memory_problems(image, name, len(files))):
            return None, too_large
        found = found or _repeated(image, name, zip(images, (each for _, each in files.values()), strict=False))
        problems += found
        if image is not None and first is not None and not found:
            if resample:
                image, found = on_grid(image, name, first, first_name)
            else:
                found = fit_problems(first, image, first_name, name, remedy)
            problems += found
        elif first is None and not images and not found:
            first, first_name = image, name
        images.append(image)
    return (images[0] if problems else _joined(images)), problems


def _repeated(image: FileGrid | None, name: str, others: Iterable[tuple[FileGrid | None, str]]) -> list[str]:
    """The problem of a channel that is a copy of an earlier one."""
    for other, other_name in others:
        if image is not None and other is not None and np.array_equal(image.array, other.array):
            return [
                f"{name}: same voxels as {other_name}; accepted: another image for each channel; to fix: replace it"
            ]
    return []


def on_grid(image: FileGrid, name: str, first: FileGrid, first_name: str) -> tuple[FileGrid | None, list[str]]:
    """Resample a channel linearly to the grid of the first one; beyond its own edge voxels it gets its minimum."""
    # A slow import, needed only here.
    from nibabel.processing import resample_from_to

    if not fit_problems(first, image, "", ""):
        return image, []
    # The edge is repeated once: the outer half of an edge voxel lies beyond its centre.
    padded = np.pad(image.array, 1, mode="edge")
    affine = image.affine @ nib.affines.from_matvec(np.eye(3), [-1, -1, -1])
    lowest = float(image.array.min())
    target = (first.array.shape, first.affine)
    resampled = resample_from_to(nib.Nifti1Image(padded, affine), target, order=1, mode="constant", cval=lowest)
    array: NDArray[np.float32] = np.asarray(resampled.dataobj, dtype=np.float32)
    if array.min() == array.max():
        return None, [
            f"{name}: constant ({array.flat[0]:g}) on the grid of {first_name}; accepted: channels that show the same "
            "part of the body; to fix: correct its position, or exclude the subject"
        ]
    return FileGrid(array, first.affine, first.placement), []


def _joined(images: list[FileGrid | None]) -> FileGrid | None:
    """One array with the channels as its fourth axis; each channel is contiguous in memory. Empties the list."""
    there = [image for image in images if image is not None]
    complete = bool(there) and len(there) == len(images)
    images.clear()
    if not complete:
        return None
    affine, placement = there[0].affine, there[0].placement
    array = np.empty((len(there), *there[0].array.shape), np.float32)
    for index in reversed(range(len(array))):
        array[index] = there.pop().array  # which is then let go
    return FileGrid(np.moveaxis(array, 0, -1), affine, placement)


def _memory_problems(image: FileGrid | None, name: str, count: int) -> list[str]:
    """The problem of so many channels of this size, if the memory does not hold them."""
    if image is None:
        return []
    try:
        refuse_size(image.array.shape, name, channels=count)
    except InputError as error:
        return [str(error)]
    return []
