"""Read a subject of CHAOS: a DICOM series, and its mask as a folder of grey PNGs, one for each slice."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.data.formats.checks import FileGrid, image_problems
from fewlabel.data.formats.dicom_headers import number_of
from fewlabel.data.formats.dicom_series import Series, load_series, read_series
from fewlabel.data.paths import cohort_folder, place
from fewlabel.data.sources.chaos_files.order import Order, suggested_orders, verified_order
from fewlabel.data.subjects import reading
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.formatting import listed
from fewlabel.utils.log import LOG

GREY_VALUES = {1: (55, 70), 2: (110, 135), 3: (175, 200), 4: (240, 255)}
"""Lowest and highest grey value of each label: liver (63), right kidney (126), left kidney (189), spleen (252)."""
ACCEPTED = "0 (background), 55-70 (liver), 110-135 (right kidney), 175-200 (left kidney), 240-255 (spleen)"


@dataclass(frozen=True)
class Masks:
    """The masks of a subject in the order of their files' numbers."""

    numbers: tuple[int, ...]  # the last number in each file's name
    labels: NDArray[np.uint8]  # uint8 (file, row, column): 0, or a key of `GREY_VALUES`


def png_files(folder: Path) -> list[Path]:
    """The PNG files of a folder by number, then by name, without hidden ones."""
    if not folder.is_dir():
        return []
    files = [path for path in folder.iterdir() if path.suffix.lower() == ".png" and not path.name.startswith(".")]
    return sorted(files, key=lambda path: (number_of(path) or 0, path.name))


def read_masks(folder: Path, shape: tuple[int, int, int] | None, name: str) -> tuple[Masks | None, list[str]]:
    """Read a subject's masks, or find all their problems.

    `shape`: columns, rows and slices of the image; None if the image has problems. `name`: of the folder in messages.
    """
    files = png_files(folder)
    if not files:
        return None, [f"{name}: no PNG; accepted: one mask for each slice; to fix: download the archive again"]
    problems = []
    if shape is not None and len(files) != shape[2]:
        problems.append(
            f"{name}: {len(files)} PNGs, but {shape[2]} DICOM slices; accepted: one for each; to fix: get them again"
        )
    planes = []
    for path in files:
        plane, problem = _read_plane(path, None if shape is None else (shape[1], shape[0]))
        problems += [f"{name}/{path.name}: {problem}"] if problem else []
        planes += [plane] if plane is not None else []
    if problems or not planes:
        return None, problems
    if len({plane.shape for plane in planes}) > 1:
        return None, [f"{name}: PNGs of different sizes; accepted: the size of the DICOM slices"]
    return Masks(tuple(number_of(path) or 0 for path in files), np.stack(planes)), []


def _read_plane(path: Path, sides: tuple[int, int] | None) -> tuple[NDArray[np.uint8] | None, str]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode != "L":
                return None, f"a picture of mode {image.mode}; accepted: 8-bit grey values; to fix: download it again"
            if sides is not None and image.size[::-1] != sides:
                return None, f"{image.height} x {image.width} pixels, but the DICOM slices have {sides[0]} x {sides[1]}"
            grey = np.asarray(image)
    except Exception as error:  # pillow raises many kinds for damaged files
        return None, f"damaged or not a PNG ({error}); to fix: download it again"
    labels, recognised = np.zeros_like(grey), grey == 0
    for label, (low, high) in GREY_VALUES.items():
        inside = (grey >= low) & (grey <= high)
        labels[inside] = label
        recognised |= inside
    if recognised.all():
        return labels, ""
    return None, f"unknown grey values {listed(np.unique(grey[~recognised]).tolist())}; accepted: {ACCEPTED}"


def read(source: ChaosSource, subject: Subject) -> reading.Reading:
    """A subject's volume and mask, or all problems of both."""
    folder = cohort_folder(source)
    assert subject.image is not None
    name = place(subject.image, folder)
    series, problems = read_series(subject.image, name)
    image = None
    if series is not None:
        image, further = load_series(series, name)
        problems += further
    if image is not None:
        problems += image_problems(image, name)
    if subject.label is None:
        return reading.assemble(source, (image, name), None, problems)
    label_name = place(subject.label, folder)
    masks, further = read_masks(subject.label, None if series is None else series.shape, label_name)
    problems += further
    label = None
    if series is not None and image is not None and masks is not None:
        label, further = _ordered(source, image, series, masks, label_name)
        problems += further
    return reading.assemble(source, (image, name), (label, label_name), problems)


def _ordered(
    source: ChaosSource, image: FileGrid, series: Series, masks: Masks, name: str
) -> tuple[FileGrid | None, list[str]]:
    """The masks in the order of the slices, if the order is certain."""
    order, candidates = _order(source, image, series, masks)
    if order is None:
        scores = ", ".join(f"{one.explained:.2f} {one.name}" for one in candidates) or "no order is possible"
        return None, [
            f"{name}: the images do not show which PNG belongs to which slice (share of variance explained: {scores}); "
            "to fix: look at them, then set `png_order` to numbered or reversed"
        ]
    if order.name != "by file number":
        others = ", ".join(f"{one.explained:.2f} {one.name}" for one in candidates[1:])
        LOG.info(f"{name}: PNGs belong to slices {order.name} ({order.explained:.2f}; {others})")
    stack: NDArray[np.float32] = masks.labels[list(order.of_slices)].astype(np.float32)
    return FileGrid(np.ascontiguousarray(stack.transpose(2, 1, 0)), series.affine), []


def _order(source: ChaosSource, image: FileGrid, series: Series, masks: Masks) -> tuple[Order | None, list[Order]]:
    if source.png_order == "verified":
        return verified_order(image.array, series.slices, masks)
    order_name = "by file number" + (", reversed" if source.png_order == "reversed" else "")
    orders = [of_slices for of_slices, name in suggested_orders(series.slices, masks).items() if name == order_name]
    return (Order(order_name, orders[0], float("nan")) if orders else None), []
