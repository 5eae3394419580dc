"""The working grid: volumes to slices (bias correction, scaling, resampling, crop or pad), and masks back."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.cohort import BiasCorrection, Grid
from fewlabel.data.preprocessing.volume import Orientation, Volume
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size

QUARTILES = (0.25, 0.5, 0.75)
EVERY = 2
"""Quartiles of intensities use every second row and column."""
LARGEST_VOXELS = 500_000_000
"""Largest number of voxels of a volume at the grid's spacing, and of its slices: 2 GB each in float32."""


@dataclass(frozen=True)
class Frame:
    """Position of a volume on the working grid; slices are the native ones unless the grid sets their distance."""

    orientation: Orientation  # between the file's axes and (slice, row, column)
    native: tuple[int, int, int]  # slices, rows, columns of the volume
    # slices, rows and columns at the grid's spacing, before crop or pad of rows and columns
    resampled: tuple[int, int, int]
    matrix: tuple[int, int]  # rows and columns of the working grid
    spacing: tuple[float, float, float]  # native voxel size (slice, row, column) in mm

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

    def problem(self, grid: Grid) -> str | None:
        """The reason that the volume is too large for the working grid; None if it fits."""
        slices, rows, columns = self.resampled
        for what, voxels, cure in (
            (f"{slices} slices of {rows} x {columns} pixels", math.prod(self.resampled), "its spacing"),
            (
                f"{slices} slices of {self.matrix[0]} x {self.matrix[1]} pixels",
                slices * math.prod(self.matrix),
                "its matrix",
            ),
        ):
            if voxels > LARGEST_VOXELS:
                native = " x ".join(f"{mm:.4g}" for mm in self.spacing)
                distance = "" if grid.slice_mm is None else f" and {grid.slice_mm:g} mm between slices"
                return (
                    f"{what} on the working grid ({grid.spacing_mm:g} mm{distance}), {size(voxels * 4)} of memory; "
                    f"accepted: up to {size(LARGEST_VOXELS * 4)}; to fix: check the voxel size in its header "
                    f"({native} mm: slice, row, column) or change the grid: {cure}"
                )
        return None

    def image_slices(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resample a native image to (slice, row, column): linear, anti-aliased, padded with its minimum."""
        resampled = _resize(self.orientation.slices(image), self.resampled)
        return _fit(resampled, self.matrix, float(resampled.min()))

    def mask_slices(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resample a native mask of class numbers to (slice, row, column): the class that covers most of a pixel.

        Each class is resampled by itself, linearly and anti-aliased. See `largest_class` for equal shares.
        """
        return _fit(self.resampled_mask(mask), self.matrix, 0)

    def resampled_mask(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As `mask_slices`, without crop or pad of rows and columns."""
        slices = self.orientation.slices(mask)
        numbers = [int(number) for number in np.unique(slices) if number]
        coverages = (_resize((slices == number).astype(np.float32), self.resampled) for number in numbers)
        return largest_class(zip(numbers, coverages, strict=True), self.resampled)

    def native_mask(self, probability: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Resample probabilities linearly to a native mask of class numbers, by `largest_class`.

        Args:
            probability: of one class (slice, row, column), 1 from 0.5; or of several classes (class, slice, row,
                column), without background.

        Returns:
            Class numbers, from 1 along the first axis, on the axes of the file.
        """
        classes = probability[None] if probability.ndim == 3 else probability
        whole = map(self._resampled, classes)
        return self.orientation.native(largest_class(enumerate(whole, start=1), self.native))

    def native_probabilities(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (see `native_mask`) on the native axes, float32; several classes are the fourth axis."""
        if probability.ndim == 4:
            return np.stack([self.native_probabilities(one) for one in probability], axis=-1)
        return self.orientation.native(self._resampled(probability))

    def _resampled(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of a class on the native slices; 0 outside the working grid."""
        return _resize(_fit(probability, self.resampled[1:], 0.0), self.native)


def largest_class(shares: Iterable[tuple[int, NDArray[np.float32]]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The class with the largest share of each pixel; the share of background is what the classes leave of 1.

    Of equal shares the lowest class number wins, and background never does: one class needs 0.5.

    Args:
        shares: class numbers from 1, and the share of each class, of this shape; one of them is in memory at a time.

    Returns:
        Class numbers, uint8; 0 is background.
    """
    best, total = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    numbers = np.zeros(shape, np.uint8)
    for number, share in shares:
        total += share
        larger = share > best
        numbers[larger] = number
        np.copyto(best, share, where=larger)
    numbers[best < 1 - total] = 0
    return numbers


def working_slices(slices: int, slice_mm: float, grid: Grid) -> int:
    """Number of working-grid slices of a volume with `slices` native slices at a distance of `slice_mm`."""
    return slices if grid.slice_mm is None else max(1, round(slices * slice_mm / grid.slice_mm))


def preprocess(
    volume: Volume, grid: Grid, bias: BiasCorrection | None = None
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None, Frame]:
    """Convert a volume to slices on the working grid, with bias correction if `bias` is given.

    Returns:
        Images (slice, row, column), of several channels (slice, channel, row, column), each channel 0 to 1 between the
        grid's percentiles of its whole volume, not clipped; mask of class numbers (slice, row, column), or None; and
        the frame of the inverse.

    Raises:
        InputError: too large on the working grid, no contrast, or no bias field can be fitted.
    """
    frame = Frame.of(volume.shape, volume.affine, grid)
    if problem := frame.problem(grid):
        raise InputError(problem)
    images = [_image_slices(channel, volume.affine, frame, grid, bias) for channel in volume.channels]
    mask = None if volume.mask is None else frame.mask_slices(volume.mask)
    return images[0] if volume.image.ndim == 3 else np.stack(images, axis=1), mask, frame


def _image_slices(
    image: NDArray[np.float32], affine: NDArray[np.float64], frame: Frame, grid: Grid, bias: BiasCorrection | None
) -> NDArray[np.float32]:
    """The slices of one channel."""
    if bias is not None:
        # A slow import, needed only here.
        from fewlabel.data.preprocessing.n4 import correct_bias

        image = correct_bias(image, affine, bias)
    return frame.image_slices(scale_intensity(image, grid.percentiles))


def why_lost(
    mask: NDArray[np.uint8], affine: NDArray[np.float64], grid: Grid, number: int = 1, what: str = "target"
) -> str:
    """The reason that a class has no pixel on the working grid, and the remedy.

    Args:
        mask: native, with class numbers.
        number: of the class, which has voxels in the mask.
        what: its name in the message.
    """
    frame = Frame.of(mask.shape, affine, grid)
    inside = frame.resampled_mask(mask) == number
    if inside.any():
        return _why_cut(inside, grid, what)
    native = frame.orientation.slices(mask == number).astype(np.float32)
    slices, rows, columns = frame.resampled
    coverage = _resize(native, frame.resampled)
    _, row_mm, column_mm = frame.spacing
    in_plane = _resize(native, (len(native), rows, columns))
    through = _resize(native, (slices, *frame.native[1:]))
    pixel = f"{grid.spacing_mm:g} x {grid.spacing_mm:g} mm"
    causes = []
    if in_plane.max() < 0.5 or grid.slice_mm is None:
        causes.append(
            f"it covers at most {in_plane.max():.2g} of a pixel of {pixel}; to fix: lower grid.spacing_mm "
            f"(native pixels: {row_mm:.3g} x {column_mm:.3g} mm)"
        )
    if grid.slice_mm is not None and (through.max() < 0.5 or not causes):
        causes.append(
            f"it covers at most {min(coverage.max(), through.max()):.2g} of a slice of {grid.slice_mm:g} mm; to fix: "
            f"lower grid.slice_mm (native slices: {frame.spacing[0]:.3g} mm) or remove it"
        )
    return f"its {what} fills less than half of any pixel of the working grid: {'; '.join(causes)}"


def _why_cut(inside: NDArray[np.bool_], grid: Grid, what: str) -> str:
    """The reason for a target outside the matrix, at the grid's spacing."""
    needed = []
    for axis, side in zip((1, 2), grid.matrix, strict=True):
        at = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
        whole = inside.shape[axis]
        holds = (new for new in range(side, whole) if (whole - new) // 2 <= at[0] and at[-1] < (whole - new) // 2 + new)
        needed.append(next(holds, max(side, whole)))
    matrix = f"{grid.matrix[0]} x {grid.matrix[1]} pixels of {grid.spacing_mm:g} mm"
    return (
        f"its {what} is outside the working grid ({matrix}, at the centre of the volume); to fix: enlarge "
        f"grid.matrix to [{needed[0]}, {needed[1]}] or more"
    )


def scale_intensity(image: NDArray[np.float32], percentiles: tuple[float, float]) -> NDArray[np.float32]:
    """Map two percentiles of the whole volume to 0 and 1, without clipping. Raises InputError: no contrast."""
    low, high = np.percentile(image, percentiles)
    if not high > low:
        raise InputError(
            f"no contrast: percentiles {percentiles[0]:g} and {percentiles[1]:g} are both {low:g}; to fix: check the "
            "volume"
        )
    scaled: NDArray[np.float32] = ((image - low) / (high - low)).astype(np.float32)
    return scaled


def shown_images(images: NDArray[Any]) -> NDArray[Any]:
    """The first channel, which pictures show, of the slices of a store: (slice, row, column), without a copy."""
    return images[:, 0] if images.ndim == 4 else images


def intensity_quartiles(images: NDArray[Any]) -> NDArray[np.float64]:
    """Quartiles of the intensities of images, of their first channel if there are several, (3,)."""
    return np.quantile(shown_images(images)[:, ::EVERY, ::EVERY].astype(np.float32), QUARTILES).astype(np.float64)


def _resize(array: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Resample linearly between voxel centres, anti-aliased along axes that become coarser; edges stay in place."""
    if array.shape == shape:
        return array
    # A slow import, which trainings do not need.
    from skimage.transform import resize

    resized: Any = resize(array, shape, order=1, mode="edge", anti_aliasing=True, preserve_range=True)
    return np.asarray(resized, dtype=np.float32)


def _fit(array: NDArray[Any], sides: tuple[int, ...], fill: float) -> NDArray[Any]:
    """Crop or pad rows and columns symmetrically; fitting to the old sides restores all but the cropped pixels."""
    fitted = np.full((array.shape[0], *sides), fill, dtype=array.dtype)
    cuts, places = [], []
    for old, new in zip(array.shape[1:], sides, strict=True):
        common, offset = min(old, new), abs(old - new) // 2
        cuts.append(slice(offset, offset + common) if old > new else slice(0, common))
        places.append(slice(offset, offset + common) if new > old else slice(0, common))
    fitted[:, places[0], places[1]] = array[:, cuts[0], cuts[1]]
    return fitted
