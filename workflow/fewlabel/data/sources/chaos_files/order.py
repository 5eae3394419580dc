"""Match CHAOS's PNGs to DICOM slices by the images, since the archives do not define the order.

File numbers, InstanceNumber and slice positions each suggest an order, possibly reversed. An order is accepted if its
masks explain the grey values near them far better than those of any other order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fewlabel.data.formats.dicom_headers import DicomHeader, number_of

if TYPE_CHECKING:
    from fewlabel.data.sources.chaos_files.reading import Masks

BAND = 6
"""Pixels around the masks within which grey values are compared."""
LEAST_GAIN, LEAST_T = 0.1, 4.0
"""Least additional share of variance that the best order explains, absolute and in standard errors of the paired
difference. On CHAOS's 20 volumes the right order explains 0.45 to 0.68, the reverse 0.07 to 0.23, and the
difference is 7.9 to 21 standard errors."""


@dataclass(frozen=True)
class Order:
    """An order of masks."""

    name: str  # its origin, for messages
    of_slices: tuple[int, ...]  # of each slice, in the order of their places, the index of its mask
    explained: float  # share of the variance near the masks that they explain, mean over masks


def suggested_orders(slices: Sequence[DicomHeader], masks: "Masks") -> dict[tuple[int, ...], str]:
    """The orders that numbers or positions suggest, and their reverses, with their names; equal orders once.

    Args:
        slices: in the order of their positions.
        masks: equally many.
    """
    keys: dict[str, list[int] | None] = {
        "by file number": _all_numbers([number_of(header.path) for header in slices]),
        "by InstanceNumber": _all_numbers([header.instance for header in slices]),
        "from the lowest position up": list(range(len(slices))),
    }
    orders: dict[tuple[int, ...], str] = {}
    for name, key in keys.items():
        if key is None or len(set(key)) < len(key):
            continue
        ranks = [int(rank) for rank in np.argsort(np.argsort(key))]
        orders.setdefault(tuple(ranks), name)
        orders.setdefault(tuple(len(slices) - 1 - rank for rank in ranks), f"{name}, reversed")
    return orders


def verified_order(
    image: NDArray[np.float32], slices: Sequence[DicomHeader], masks: "Masks"
) -> tuple[Order | None, list[Order]]:
    """The order that the images show (None if no order is clearly the best), and all candidates, the best first.

    Args:
        image: (column, row, slice).
        slices: its headers, in that order.
        masks: equally many.
    """
    scored = []
    for order, name in suggested_orders(slices, masks).items():
        # By mask, so that each mask is compared with itself on another slice.
        of_masks = np.argsort(order)
        each = np.array([explained(image[:, :, of_masks[k]].T, plane) for k, plane in enumerate(masks.labels)])
        scored.append((Order(name, order, float(np.nanmean(each)) if np.isfinite(each).any() else 0.0), each))
    scored.sort(key=lambda pair: -pair[0].explained)
    candidates = [order for order, _ in scored]
    clear = all(_clearly_better(scored[0][1], each) for _, each in scored[1:])
    return (candidates[0] if clear else None), candidates


def explained(plane: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Share of the variance of grey values, in and near the masks of a slice, that is between its labels: 0 to 1.

    NaN without a mask or contrast.
    """
    near = ndimage.binary_dilation(labels > 0, iterations=BAND)
    values, kinds = plane[near].astype(np.float64), labels[near]
    if not values.size or values.var() == 0:
        return float("nan")
    within = sum(values[kinds == kind].var() * np.count_nonzero(kinds == kind) for kind in np.unique(kinds))
    return float(1 - within / values.size / values.var())


def _clearly_better(best: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    # Masks that both orders put on one slice do not distinguish them.
    gain = (best - other)[np.isfinite(best) & np.isfinite(other) & (best != other)]
    if gain.size < 3:
        return False
    error = gain.std(ddof=1) / np.sqrt(gain.size)
    return bool(gain.mean() >= LEAST_GAIN and gain.mean() >= LEAST_T * error)


def _all_numbers(numbers: Sequence[int | None]) -> list[int] | None:
    present = [number for number in numbers if number is not None]
    return present if len(present) == len(numbers) else None
