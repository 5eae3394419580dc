"""Read a folder of one DICOM series as a volume (RAS+), with slices ordered by position, and find all its problems."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.formats.checks import LPS_TO_RAS, FileGrid
from fewlabel.data.formats.dicom_headers import LISTED, DicomHeader, differing, read_dicom, read_headers
from fewlabel.data.formats.library_output import silent_warnings
from fewlabel.data.formats.volume_limits import refuse_size
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import listed

SAME_MM = 0.01
"""Distance up to which two slices are at one position."""
EVEN = 0.03
"""Relative tolerance of the distances between slices."""
STRAIGHT_MM = 0.1
"""Largest shift of a slice in its plane."""


@dataclass(frozen=True)
class Series:
    """A valid series."""

    # along the normal of their plane (the cross product of a row's and a column's direction)
    slices: tuple[DicomHeader, ...]
    affine: NDArray[np.float64]  # (4, 4), indices (column, row, slice) to RAS+ mm

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of columns, rows and slices."""
        rows, columns = self.slices[0].shape
        return columns, rows, len(self.slices)


def read_series(folder: Path, name: str) -> tuple[Series | None, list[str]]:
    """Read the series of a folder from its headers; None and all problems, one line each, if it is not valid.

    Problems are missing, damaged or foreign files; several series; slices of different size, orientation or pixel
    size; repeated, missing, unevenly spaced or shifted slices; pixels for which no decoder is installed.
    """
    headers, problems = read_headers(folder, name)
    if headers:
        problems += _syntax_problems(headers, name)
        mixed = _mixed_problems(headers, name)
        problems += mixed or _position_problems(sorted(headers, key=along_normal), name)
    if problems:
        return None, problems
    slices = tuple(sorted(headers, key=along_normal))
    series = Series(slices, _affine(slices))
    try:
        refuse_size(series.shape, name)
    except InputError as error:
        return None, [str(error)]
    return series, []


@silent_warnings("pydicom")
def load_series(series: Series, name: str) -> tuple[FileGrid | None, list[str]]:
    """The scaled pixels of a series, float32 (column, row, slice), or None and the problems of files."""
    from pydicom.pixels.processing import apply_rescale

    rows, columns = series.slices[0].shape
    stack = np.empty((len(series.slices), rows, columns), dtype=np.float32)
    damaged: dict[str, list[str]] = {}
    for index, header in enumerate(series.slices):
        try:
            dataset = read_dicom(header.path)
            stack[index] = apply_rescale(dataset.pixel_array, dataset)
        except Exception as error:  # pydicom raises many types for damaged pixels
            damaged.setdefault(" ".join(str(error).split())[:200], []).append(header.path.name)
    if damaged:
        return None, [
            f"{name}: pixels cannot be read ({reason}): {listed(files, LISTED)}; to fix: copy or export them again"
            for reason, files in damaged.items()
        ]
    return FileGrid(np.ascontiguousarray(stack.transpose(2, 1, 0)), series.affine), []


def along_normal(header: DicomHeader) -> float:
    """Position of a slice along the normal of its plane, in mm."""
    return float(np.dot(header.position, _normal(header)))


def _normal(header: DicomHeader) -> NDArray[np.float64]:
    along_row, down_column = np.reshape(header.orientation, (2, 3))
    return np.cross(along_row, down_column)


def _affine(slices: Sequence[DicomHeader]) -> NDArray[np.float64]:
    """The affine by DICOM PS3.3 C.7.6.2.1.1, with the step between slices measured from the first to the last."""
    first, last = np.array(slices[0].position), np.array(slices[-1].position)
    along_row, down_column = np.reshape(slices[0].orientation, (2, 3))
    of_rows, of_columns = slices[0].spacing
    affine = np.eye(4)
    affine[:3, 0] = along_row * of_columns
    affine[:3, 1] = down_column * of_rows
    affine[:3, 2] = (last - first) / (len(slices) - 1)
    affine[:3, 3] = first
    return LPS_TO_RAS @ affine


# --------------------------------------------------------------------------------------------------------- problems
def _syntax_problems(headers: Sequence[DicomHeader], name: str) -> list[str]:
    syntaxes = Counter(header.syntax for header in headers if header.syntax)
    return [
        f"{name}: {count} files are compressed as {syntax}, for which no decoder is installed; to fix: decompress "
        "them (dcmdjpeg, dcmdjpls, gdcmconv --raw), or install one (pylibjpeg with pylibjpeg-libjpeg, or python-gdcm)"
        for syntax, count in syntaxes.items()
    ]


def _mixed_problems(headers: Sequence[DicomHeader], name: str) -> list[str]:
    series = Counter(header.series for header in headers)
    if len(series) > 1:
        parts = [
            f"{count} files such as {next(header.path.name for header in headers if header.series == uid)}"
            for uid, count in series.most_common()
        ]
        return [f"{name}: {len(series)} series: {listed(parts, LISTED)}; accepted: one; to fix: remove the others"]
    problems = []
    for what, values in (
        ("sizes", [f"{header.shape[0]} x {header.shape[1]}" for header in headers]),
        ("pixel sizes", ["{:.4g} x {:.4g} mm".format(*header.spacing) for header in headers]),
        ("orientations", ["\\".join(f"{round(x, 3) + 0.0:g}" for x in header.orientation) for header in headers]),
    ):
        if len(counts := Counter(values)) > 1:
            values_text = listed([f"{value} ({count} files)" for value, count in counts.most_common()], LISTED)
            problems.append(
                f"{name}: slices of different {what}: {values_text}; accepted: equal ones; to fix: remove localisers"
            )
    return problems


def _position_problems(slices: Sequence[DicomHeader], name: str) -> list[str]:
    """Slices in their order: at one place, missing, unevenly spaced, shifted."""
    if len(slices) < 2:
        return [f"{name}: one slice; accepted: a volume of two or more; to fix: export the whole series"]
    gaps = np.diff([along_normal(header) for header in slices])
    steps = gaps[gaps > SAME_MM]
    problems = _double_problems(slices, gaps, name)
    if not steps.size:
        return problems
    step = float(np.median(steps))
    missing, uneven = [], []
    for index in map(int, np.flatnonzero((gaps > SAME_MM) & (np.abs(gaps - step) > EVEN * step))):
        pair = f"{slices[index].path.name} and {slices[index + 1].path.name}"
        times = gaps[index] / step
        if round(times) >= 2 and abs(times - round(times)) <= EVEN * round(times):
            missing.append(f"{round(times) - 1} between {pair}")
        else:
            uneven.append(f"{gaps[index]:.3g} mm between {pair}")
    if missing:
        problems.append(
            f"{name}: missing slices: {listed(missing, LISTED)} (elsewhere {step:.3g} mm apart); to fix: export it "
            "again"
        )
    if uneven:
        problems.append(
            f"{name}: unequal spacing: {listed(uneven, LISTED)}, elsewhere {step:.3g} mm; accepted: equal distances; "
            "to fix: export the series again or remove the subject"
        )
    return problems or _shift_problems(slices, name)


def _double_problems(slices: Sequence[DicomHeader], gaps: NDArray[np.float64], name: str) -> list[str]:
    doubled = [int(index) for index in np.flatnonzero(gaps <= SAME_MM)]
    if not doubled:
        return []
    pairs = [f"{slices[index].path.name} and {slices[index + 1].path.name}" for index in doubled]
    why = differing([slices[doubled[0]], slices[doubled[0] + 1]])
    return [
        f"{name}: slices at one position: {listed(pairs, LISTED)}{why}; accepted: one slice a position; to fix: keep "
        "one of them"
    ]


def _shift_problems(slices: Sequence[DicomHeader], name: str) -> list[str]:
    """Problem of slices that are not stacked along their normal."""
    positions, normal = np.array([header.position for header in slices]), _normal(slices[0])
    from_first = positions - positions[0]
    shifts = np.linalg.norm(from_first - np.outer(from_first @ normal, normal), axis=1)
    if shifts.max() <= STRAIGHT_MM:
        return []
    return [
        f"{name}: slices are shifted in their plane by up to {shifts.max():.3g} mm; accepted: slices stacked along "
        "their normal; to fix: resample the series to NIfTI"
    ]
