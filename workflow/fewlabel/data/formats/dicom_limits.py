"""Size limits of DICOM files and series, checked from headers before decompression."""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from fewlabel.utils.formatting import size

if TYPE_CHECKING:
    from pydicom import Dataset

MOST_FILES = 20_000
"""Most files in a folder; no series has that many slices."""
MOST_SIDE = 8192
"""Most pixels along a row or column."""
MOST_DEFLATED_BYTES = 256_000_000
"""Largest decompressed size of a deflated file: a slice with the largest sides in 16 bits, and its header."""
PREAMBLE, GROUP_LENGTH_ELEMENT = 132, 12
BLOCK = 1 << 20


class TooLargeError(ValueError):
    """A deflated file that decompresses to more bytes than any slice has."""


def refuse_deflated(path: Path) -> None:
    """Raise TooLargeError for a deflated file with more bytes than any slice; pydicom decompresses all of it at once.

    Raises any type of Exception for files that are damaged or not DICOM.
    """
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    with path.open("rb") as file:
        if file.read(PREAMBLE)[-4:] != b"DICM":
            return
        meta = read_file_meta_info(path)
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return
        file.seek(PREAMBLE + GROUP_LENGTH_ELEMENT + int(meta.FileMetaInformationGroupLength))
        inflate, count, waiting = zlib.decompressobj(-zlib.MAX_WBITS), 0, b""
        while block := waiting or file.read(BLOCK):
            count += len(inflate.decompress(block, BLOCK))
            waiting = inflate.unconsumed_tail
            if count > MOST_DEFLATED_BYTES:
                raise TooLargeError(
                    f"a deflated file of more than {size(MOST_DEFLATED_BYTES)} when decompressed; accepted: slices of "
                    f"up to {MOST_SIDE} x {MOST_SIDE} pixels; to fix: export them again"
                )


def size_problem(dataset: "Dataset") -> str | None:
    """The problem of a slice's sides; None if they are valid."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if min(rows, columns) >= 1 and max(rows, columns) <= MOST_SIDE:
        return None
    return (
        f"{rows} x {columns} pixels; accepted: 1 to {MOST_SIDE} along each side; to fix: resample or export them again"
    )
