"""N4 bias correction (Tustison et al., IEEE Trans Med Imaging 29:1310, 2010) with SimpleITK.

A smooth field depends only on voxel sizes, so flipped and oblique volumes need no reorientation.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.cohort import BiasCorrection
from fewlabel.utils.errors import InputError

if TYPE_CHECKING:
    import SimpleITK

ORDER = 3
"""Order of the field's B-splines."""
FEWEST = 2
"""Fewest voxels along an axis after shrinking, if the volume has them."""


def correct_bias(
    image: NDArray[np.float32], affine: NDArray[np.float64], settings: BiasCorrection
) -> NDArray[np.float32]:
    """Divide an image by its bias field.

    Args:
        image: (axis, axis, axis), any intensity range; values up to 0 are not used in the fit, but divided too.
        affine: (4, 4), voxel indices to RAS+ mm; only its voxel sizes are used.

    Returns:
        The same shape, with the same mean over the fitted voxels.

    Raises:
        InputError: see `fitted_voxels`; or no field could be fitted.
    """
    from nibabel.affines import voxel_sizes

    mask = fitted_voxels(image, settings.threshold)
    corrected = image / bias_field(image, mask, voxel_sizes(affine), settings)
    corrected *= image[mask].mean(dtype=np.float64) / corrected[mask].mean(dtype=np.float64)
    return np.asarray(corrected, dtype=np.float32)


def fitted_voxels(image: NDArray[np.float32], threshold: float | str) -> NDArray[np.bool_]:
    """Voxels to fit the field to: above 0 and above a share of the 99th percentile or Otsu's threshold.

    Raises:
        InputError: no voxel is above 0 or the threshold, or all of them have one value.
    """
    positive = image > 0
    if not positive.any():
        raise InputError(
            "bias_correction: no value is above 0; accepted: images with a background of 0, or none; to fix: check the "
            "volume, or set bias_correction: null"
        )
    if isinstance(threshold, str):
        from skimage.filters import threshold_otsu

        limit = float(threshold_otsu(image))
    else:
        limit = threshold * float(np.percentile(image, 99))
    mask = positive & (image > limit)
    values = image[mask]
    if not values.size or values.min() == values.max():
        what = f"all {values.size} voxels have the value {values[0]:g}" if values.size else "no voxels"
        raise InputError(
            f"bias_correction: {what} above the threshold of {limit:g} (threshold: {threshold}), so no field can be "
            "fitted; to fix: check the volume, lower the threshold, or set bias_correction: null"
        )
    return mask


def bias_field(
    image: NDArray[np.float32], mask: NDArray[np.bool_], spacing: NDArray[np.float64], settings: BiasCorrection
) -> NDArray[np.float32]:
    """Estimate the multiplicative field of an image: values above 0, of any scale.

    The fit uses one thread, so equal images have equal fields. Control points have equal distances along all axes,
    for any number and thickness of slices: the volume is padded, outside the mask, to a multiple of that distance
    and by at least one voxel at each side, so that all its voxels are inside the fitted grid.

    Args:
        image: (axis, axis, axis).
        mask: of the same shape, True in the voxels to fit.
        spacing: voxel size along the axes, in mm.

    Returns:
        The field, of the image's shape.

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
        # Shrinking skipped all of the few voxels.
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
        # Evaluated on the fitted grid; ITK would stretch the control points over any other one.
        log_field = filter_.GetLogBiasFieldAsImage(small)
    except RuntimeError as error:
        raise InputError(f"bias_correction: N4 fails ({' '.join(str(error).split())[-200:]})") from None
    log_field = SimpleITK.Resample(
        log_field, whole, SimpleITK.Transform(), SimpleITK.sitkLinear, 0.0, SimpleITK.sitkFloat32
    )
    field = np.exp(SimpleITK.GetArrayFromImage(log_field).transpose(2, 1, 0))
    if not np.isfinite(field).all():
        raise InputError(
            "bias_correction: N4 gives no finite field; to fix: check the volume, or set bias_correction: null"
        )
    return np.asarray(field, dtype=np.float32)


def shrink_factors(shape: tuple[int, ...], spacing: NDArray[np.float64], shrink: int) -> list[int]:
    """Shrink factors of the axes: `shrink` for the finest, others for about the same distance, at least two voxels
    each; thick slices are all kept."""
    distance = shrink * float(np.min(spacing))
    return [max(1, min(round(distance / float(mm)), side // FEWEST)) for side, mm in zip(shape, spacing, strict=True)]


def _padding(
    size: tuple[int, ...], spacing: tuple[float, ...], knots_mm: float
) -> tuple[list[int], list[int], list[int]]:
    """Spans between control points along each axis, and voxels to add before and after to fill them."""
    spans, below, above = [], [], []
    for side, mm in zip(size, spacing, strict=True):
        # One further voxel at each side.
        count = max(1, math.ceil((side + 1) * mm / knots_mm))
        missing = max(2, round(count * knots_mm / mm) + 1 - side)
        spans.append(count)
        below.append(missing // 2)
        above.append(missing - missing // 2)
    return spans, below, above


def _as_itk(array: NDArray[Any], spacing: NDArray[np.float64]) -> "SimpleITK.Image":
    """An ITK image with the axes of the array."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing([float(mm) for mm in spacing])
    return image
