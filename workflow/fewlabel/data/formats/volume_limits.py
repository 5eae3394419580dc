"""Checks of a volume's file before it is opened: its name, header extensions and uncompressed size."""

import gzip
import math
import struct
from collections.abc import Sequence
from pathlib import Path

from fewlabel.utils.environment import memory_limit
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size

MOST_VOXELS = 1_000_000_000
"""Most voxels of a 3D volume: 1000 slices of 1000 x 1000 pixels."""
MOST_SIDE = 32_767
"""Largest side that a NIfTI header can store."""
MOST_VALUES = 20 * MOST_VOXELS
"""Most values of a file with several channels, of which one is read."""
COPIES = 3
"""Copies of a volume as float32 in memory while it is read, oriented and resampled."""
MOST_EXTENSION_BYTES = 100_000_000
"""Most bytes between a NIfTI file's header and its voxels."""
MOST_EXTENSIONS = 1000
GZIP = b"\x1f\x8b"
"""First bytes of a file compressed by gzip."""
MGH = b"\x00\x00\x00\x01"
"""First bytes of an uncompressed MGH file: its version."""
REMEDY = "resample it to larger voxels, or crop it"


def refuse_size(shape: Sequence[int], name: str, most: int | None = None, channels: int = 1) -> None:
    """Raise an InputError for a volume that is larger than any MR volume, or than this machine's memory.

    Args:
        shape: of the array; a fourth axis is of channels, of which `channels` are read.
        most: bytes of memory (default: all that this process may use).
    """
    sides = " x ".join(str(side) for side in shape)
    voxels, granted = math.prod(shape[:3]), most if most is not None else memory_limit()
    if max(shape, default=0) > MOST_SIDE or voxels > MOST_VOXELS or math.prod(shape) > MOST_VALUES:
        raise InputError(
            f"{name}: {sides} voxels; accepted: up to {MOST_VOXELS:,} in a volume, {MOST_SIDE:,} along an axis and "
            f"{MOST_VALUES:,} in all channels; to fix: {REMEDY}"
        )
    if granted is not None and (needed := 4 * COPIES * voxels * channels) > granted:
        which = "" if channels == 1 else f" of {channels} channels"
        raise InputError(
            f"{name}: {sides} voxels{which} need {size(needed)} of memory; accepted: up to {size(granted)} on this "
            f"machine; to fix: {REMEDY}, or use a machine with more memory"
        )


def refuse_wrong_name(path: Path) -> None:
    """Raise an InputError if the name of a NIfTI or MGH file does not show its compression: libraries trust it."""
    with path.open("rb") as file:
        head = file.read(544)
    for packed, plain in ((".nii.gz", ".nii"), (".mgz", ".mgh")):
        for state, wrong, right in (("not compressed", packed, plain), ("compressed", plain, packed)):
            fits = head.startswith(GZIP) if state == "compressed" else head.startswith(MGH) or _header_layout(head)
            if path.name.lower().endswith(wrong) and fits:
                name = f"{path.name[: -len(wrong)]}{right}"
                raise InputError(
                    f"{path.name}: {state}; accepted: {right} for such a file; to fix: rename it to {name}"
                )


def refuse_extensions(path: Path) -> None:
    """Raise an InputError for NIfTI header extensions above `MOST_EXTENSION_BYTES`, which libraries read into memory.

    Files that are not NIfTI are not checked.
    """
    with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as file:
        head = file.read(544)
        layout = _header_layout(head)
        if layout is None:
            return
        order, start, begins = layout
        if not begins <= MOST_EXTENSION_BYTES:
            raise InputError(_extension_message(path, begins))
        position = start
        for _ in range(MOST_EXTENSIONS):
            if position + 16 > begins:
                return
            file.seek(position)
            length = int.from_bytes(file.read(4), "little" if order == "<" else "big", signed=True)
            if length < 16:
                return
            if position + length > MOST_EXTENSION_BYTES:
                raise InputError(_extension_message(path, position + length))
            position += length
    raise InputError(f"{path.name}: more than {MOST_EXTENSIONS} header extensions; to fix: write it again without them")


def _header_layout(head: bytes) -> tuple[str, int, float] | None:
    """Byte order, and first bytes of extensions and voxels; None if it is not a single-file NIfTI."""
    for order in "<>":
        kind = head[:4]
        if kind == struct.pack(f"{order}i", 348) and head[344:347] == b"n+1":
            return order, 352, struct.unpack(f"{order}f", head[108:112])[0]
        if kind == struct.pack(f"{order}i", 540) and head[4:7] == b"n+2":
            return order, 544, struct.unpack(f"{order}q", head[168:176])[0]
    return None


def _extension_message(path: Path, count: float) -> str:
    return (
        f"{path.name}: {count:.4g} bytes between its header and its voxels; accepted: up to "
        f"{size(MOST_EXTENSION_BYTES)}; to fix: write it again without header extensions"
    )
