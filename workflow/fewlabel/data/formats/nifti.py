"""Read a NIfTI or MGH file completely, as an image or a label, and find its problems."""

import gzip
import math
import zlib
from pathlib import Path
from typing import Literal

from fewlabel.data.formats.checks import FileGrid
from fewlabel.data.formats.nifti_header import axes_of, open_file, pixdim_problem
from fewlabel.data.preprocessing.volume import read_with_placement
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size

Role = Literal["image", "label"]
BLOCK = 1 << 20
MOST_TRAILER_BYTES = 100_000_000
"""Largest trailer after the voxels of a file; MGH stores scan parameters there."""


def load_nifti(path: Path, name: str, channel: int | None, role: Role) -> tuple[FileGrid | None, list[str]]:
    """A file's array, or None and its problem; `channel`: of a 4D image, from 0; `role`: labels have no channels."""
    try:
        _refuse_channels(path, channel, role)
        array, affine, placement = read_with_placement(path, channel)
        _read_to_the_end(path)
        if problem := pixdim_problem(path):
            raise InputError(f"{path.name}: {problem}")
    except InputError as error:
        # Libraries' messages may span lines; a problem is one line.
        message = " ".join(str(error).removeprefix(path.name).split())
        return None, [f"{name}{message}"]
    return FileGrid(array, affine, placement), []


def _refuse_channels(path: Path, channel: int | None, role: Role) -> None:
    """Refuse labels with channels, and a channel setting for a 3D image."""
    try:
        shape = axes_of(open_file(path))
    except InputError:
        raise
    except Exception:  # many types for damaged files; `read_with_placement`, which follows, reports them
        return
    if role == "label" and len(shape) == 4 and shape[3] > 1:
        raise InputError(
            f"{path.name}: a label of {shape[3]} channels; accepted: one 3D mask with a value for each structure"
        )
    if role == "image" and len(shape) == 3 and channel:
        raise InputError(
            f"{path.name}: no channel {channel}, the file is 3D; to fix: export it with that channel, or correct "
            "`channel` or `channels`"
        )


def _read_to_the_end(path: Path) -> None:
    """Make gzip verify its checksum at the end of the file, which reading one channel may not reach.

    Reading stops shortly after the voxels, since a small file may decompress to a very large one.
    """
    if path.suffix.lower() not in (".gz", ".mgz"):
        return
    try:
        data = open_file(path).dataobj
        most = data.offset + math.prod(data.shape) * data.dtype.itemsize + MOST_TRAILER_BYTES
        with gzip.open(path) as file:
            for _ in range(most // BLOCK + 1):
                if not file.read(BLOCK):
                    return
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name}: truncated or damaged ({error}); to fix: copy or export it again") from None
    raise InputError(
        f"{path.name}: more than {size(MOST_TRAILER_BYTES)} follow its voxels; accepted: as many values as its "
        "header defines; to fix: export it again"
    )
