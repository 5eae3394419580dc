"""Removing a bias field: N4 (Tustison et al., IEEE Trans Med Imaging 29:1310, 2010), as SimpleITK has it.

Only axes and voxel sizes count for a smooth field, so flipped and oblique volumes are corrected as they lie.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from fewlabel.config.cohort import BiasCorrection
from fewlabel.utils.errors import InputError

if TYPE_CHECKING:
    import SimpleITK

ORDER = 3
"""Of the field's B-splines."""
FEWEST = 2
"""Voxels along an axis that shrinking leaves, where there are so many."""


def correct_bias(
    image: NDArray[np.float32], affine: NDArray[np.float64], settings: BiasCorrection
) -> NDArray[np.float32]:
    """Divide an image by its bias field.

    Args:
        image: three axes as in the file, any intensity range; what is not above 0 fits no field, but is divided too.
        affine: 4 x 4, voxel indices to RAS+ mm; its voxel sizes alone are used.
        settings: of the correction.

    Returns:
        The same shape; as bright as before in the mean over the fitted voxels.

    Raises:
        InputError: see `fitted_voxels`; or no field could be fitted.
    """
    mask = fitted_voxels(image, settings.threshold)
    corrected = image / bias_field(image, mask, voxel_sizes(affine), settings)
    corrected *= image[mask].mean(dtype=np.float64) / corrected[mask].mean(dtype=np.float64)
    return np.asarray(corrected, dtype=np.float32)


def fitted_voxels(image: NDArray[np.float32], threshold: float | str) -> NDArray[np.bool_]:
    """The voxels that the field is fitted to: above a share of the 99th percentile, or above Otsu's, and above 0.

    Raises:
        InputError: none is above 0, or all that are have one value.
    """
    positive = image > 0
    if not positive.any():
        raise InputError(
            "bias_correction: no value is above 0; accepted: images with a background of 0, or none; check the volume, "
            "or set bias_correction: null"
        )
    if isinstance(threshold, str):
        from skimage.filters import threshold_otsu

        limit = float(threshold_otsu(image))
    else:
        limit = threshold * float(np.percentile(image, 99))
    mask = positive & (image > limit)
    found = image[mask]
    if not found.size or found.min() == found.max():
        what = f"all {found.size} voxels have the value {found[0]:g}" if found.size else "no voxels"
        raise InputError(
            f"bias_correction: {what} above the threshold of {limit:g} (threshold: {threshold}): no field can be "
            "fitted; check the volume, lower the threshold, or set bias_correction: null"
        )
    return mask


def bias_field(
    image: NDArray[np.float32], mask: NDArray[np.bool_], spacing: NDArray[np.float64], settings: BiasCorrection
) -> NDArray[np.float32]:
    """The field that an image seems to be multiplied with, all above 0, of any scale.

    It is fitted to a part of the voxels on one thread, so equal images give equal fields. Control points lie at equal
    distances along all axes, however few and thick the slices are: the volume is padded, outside the mask, to whole
    distances, and by a voxel more at each side, so that none of its voxels lies outside the fitted grid.

    Args:
        image: three axes.
        mask: of the same shape, True where the field is fitted.
        spacing: voxel size along the axes, in mm.
        settings: of the correction.

    Raises:
        InputError: N4 gives no finite field.
    """
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    whole = _as_itk(image, spacing)
    factors = shrink_factors(image.shape, spacing, settings.shrink)
    small = SimpleITK.Shrink(whole, factors)
    fitted = SimpleITK.Shrink(_as_itk(mask.astype(np.uint8), spacing), factors)
    if not SimpleITK.GetArrayViewFromImage(fitted).any():
        # So few voxels that shrinking passes over all of them.
        small, fitted = whole, _as_itk(mask.astype(np.uint8), spacing)
    spans, below, above = _padding(small.GetSize(), small.GetSpacing(), settings.knots_mm)
    small = SimpleITK.ConstantPad(small, below, above, 0.0)
    fitted = SimpleITK.ConstantPad(fitted, below, above, 0)
    filter_ = SimpleITK.N4BiasFieldCorrectionImageFilter()
    filter_.SetNumberOfThreads(1)
    filter_.SetMaximumNumberOfIterations(settings.iterations)
    filter_.SetConvergenceThreshold(settings.convergence)
    filter_.SetSplineOrder(ORDER)
    filter_.SetNumberOfControlPoints([count + ORDER for count in spans])
    try:
        filter_.Execute(small, fitted)
        # Evaluated where it was fitted: of another grid, ITK would stretch the control points over that.
        log_field = filter_.GetLogBiasFieldAsImage(small)
    except RuntimeError as error:
        raise InputError(f"bias_correction: N4 gives up ({' '.join(str(error).split())[-200:]})") from None
    log_field = SimpleITK.Resample(
        log_field, whole, SimpleITK.Transform(), SimpleITK.sitkLinear, 0.0, SimpleITK.sitkFloat32
    )
    field = np.exp(SimpleITK.GetArrayFromImage(log_field).transpose(2, 1, 0))
    if not np.isfinite(field).all():
        raise InputError("bias_correction: N4 gives no finite field; check the volume, or set bias_correction: null")
    return np.asarray(field, dtype=np.float32)


def shrink_factors(shape: tuple[int, ...], spacing: NDArray[np.float64], shrink: int) -> list[int]:
    """By what each axis is shrunk: the finest by `shrink`, others to about the same distance, none to fewer than two
    voxels; so thick slices are all kept."""
    distance = shrink * float(np.min(spacing))
    return [max(1, min(round(distance / float(mm)), side // FEWEST)) for side, mm in zip(shape, spacing, strict=True)]


def _padding(
    size: tuple[int, ...], spacing: tuple[float, ...], knots_mm: float
) -> tuple[list[int], list[int], list[int]]:
    """Spans between control points along each axis, and voxels that are added before and behind to fill them."""
    spans, below, above = [], [], []
    for side, mm in zip(size, spacing, strict=True):
        # With a voxel more at each side.
        count = max(1, math.ceil((side + 1) * mm / knots_mm))
        missing = max(2, round(count * knots_mm / mm) + 1 - side)
        spans.append(count)
        below.append(missing // 2)
        above.append(missing - missing // 2)
    return spans, below, above


def _as_itk(array: NDArray[Any], spacing: NDArray[np.float64]) -> "SimpleITK.Image":
    """An image of ITK, with its axes along those of the array."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing([float(mm) for mm in spacing])
    return image
