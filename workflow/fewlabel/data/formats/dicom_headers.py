"""Read the headers of a folder's DICOM files, without pixels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewlabel.data.formats.dicom_limits import MOST_FILES, TooLargeError, refuse_deflated, size_problem
from fewlabel.data.formats.library_output import silent_warnings
from fewlabel.data.paths import ends_with
from fewlabel.data.subjects.folder_contents import (
    DICOM_SUFFIXES,
    Contents,
    Unused,
    children_of,
    is_hidden,
    is_special,
    why_unread,
)
from fewlabel.utils.formatting import listed

if TYPE_CHECKING:
    from pydicom import Dataset

NEEDED = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "SeriesInstanceUID")
DISTINGUISHING = (
    "EchoTime",
    "EchoNumbers",
    "DiffusionBValue",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "ImageType",
)
"""Tags in which two slices at one position may differ."""
RIGHT_ANGLES = 1e-2
"""Tolerance of the directions' length 1 and right angle (the standard's cosines are rounded)."""
LISTED = 5
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")
"""First bytes of DICOM files without a preamble: the group of the first tag, in either byte order."""


@dataclass(frozen=True)
class DicomHeader:
    """One file of a series."""

    path: Path
    series: str  # UID of its series
    position: tuple[float, ...]  # of the first pixel's centre, in mm, LPS+
    orientation: tuple[float, ...]  # directions along a row and down a column, LPS+, as (2, 3)
    spacing: tuple[float, ...]  # of rows and of columns, in mm
    shape: tuple[int, int]  # rows and columns
    instance: int | None  # InstanceNumber; None if it is missing
    syntax: str  # name of the transfer syntax if its pixels cannot be read; empty if they can
    distinguishing: tuple[str, ...]  # values of `DISTINGUISHING`


def dicom_files(folder: Path) -> list[Path]:
    """The DICOM files of a folder at any depth, sorted by name: see `series_contents`."""
    return list(series_contents(folder).used)


def series_contents(folder: Path) -> Contents:
    """Sort the content of a folder of DICOM files, at any depth.

    Files are used if their ending or content is that of DICOM, or if they have no ending and are not text, since a
    slice may have lost its first bytes. Other files are unused.
    """
    used: list[Path] = []
    unused: list[Unused] = []
    for path in children_of(folder, deep=True):
        if is_hidden(path, folder):
            unused.append(Unused(path, "hidden (its name begins with a dot)"))
        elif path.name == "DICOMDIR":
            unused.append(Unused(path, "an index of DICOM files, not a slice"))
        elif is_special(path):
            unused.append(why_unread(path))
        elif ends_with(path, DICOM_SUFFIXES) or _begins_as_dicom(path) or not (path.suffix or _is_text(path)):
            used.append(path)
        else:
            unread = why_unread(path)
            unused.append(unread if unread.stops else Unused(path, "not a DICOM file"))
    return Contents(tuple(used), unused=tuple(unused))


def read_dicom(path: Path, headers_alone: bool = False) -> "Dataset":
    """Read a DICOM file, with or without the preamble of 128 bytes.

    Raises:
        TooLargeError: a deflated file decompresses to more than any slice needs.
        Exception: any type, for files that are damaged or not DICOM.
    """
    # Imported here, since only DICOM cohorts need it.
    from pydicom import dcmread
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    refuse_deflated(path)
    dataset = dcmread(path, stop_before_pixels=headers_alone, force=_begins_as_dicom(path))
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


def _begins_as_dicom(path: Path) -> bool:
    head = _head(path)
    return head[128:132] == b"DICM" or head[:2] in FIRST_GROUPS


def _is_text(path: Path) -> bool:
    """Whether a file without an ending, such as README, contains text."""
    head = _head(path)
    return bool(head) and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(512)
    except OSError:
        return b""


def number_of(path: Path) -> int | None:
    """The last number in a file's name: `IMG-0004-00012.dcm` is 12."""
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[-1]) if numbers else None


@silent_warnings("pydicom")
def read_headers(folder: Path, name: str) -> tuple[list[DicomHeader], list[str]]:
    """The headers of a folder's DICOM files, at any depth, and the problems of single files."""
    headers, damaged = [], []
    lacking: dict[str, list[str]] = {}
    files = dicom_files(folder)
    if len(files) > MOST_FILES:
        accepted = f"one series of up to {MOST_FILES} slices"
        return [], [f"{name}: {len(files)} files; accepted: {accepted}; to fix: split the folder"]
    for path in files:
        dataset = _open(path)
        if dataset is None:
            damaged.append(path.name)
        elif isinstance(dataset, str):
            lacking.setdefault(dataset, []).append(path.name)
        elif wrong := _header_problem(dataset):
            lacking.setdefault(wrong, []).append(path.name)
        else:
            headers.append(_header(path, dataset))
    problems = [f"{name}: {wrong} in {listed(names, LISTED)}" for wrong, names in lacking.items()]
    if damaged:
        problems.append(f"{name}: damaged or no DICOM: {listed(damaged, LISTED)}; to fix: copy or export them again")
    if not headers and not problems:
        problems = [f"{name}: no DICOM file; accepted: a folder of one series; to fix: export it again"]
    return headers, problems


def _open(path: Path) -> "Dataset | str | None":
    """The header of a file, or the problem of its size; None if it is damaged or not DICOM."""
    try:
        return read_dicom(path, headers_alone=True)
    except TooLargeError as error:
        return str(error)
    except Exception:  # pydicom raises many types for damaged and other files
        return None


def _header_problem(dataset: "Dataset") -> str | None:
    missing = [tag for tag in NEEDED if _value(dataset, tag) in (None, "")]
    if missing:
        return f"no {listed(missing)}; accepted: slices with their position; to fix: export them again"
    if int(_value(dataset, "NumberOfFrames") or 1) > 1:
        return "several frames in one file; accepted: one slice a file; to fix: export as classic MR images or NIfTI"
    if (
        int(_value(dataset, "SamplesPerPixel") or 1) != 1
        or _value(dataset, "PhotometricInterpretation") != "MONOCHROME2"
    ):
        return "colour or inverted grey values; accepted: MONOCHROME2; to fix: remove such files"
    try:
        numbers = [[float(x) for x in dataset[tag].value] for tag in NEEDED[:3]]
    except (TypeError, ValueError):
        numbers = []
    if [len(values) for values in numbers] != [3, 6, 2] or min(numbers[2]) <= 0 or not _is_position(*numbers[:2]):
        return "invalid position, orientation or pixel size; to fix: export them again"
    return size_problem(dataset)


def _is_position(position: list[float], orientation: list[float]) -> bool:
    """Whether a position is finite and an orientation has two orthogonal directions of length 1."""
    directions = np.reshape(orientation, (2, 3))
    return bool(np.isfinite(position).all() and np.allclose(directions @ directions.T, np.eye(2), atol=RIGHT_ANGLES))


def _value(dataset: "Dataset", tag: str) -> Any:
    try:
        return dataset.get(tag)
    except Exception:  # pydicom reads values late, and raises many types for bad ones
        return None


def _header(path: Path, dataset: "Dataset") -> DicomHeader:
    instance = _value(dataset, "InstanceNumber")
    return DicomHeader(
        path=path,
        series=str(dataset.SeriesInstanceUID),
        position=tuple(float(x) for x in dataset.ImagePositionPatient),
        orientation=tuple(float(x) for x in dataset.ImageOrientationPatient),
        spacing=tuple(float(x) for x in dataset.PixelSpacing),
        shape=(int(dataset.Rows), int(dataset.Columns)),
        instance=None if instance is None else int(instance),
        syntax=_unreadable_syntax(dataset),
        distinguishing=tuple(str(_value(dataset, tag) or "") for tag in DISTINGUISHING),
    )


def _unreadable_syntax(dataset: "Dataset") -> str:
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    uid = UID(str(dataset.file_meta.TransferSyntaxUID))
    try:
        return "" if get_decoder(uid).is_available else uid.name
    except NotImplementedError:
        return uid.name or "unknown"


def differing(headers: Sequence[DicomHeader]) -> str:
    """The tag in which slices at one position differ, for a message; empty if none does."""
    rows = zip(*(header.distinguishing for header in headers), strict=True)
    for tag, values in zip(DISTINGUISHING, rows, strict=True):
        if len(set(values)) > 1:
            return f" (they differ in {tag}: {listed(sorted(set(values)), LISTED)})"
    return ""
