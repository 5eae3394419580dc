"""A volume onto the working grid and a mask back: bias correction, percentile scaling, resampling, crop or pad."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.errors import InputError
from fewlabel.experiment import BiasCorrection, Grid
from fewlabel.imaging.volume import Orientation, Volume


@dataclass(frozen=True)
class Frame:
    """How one volume lies on the working grid; slices are the native ones unless the grid names their distance.

    Attributes:
        orientation: between the file's axes and (slice, row, column).
        native: slices, rows, columns of the volume.
        resampled: slices, rows and columns at the grid's spacing, before crop or pad of rows and columns.
        matrix: rows and columns of the working grid.
        spacing: native voxel size (slice, row, column) in mm.
    """

    orientation: Orientation
    native: tuple[int, int, int]
    resampled: tuple[int, int, int]
    matrix: tuple[int, int]
    spacing: tuple[float, float, float]

    @classmethod
    def of(cls, shape: tuple[int, ...], affine: NDArray[np.float64], grid: Grid) -> "Frame":
        """The frame of a file with this shape and affine."""
        orientation = Orientation.of(affine, grid.plane)
        axes = np.argsort(orientation.to_slices[:, 0])
        slices, rows, columns = (int(shape[axis]) for axis in axes)
        spacing = orientation.spacing(affine)
        sides = [
            max(1, round(side * mm / grid.spacing_mm)) for side, mm in zip((rows, columns), spacing[1:], strict=True)
        ]
        resampled = (working_slices(slices, spacing[0], grid), sides[0], sides[1])
        return cls(orientation, (slices, rows, columns), resampled, grid.matrix, spacing)

    def image_slices(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Native image to the working grid (slice, row, column); linear, anti-aliased; padded with its minimum."""
        resampled = _resize(self.orientation.slices(image), self.resampled)
        return _fit(resampled, self.matrix, float(resampled.min()))

    def mask_slices(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Native mask to the working grid: a pixel is 1 where at least half of it lies inside."""
        coverage = _resize(self.orientation.slices(mask).astype(np.float32), self.resampled)
        return _fit((coverage >= 0.5).astype(np.uint8), self.matrix, 0)

    def native_mask(self, probability: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Probability (slice, row, column) on the working grid to a native mask: linear, 1 at 0.5 and above."""
        whole = _fit(probability, self.resampled[1:], 0.0)
        return self.orientation.native((_resize(whole, self.native) >= 0.5).astype(np.uint8))


def working_slices(slices: int, slice_mm: float, grid: Grid) -> int:
    """How many slices of the working grid stand for so many native ones of that distance."""
    return slices if grid.slice_mm is None else max(1, round(slices * slice_mm / grid.slice_mm))


def preprocess(
    volume: Volume, grid: Grid, bias: BiasCorrection | None = None
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None, Frame]:
    """A volume as slices of the working grid, corrected for a bias field where `bias` says how.

    Returns:
        Images (slice, row, column), 0 to 1 between the grid's percentiles of the whole volume, not clipped;
        mask of the same shape, 1 inside, or None; and the frame that leads back.
    """
    frame = Frame.of(volume.image.shape, volume.affine, grid)
    image = volume.image
    if bias is not None:
        # Only here: cohorts without it start sooner.
        from fewlabel.imaging.bias import correct_bias

        image = correct_bias(image, volume.affine, bias)
    images = frame.image_slices(scale_intensity(image, grid.percentiles))
    return images, None if volume.mask is None else frame.mask_slices(volume.mask), frame


def scale_intensity(image: NDArray[np.float32], percentiles: tuple[float, float]) -> NDArray[np.float32]:
    """Map two percentiles of the whole volume to 0 and 1, linearly, without clipping.

    Raises:
        InputError: both percentiles are equal (a constant, or almost empty volume).
    """
    low, high = np.percentile(image, percentiles)
    if not high > low:
        raise InputError(
            f"no contrast: percentiles {percentiles[0]:g} and {percentiles[1]:g} are both {low:g}; check the volume"
        )
    scaled: NDArray[np.float32] = ((image - low) / (high - low)).astype(np.float32)
    return scaled


def _resize(array: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Linear between the middles of voxels, anti-aliased along axes that become coarser; edges stay in place."""
    if array.shape == shape:
        return array
    # Only here: trainings, which read what is resampled already, start sooner without it.
    from skimage.transform import resize

    resized: Any = resize(array, shape, order=1, mode="edge", anti_aliasing=True, preserve_range=True)
    return np.asarray(resized, dtype=np.float32)


def _fit(array: NDArray[Any], sides: tuple[int, ...], fill: float) -> NDArray[Any]:
    """Centre crop or pad of rows and columns; fitting back to the old sides restores all that was not cut off."""
    fitted = np.full((array.shape[0], *sides), fill, dtype=array.dtype)
    cuts, places = [], []
    for old, new in zip(array.shape[1:], sides, strict=True):
        common, offset = min(old, new), abs(old - new) // 2
        cuts.append(slice(offset, offset + common) if old > new else slice(0, common))
        places.append(slice(offset, offset + common) if new > old else slice(0, common))
    fitted[:, places[0], places[1]] = array[:, cuts[0], cuts[1]]
    return fitted
