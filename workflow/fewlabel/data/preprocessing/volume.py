"""Volumes in their native orientation, and conversion to slices and back.

In this package arrays are (slice, row, column) and spacing is (slice, row, column) in mm. On disk arrays have the axes
of their files. `Orientation` converts between both exactly: axes are permuted and flipped, not interpolated.

nibabel is imported only where a file is read or written, or an orientation computed: trainings do neither.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import absent, atomic_file
from fewlabel.utils.errors import InputError
from fewlabel.utils.system_errors import describe, describe_memory_error

if TYPE_CHECKING:
    from fewlabel.data.formats.nifti_header import Placement

Plane = Literal["axial", "coronal", "sagittal"]

AXES: dict[Plane, tuple[str, str, str]] = {
    # Directions of growing slice, row and column indices: radiological display, head or front up.
    "axial": ("S", "P", "L"),
    "coronal": ("A", "I", "L"),
    "sagittal": ("L", "I", "P"),
}


@dataclass(frozen=True)
class Volume:
    """A subject's image on its native grid."""

    # float32, the three axes of the file, and of several channels a fourth; any intensity range
    image: NDArray[np.float32]
    affine: NDArray[np.float64]  # (4, 4), voxel indices to RAS+ mm
    # uint8 on the same grid: 0 background, class numbers from 1 (one class: 1 inside the target); None: no label
    mask: NDArray[np.uint8] | None = None
    # the position in the image's NIfTI header; None if the image is not from a NIfTI file
    placement: "Placement | None" = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along the three axes of the file."""
        first, second, third = self.image.shape[:3]
        return first, second, third

    @property
    def channels(self) -> list[NDArray[np.float32]]:
        """The image of each channel, three axes, without copies."""
        return [self.image] if self.image.ndim == 3 else list(np.moveaxis(self.image, -1, 0))


def first_channel(image: NDArray[Any]) -> NDArray[Any]:
    """The first channel of a native image with a fourth axis of channels; an image of three axes as it is."""
    return image[..., 0] if image.ndim == 4 else image


@dataclass(frozen=True)
class Orientation:
    """Exact conversion of arrays between the axes of a file and (slice, row, column)."""

    to_slices: NDArray[np.float64]
    to_native: NDArray[np.float64]

    @classmethod
    def of(cls, affine: NDArray[np.float64], plane: Plane = "axial") -> "Orientation":
        """The orientation of a file's affine; an oblique affine uses the nearest axes."""
        from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

        native, sliced = io_orientation(affine), axcodes2ornt(AXES[plane])
        return cls(to_slices=ornt_transform(native, sliced), to_native=ornt_transform(sliced, native))

    def slices(self, array: NDArray[Any]) -> NDArray[Any]:
        """Convert native axes to (slice, row, column)."""
        from nibabel.orientations import apply_orientation

        return np.ascontiguousarray(apply_orientation(array, self.to_slices))

    def native(self, array: NDArray[Any]) -> NDArray[Any]:
        """Convert (slice, row, column) to native axes: the inverse of `slices`."""
        from nibabel.orientations import apply_orientation

        return np.ascontiguousarray(apply_orientation(array, self.to_native))

    def spacing(self, affine: NDArray[np.float64]) -> tuple[float, float, float]:
        """Voxel size in mm as (slice, row, column)."""
        from nibabel.affines import voxel_sizes

        sizes = voxel_sizes(affine)
        order = np.argsort(self.to_slices[:, 0])
        first, second, third = (float(sizes[axis]) for axis in order)
        return first, second, third


def save_nifti(
    path: Path, array: NDArray[Any], affine: NDArray[np.float64], placement: "Placement | None" = None
) -> None:
    """Write an array with its affine (RAS+ mm) as NIfTI, atomically.

    Args:
        array: three axes.
        affine: of the array; not used if `placement` is given.
        placement: of the image with the same grid. The header copies it, so every program shows both at the same
            position.
    """
    import nibabel as nib

    if placement is None:
        image = nib.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
    else:
        header = placement.header.copy()
        header.set_data_dtype(array.dtype)
        image = nib.Nifti1Image(array, None, header)
    with atomic_file(path) as partial:
        nib.save(image, partial)


def read_nifti(path: Path, channel: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Array and affine of one 3D volume: see `read_with_placement`."""
    return read_with_placement(path, channel)[:2]


def read_with_placement(
    path: Path, channel: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float64], "Placement | None"]:
    """Read one 3D volume.

    Args:
        path: a `.nii`, `.nii.gz`, `.mgz` or `.mgh` file, 3D, or 4D with `channel` given; further axes have length 1.
        channel: index along the fourth axis, from 0; None for 3D files.

    Returns:
        The array (file's axes, scaling of the header applied), its affine (RAS+ mm), and the placement
        in its header (None for MGH files).

    Raises:
        InputError: the file is missing, truncated, no NIfTI, not three-dimensional, or lacks the channel.
    """
    from fewlabel.data.formats.nifti_header import Placement, affine_mm, axes_of, kind_of, open_file

    try:
        file = open_file(path)
        shape = axes_of(file)
        if (kind := file.get_data_dtype()).kind not in "iuf":
            names = "colours" if kind.fields else f"values of type {kind}"
            raise InputError(
                f"{path.name}: {names}; accepted: one real number a voxel; to fix: export it as grey values"
            )
        if len(shape) == 4 and channel is None:
            raise InputError(
                f"{path.name}: 4D file of {shape[3]} channels; to fix: set `channel` to one of 0 to {shape[3] - 1}, or "
                "make it one 3D file a channel"
            )
        if len(shape) == 4 and channel is not None and not 0 <= channel < shape[3]:
            raise InputError(f"{path.name}: no channel {channel}; accepted: 0 to {shape[3] - 1}")
        if len(shape) not in (3, 4) or min(shape) < 1:
            raise InputError(f"{path.name}: array of shape {shape}; accepted: a 3D volume, or 4D with `channel` set")
        # Only the requested channel is read, since 4D files may be large.
        data = file.dataobj[(..., channel, *(0 for _ in file.shape[4:]))] if len(shape) == 4 else file.dataobj
        # Values beyond float32 become infinite; the check of the file reports them.
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.asarray(data, dtype=np.float32).reshape(shape[:3])
        return array, affine_mm(file), Placement.of(file)
    except FileNotFoundError:
        raise InputError(f"{path.name}: {absent(path)}") from None
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(describe_memory_error(error, path.name)) from None
    except Exception as error:  # nibabel, zlib and gzip each raise their own kinds for damaged files
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(describe(error, path.name)) from None
        raise InputError(
            f"{path.name}: truncated or not {kind_of(path)} ({_reason(error)}); to fix: copy or export it again"
        ) from None


def read_result_nifti(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """As `read_nifti`, for results of a study. Raises InputError: also if the file differs from its recorded hash."""
    recorded_hashes.check(path)
    return read_nifti(path)


def _reason(error: Exception) -> str:
    """The message of an error, or its type if the message is empty."""
    return str(error) or type(error).__name__
