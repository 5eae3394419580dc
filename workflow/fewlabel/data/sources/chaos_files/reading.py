"""Reads a subject of CHAOS: a DICOM series, and the PNGs that are its mask, each on its slice."""

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.data.formats.checks import FileGrid, image_problems
from fewlabel.data.formats.dicom_series import Series, load_series, read_series
from fewlabel.data.paths import cohort_folder, place
from fewlabel.data.sources.chaos_files.masks import Masks, read_masks
from fewlabel.data.sources.chaos_files.order import Order, suggested_orders, verified_order
from fewlabel.data.subjects import reading
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.log import LOG


def read(source: ChaosSource, subject: Subject) -> reading.Reading:
    """Everything that is wrong with a subject's slices and masks at once, or both together."""
    folder = cohort_folder(source)
    assert subject.image is not None
    name = place(subject.image, folder)
    series, problems = read_series(subject.image, name)
    image = None
    if series is not None:
        image, found = load_series(series, name)
        problems += found
    if image is not None:
        problems += image_problems(image, name)
    if subject.label is None:
        return reading.assemble(source.labels, (image, name), None, problems)
    label_name = place(subject.label, folder)
    masks, found = read_masks(subject.label, None if series is None else series.shape, label_name)
    problems += found
    label = None
    if series is not None and image is not None and masks is not None:
        label, found = _placed(source, image, series, masks, label_name)
        problems += found
    return reading.assemble(source.labels, (image, name), (label, label_name), problems)


def _placed(
    source: ChaosSource, image: FileGrid, series: Series, masks: Masks, name: str
) -> tuple[FileGrid | None, list[str]]:
    """The masks on their slices, if it can be told which they are."""
    order, tried = _order(source, image, series, masks)
    if order is None:
        scores = ", ".join(f"{one.explained:.2f} {one.name}" for one in tried) or "no order suggests itself"
        return None, [
            f"{name}: the images do not tell which PNG belongs to which slice (share of variance explained: {scores}); "
            "look at them, then set `png_order` to numbered or reversed"
        ]
    if order.name != "by file number":
        others = ", ".join(f"{one.explained:.2f} {one.name}" for one in tried[1:])
        LOG.info(f"{name}: PNGs belong to slices {order.name} ({order.explained:.2f}; {others})")
    stack: NDArray[np.float32] = masks.labels[list(order.of_slices)].astype(np.float32)
    return FileGrid(np.ascontiguousarray(stack.transpose(2, 1, 0)), series.affine), []


def _order(source: ChaosSource, image: FileGrid, series: Series, masks: Masks) -> tuple[Order | None, list[Order]]:
    if source.png_order == "verified":
        return verified_order(image.array, series.slices, masks)
    wanted = "by file number" + (", reversed" if source.png_order == "reversed" else "")
    found = [of_slices for of_slices, name in suggested_orders(series.slices, masks).items() if name == wanted]
    return (Order(wanted, found[0], float("nan")) if found else None), []
