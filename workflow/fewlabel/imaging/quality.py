"""What a volume is like on its native grid: facts from which a person tells whether it went in right."""

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from fewlabel.experiment import Grid
from fewlabel.imaging.overlap import dice
from fewlabel.imaging.preprocess import Frame
from fewlabel.imaging.volume import Orientation, Volume


@dataclass(frozen=True)
class VolumeFacts:
    """Facts of one volume.

    Attributes:
        orientation: the patient's directions in which the file's axes grow (LPS: left, posterior, superior).
        oblique_deg: the largest angle between an axis of the file and the patient's axis that it is taken for.
        lowest, p1, p99, highest: of the intensities, as stored; p1 and p99 are percentiles.
        clipped: share of the voxels that hold the highest value, 0 to 1.
        target_ml: volume of the target; None without a mask.
        target_slices: slices that hold any of it; None without a mask.
        grid_dice: Dice of the mask with itself after it went onto the working grid and back, as a prediction does;
            None without a target.
    """

    orientation: str
    oblique_deg: float
    lowest: float
    p1: float
    p99: float
    highest: float
    clipped: float
    target_ml: float | None
    target_slices: int | None
    grid_dice: float | None


def volume_facts(volume: Volume, grid: Grid) -> VolumeFacts:
    """The facts of a volume that is to go onto this working grid."""
    image, mask = volume.image, volume.mask
    p1, p99 = (float(value) for value in np.percentile(image, (1, 99)))
    highest = float(image.max())
    voxel_ml = abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000
    slices = None if mask is None else Orientation.of(volume.affine, grid.plane).slices(mask)
    return VolumeFacts(
        orientation="".join(nib.orientations.aff2axcodes(volume.affine)),
        oblique_deg=oblique_degrees(volume.affine),
        lowest=float(image.min()),
        p1=p1,
        p99=p99,
        highest=highest,
        clipped=float(np.count_nonzero(image == highest) / image.size),
        target_ml=None if mask is None else int(mask.sum()) * voxel_ml,
        target_slices=None if slices is None else int(slices.any(axis=(1, 2)).sum()),
        grid_dice=None if mask is None or not mask.any() else _grid_dice(mask, volume.affine, grid),
    )


def _grid_dice(mask: NDArray[np.uint8], affine: NDArray[np.float64], grid: Grid) -> float:
    frame = Frame.of(mask.shape, affine, grid)
    return dice(frame.native_mask(frame.mask_slices(mask).astype(np.float32)), mask)


def oblique_degrees(affine: NDArray[np.float64]) -> float:
    """The largest angle between an axis of the grid and the patient's axis that it is taken for; 0: along the axes."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    taken = nib.orientations.io_orientation(affine)[:, 0].astype(int)
    along = np.abs(directions[taken, np.arange(3)])
    return float(np.rad2deg(np.arccos(np.clip(along, 0, 1))).max())
