"""Checks of a volume's file before it is opened: its name, and its size before it is decompressed to a large array."""

import gzip
import math
import struct
from collections.abc import Sequence
from pathlib import Path

from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size
from fewlabel.utils.hardware_info import memory_limit

MOST_VOXELS = 1_000_000_000
"""Voxels of a 3D volume: 1000 slices of 1000 x 1000 pixels."""
MOST_SIDE = 32_767
"""Largest side that a NIfTI header can store."""
MOST_VALUES = 20 * MOST_VOXELS
"""Values of a file with several channels, of which one is read."""
COPIES = 3
"""Copies of a volume as float32 that reading, orienting and resampling hold at once."""
MOST_EXTENSION_BYTES = 100_000_000
"""Between a NIfTI file's header and its voxels."""
MOST_EXTENSIONS = 1000
GZIP = b"\x1f\x8b"
"""The first bytes of a file compressed by gzip."""
MGH = b"\x00\x00\x00\x01"
"""The first bytes of an MGH file that is not compressed: its version."""
GET_AROUND = "resample it to larger voxels, or crop it"


def refuse_size(shape: Sequence[int], name: str, most: int | None = None) -> None:
    """Refuse a volume that is larger than any MR volume, or than this machine's memory.

    Args:
        shape: of the array; a fourth axis holds channels, of which one is read.
        name: of the file, for the message.
        most: bytes of memory (default: all that this process may use).

    Raises:
        InputError: the volume is too large.
    """
    told = " x ".join(str(side) for side in shape)
    voxels, granted = math.prod(shape[:3]), most if most is not None else memory_limit()
    if max(shape, default=0) > MOST_SIDE or voxels > MOST_VOXELS or math.prod(shape) > MOST_VALUES:
        raise InputError(
            f"{name}: {told} voxels; accepted: up to {MOST_VOXELS:,} in a volume, {MOST_SIDE:,} along an axis and "
            f"{MOST_VALUES:,} in all channels; to fix: {GET_AROUND}"
        )
    if granted is not None and (needed := 4 * COPIES * voxels) > granted:
        raise InputError(
            f"{name}: {told} voxels need {size(needed)} of memory; accepted: up to {size(granted)} on this machine; to "
            f"fix: {GET_AROUND}, or use a machine with more memory"
        )


def refuse_name(path: Path) -> None:
    """Refuse a NIfTI or MGH file that is not compressed as its name says, or the reverse; libraries trust the name.

    Raises:
        InputError: the name is wrong.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(544)
    for packed, plain in ((".nii.gz", ".nii"), (".mgz", ".mgh")):
        for found, wrong, right in (("not compressed", packed, plain), ("compressed", plain, packed)):
            fits = head.startswith(GZIP) if found == "compressed" else head.startswith(MGH) or _of_header(head)
            if path.name.lower().endswith(wrong) and fits:
                name = f"{path.name[: -len(wrong)]}{right}"
                raise InputError(
                    f"{path.name}: {found}; accepted: {right} for such a file; to fix: rename it to {name}"
                )


def refuse_extensions(path: Path) -> None:
    """Refuse a NIfTI file with header extensions of gigabytes, which libraries would read whole into memory.

    Files that are not NIfTI are not checked.

    Raises:
        InputError: more than `MOST_EXTENSION_BYTES` between header and voxels.
        OSError, EOFError, zlib.error: it cannot be read.
    """
    with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as file:
        head = file.read(544)
        told = _of_header(head)
        if told is None:
            return
        order, start, begins = told
        if not begins <= MOST_EXTENSION_BYTES:
            raise InputError(_of_extensions(path, begins))
        place = start
        for _ in range(MOST_EXTENSIONS):
            if place + 16 > begins:
                return
            file.seek(place)
            length = int.from_bytes(file.read(4), "little" if order == "<" else "big", signed=True)
            if length < 16:
                return
            if place + length > MOST_EXTENSION_BYTES:
                raise InputError(_of_extensions(path, place + length))
            place += length
    raise InputError(f"{path.name}: more than {MOST_EXTENSIONS} header extensions; to fix: write it again without them")


def _of_header(head: bytes) -> tuple[str, int, float] | None:
    """Byte order, and first bytes of extensions and voxels; None if it is not a single-file NIfTI."""
    for order in "<>":
        kind = head[:4]
        if kind == struct.pack(f"{order}i", 348) and head[344:347] == b"n+1":
            return order, 352, struct.unpack(f"{order}f", head[108:112])[0]
        if kind == struct.pack(f"{order}i", 540) and head[4:7] == b"n+2":
            return order, 544, struct.unpack(f"{order}q", head[168:176])[0]
    return None


def _of_extensions(path: Path, count: float) -> str:
    return (
        f"{path.name}: {count:.4g} bytes between its header and its voxels; accepted: up to "
        f"{size(MOST_EXTENSION_BYTES)}; to fix: write it again without header extensions"
    )
