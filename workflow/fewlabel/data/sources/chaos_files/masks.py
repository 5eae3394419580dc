"""CHAOS's masks: a folder of grey PNGs, one for each slice, as label values."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.formats.dicom_headers import number_of
from fewlabel.utils.formatting import listed

GREY_VALUES = {1: (55, 70), 2: (110, 135), 3: (175, 200), 4: (240, 255)}
"""Of each label, lowest and highest grey: liver (63), right kidney (126), left kidney (189), spleen (252)."""
ACCEPTED = "0 (background), 55-70 (liver), 110-135 (right kidney), 175-200 (left kidney), 240-255 (spleen)"


@dataclass(frozen=True)
class Masks:
    """The masks of a subject in the order of their files' numbers."""

    numbers: tuple[int, ...]  # the last number in each file's name
    labels: NDArray[np.uint8]  # uint8 (file, row, column): 0, or a key of `GREY_VALUES`


def png_files(folder: Path) -> list[Path]:
    """The PNG files of a folder by number, then by name; hidden ones are left out."""
    if not folder.is_dir():
        return []
    files = [path for path in folder.iterdir() if path.suffix.lower() == ".png" and not path.name.startswith(".")]
    return sorted(files, key=lambda path: (number_of(path) or 0, path.name))


def read_masks(folder: Path, shape: tuple[int, int, int] | None, name: str) -> tuple[Masks | None, list[str]]:
    """Read a subject's masks, or find all that is wrong with them.

    Args:
        shape: columns, rows and slices of the image; None where that is no good itself.
        name: of the folder in messages.
    """
    files = png_files(folder)
    if not files:
        return None, [f"{name}: no PNG; accepted: one mask for each slice; get the archive again"]
    problems = []
    if shape is not None and len(files) != shape[2]:
        problems.append(
            f"{name}: {len(files)} PNGs, but {shape[2]} DICOM slices; accepted: one for each; get them again"
        )
    planes = []
    for path in files:
        plane, problem = _read_plane(path, None if shape is None else (shape[1], shape[0]))
        problems += [f"{name}/{path.name}: {problem}"] if problem else []
        planes += [plane] if plane is not None else []
    if problems or not planes:
        return None, problems
    if len({plane.shape for plane in planes}) > 1:
        return None, [f"{name}: PNGs of different sizes; accepted: that of the DICOM slices"]
    return Masks(tuple(number_of(path) or 0 for path in files), np.stack(planes)), []


def _read_plane(path: Path, sides: tuple[int, int] | None) -> tuple[NDArray[np.uint8] | None, str]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode != "L":
                return None, f"a picture of mode {image.mode}; accepted: 8-bit grey values; get it again"
            if sides is not None and image.size[::-1] != sides:
                return None, f"{image.height} x {image.width} pixels, but the DICOM slices have {sides[0]} x {sides[1]}"
            grey = np.asarray(image)
    except Exception as error:  # pillow raises many kinds for damaged files
        return None, f"damaged or no PNG ({error}); get it again"
    labels, known = np.zeros_like(grey), grey == 0
    for label, (low, high) in GREY_VALUES.items():
        inside = (grey >= low) & (grey <= high)
        labels[inside] = label
        known |= inside
    if known.all():
        return labels, ""
    return None, f"unknown grey values {listed(np.unique(grey[~known]).tolist())}; accepted: {ACCEPTED}"
