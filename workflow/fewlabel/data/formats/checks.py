"""Checks of a volume's array and affine, and of a cohort's masks; pure functions without file access."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from fewlabel.data.formats.nifti_header import Placement, unit_of
from fewlabel.data.subjects.mask_detection import mask_among_images
from fewlabel.utils.formatting import listed

TOLERANCE_MM = 2e-3
"""Distance up to which affines count as equal, since files round them."""
VOXEL_MM = (0.01, 100.0)
"""Smallest and largest voxel size along an axis, in mm, that an MR image can have."""
APART_MM = 0.5
"""Distance in mm from which a warning reports that sform and qform differ."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Turns an affine to the axes of NIfTI."""
UNKNOWN = np.full((4, 4), np.nan)
"""Affine of a file without a position."""
NO_INVERSE = (
    "the header's affine has no inverse; accepted: voxel sizes above 0 along all axes; to fix: correct the header"
)


@dataclass
class FileGrid:
    """One file's array on its grid."""

    array: NDArray[np.float32]  # float32, three axes as in the file; of several channels a fourth
    affine: NDArray[np.float64]  # (4, 4), voxel indices to RAS+ mm
    placement: Placement | None = None  # the position in the NIfTI header; None for other formats


def image_problems(image: FileGrid, name: str) -> list[str]:
    """All problems of a single image; `name` is the file's name in messages.

    Problems are NaN or infinite values, a constant or almost empty volume, a mask instead of an image, an affine
    without inverse, and implausible voxel sizes.
    """
    problems = []
    bad = image.array.size - np.count_nonzero(np.isfinite(image.array))
    if bad:
        problems.append(
            f"{name}: {bad} values are NaN or infinite; accepted: finite numbers; to fix: replace them or exclude the "
            "subject"
        )
    elif image.array.min() == image.array.max():
        problems.append(
            f"{name}: constant volume ({image.array.flat[0]:g} everywhere); accepted: an image; "
            "to fix: export it again or exclude the subject"
        )
    elif mask_problems := mask_among_images(image.array, name):
        problems += mask_problems
    elif np.ptp(np.percentile(image.array, (1, 99))) == 0:
        problems.append(
            f"{name}: almost empty volume (its 1st and 99th percentiles are equal); accepted: an image with contrast; "
            "to fix: crop it, export it again or exclude the subject"
        )
    return problems + affine_problems(image, name)


def affine_problems(image: FileGrid, name: str) -> list[str]:
    """Problems of the affine: no inverse, or implausible voxel sizes."""
    if not invertible(image.affine):
        return [f"{name}: {NO_INVERSE}"]
    if not implausible(image.affine):
        return []
    sizes_text = " x ".join(f"{size:.4g}" for size in voxel_sizes(image.affine))
    unit = f" (unit in its header: {unit_of(image.placement.header)})" if image.placement else ""
    return [
        f"{name}: voxels of {sizes_text} mm{unit}; accepted: {VOXEL_MM[0]:g} to {VOXEL_MM[1]:g} mm along each axis; "
        "to fix: correct the header"
    ]


def implausible(affine: NDArray[np.float64]) -> bool:
    """Whether voxels are smaller or larger than those of any MR image (`VOXEL_MM`)."""
    sizes = voxel_sizes(affine)
    return not bool(((sizes >= VOXEL_MM[0]) & (sizes <= VOXEL_MM[1])).all())


def position_warning(image: FileGrid, name: str) -> str | None:
    """A warning if programs would place the image differently; None if they agree."""
    if image.placement is None:
        return None
    if image.placement.says_nothing:
        return (
            f"{name}: its header defines no position (qform_code and sform_code are 0); programs may show it flipped, "
            "so left and right are uncertain"
        )
    sform, shape = image.placement.sform(), image.array.shape[:3]
    for other in image.placement.others():
        if sform is None or same_position(shape, sform, other):
            continue
        if (apart := corner_distance(shape, sform, other)) > APART_MM:
            return (
                f"{name}: its sform and qform differ by up to {apart:.3g} mm; FewLabel uses the sform, others may use "
                "the qform; masks get both, so every program shows them on the image"
            )
    return None


def label_problems(values: NDArray[np.float32], name: str) -> list[str]:
    """The problem of a label file with values that are no whole numbers; `values` are its distinct values."""
    # Header scaling by a float32 slope changes whole numbers slightly.
    broken = values[~(np.abs(values - np.round(values)) <= 1e-3)]
    if not broken.size:
        return []
    values_text = listed([f"{value:g}" for value in broken], 5)
    return [
        f"{name}: values that are no whole numbers ({values_text}); accepted: label values such as 0, 1, 2; "
        "to fix: export it as a label map"
    ]


def fit_problems(
    image: FileGrid,
    label: FileGrid,
    image_name: str,
    label_name: str,
    remedy: str = "export the mask on the image's grid",
) -> list[str]:
    """The problem of an image and a mask, or another channel, that are not on one grid."""
    first, second = image.array.shape[:3], label.array.shape
    if first != second:
        wrong, accepted = f"shape {second}, but {image_name} has {first}", "equal shapes"
    elif not np.isfinite([image.affine, label.affine]).all():
        # For the image, `affine_problems` reports it.
        return [] if not invertible(image.affine) else [f"{label_name}: {NO_INVERSE}"]
    elif not any(same_position(first, place, label.affine) for place in _places(image)):
        distance = corner_distance(first, image.affine, label.affine)
        wrong = f"its affine places it up to {distance:.3g} mm from {image_name}"
        accepted = f"equal affines (within {TOLERANCE_MM:g} mm)"
    else:
        return []
    return [f"{label_name}: {wrong}; accepted: {accepted}; to fix: {remedy}"]


def _places(image: FileGrid) -> list[NDArray[np.float64]]:
    """Affines that programs may use for an image, and so for masks drawn on it."""
    return [image.affine, *(image.placement.others() if image.placement else [])]


def target_problems(labels: Sequence[int], masks: Sequence[frozenset[int]]) -> list[str]:
    """Problems of the target's label values, given the values in each mask: values that no mask contains."""
    if not masks:
        return []
    present = sorted(frozenset().union(*masks))
    inside = [value for value in present if value != 0]
    if not inside:
        return [
            f"labels: the target is empty in every one of the {len(masks)} masks (0 everywhere); "
            f"accepted: {listed(labels)} inside the target; to fix: export the masks again"
        ]
    missing = [value for value in labels if value not in present]
    suggestion = [value for value in labels if value in present] or [value for value in inside if value > 0][:1]
    hint = f"found in the masks: {listed(present)}; " + (
        f"did you mean labels: {suggestion}?"
        if suggestion
        else "accepted: values from 1 in the target; to fix: export the masks again with positive values"
    )
    problems = [f"labels: value {value} is in none of the {len(masks)} masks; {hint}" for value in missing]
    if len(missing) == len(labels) > 1:
        problems.append(f"labels: the target is empty in every mask with labels: {list(labels)}; {hint}")
    return problems


def empty_problems(
    labels: Sequence[int],
    masks: Mapping[str, tuple[str, frozenset[int]]],
    without_target: Collection[str],
    classes: Mapping[str, Sequence[int]] | None = None,
) -> list[str]:
    """Problems of masks without any target value, except those of subjects in `without_target`.

    Args:
        labels: values of the target.
        masks: for each subject, its file name in messages and the values in the mask.
        classes: the same values by the name of their class; none: one class.
    """
    setting, values_text = ("classes", dict(classes)) if classes else ("labels", list(labels))
    empty = {subject for subject, (_, values) in masks.items() if not values & set(labels)}
    if len(empty) == len(masks):
        return []  # `target_problems` reports it: the setting is wrong, not the masks
    return [
        f"{name}: values {listed(sorted(values))}, but none of {setting}: {values_text}; accepted: a mask with the "
        f"target; to fix: export it again, change `{setting}`, or, if the subject has no target, set "
        f"`without_target: [{subject}]`"
        for subject, (name, values) in masks.items()
        if subject in empty - set(without_target)
    ] + [
        f"without_target: {subject} has the target in {name}; to fix: remove it from the list"
        for subject, (name, _) in masks.items()
        if subject in set(without_target) - empty
    ]


def invertible(affine: NDArray[np.float64]) -> bool:
    """Whether an affine is finite and has an inverse."""
    return bool(np.isfinite(affine).all() and np.linalg.matrix_rank(affine[:3, :3]) == 3)


def same_position(shape: Sequence[int], first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Whether two affines place a grid equally, except for rounding in files.

    A NIfTI header stores an affine as a matrix (sform) or as a quaternion (qform). Near half turns, as in most
    converted DICOM, rounding of the quaternion moves corners by up to half a millimetre. Affines therefore also count
    as equal if they agree after one or both are converted to a quaternion.
    """
    if corner_distance(shape, first, second) <= TOLERANCE_MM:
        return True
    if not (invertible(first) and invertible(second)):
        return False
    a, b = through_quaternion(first), through_quaternion(second)
    return any(corner_distance(shape, *pair) <= TOLERANCE_MM for pair in ((a, second), (first, b), (a, b)))


def through_quaternion(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """An affine as the qform of a NIfTI header returns it."""
    header = nib.Nifti1Header()
    header.set_qform(affine, code=1)
    return np.asarray(header.get_qform(), dtype=np.float64)


def corner_distance(shape: Sequence[int], first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The largest distance in mm between a grid's corners by two affines, which is a bound for every voxel."""
    corners = np.stack(np.meshgrid(*([0, size - 1] for size in shape), [1], indexing="ij"), axis=-1).reshape(-1, 4)
    shifts = corners @ (first - second).T[:, :3]
    return float(np.sqrt((shifts**2).sum(axis=1)).max())
