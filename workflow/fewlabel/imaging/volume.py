"""A volume in its native orientation, and the way to slices and back.

Inside the house an array is (slice, row, column) and spacing is (slice, row, column) in mm. On disk it has the three
axes of its NIfTI file. `Orientation` is the exact bridge between them: axes are permuted and flipped, not interpolated.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from fewlabel.errors import InputError
from fewlabel.files import whole
from fewlabel.imaging.volume_limits import refuse_extensions, refuse_size
from fewlabel.system_errors import of_memory

Plane = Literal["axial", "coronal", "sagittal"]

AXES: dict[Plane, tuple[str, str, str]] = {
    # The directions in which slice, row and column indices grow: radiological display, head or front up.
    "axial": ("S", "P", "L"),
    "coronal": ("A", "I", "L"),
    "sagittal": ("L", "I", "P"),
}


@dataclass(frozen=True)
class Volume:
    """One subject's image, on its native grid, as stored.

    Attributes:
        image: float32, the three axes of the file; any intensity range.
        affine: 4 x 4, voxel indices to RAS+ mm.
        mask: uint8 on the same grid, 1 inside the target; None where the subject has no label.
    """

    image: NDArray[np.float32]
    affine: NDArray[np.float64]
    mask: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Orientation:
    """The exact way of an array between its file's axes and (slice, row, column)."""

    to_slices: NDArray[np.float64]
    to_native: NDArray[np.float64]

    @classmethod
    def of(cls, affine: NDArray[np.float64], plane: Plane = "axial") -> "Orientation":
        """The orientation for a file's affine; an oblique affine takes the nearest axes."""
        native = nib.orientations.io_orientation(affine)
        sliced = nib.orientations.axcodes2ornt(AXES[plane])
        transform = nib.orientations.ornt_transform
        return cls(to_slices=transform(native, sliced), to_native=transform(sliced, native))

    def slices(self, array: NDArray[Any]) -> NDArray[Any]:
        """Native axes to (slice, row, column)."""
        return np.ascontiguousarray(nib.orientations.apply_orientation(array, self.to_slices))

    def native(self, array: NDArray[Any]) -> NDArray[Any]:
        """(slice, row, column) to native axes: the inverse of `slices`."""
        return np.ascontiguousarray(nib.orientations.apply_orientation(array, self.to_native))

    def spacing(self, affine: NDArray[np.float64]) -> tuple[float, float, float]:
        """Voxel size in mm as (slice, row, column)."""
        sizes = voxel_sizes(affine)
        order = np.argsort(self.to_slices[:, 0])
        first, second, third = (float(sizes[axis]) for axis in order)
        return first, second, third


def save_nifti(path: Path, array: NDArray[Any], affine: NDArray[np.float64]) -> None:
    """Write an array with its affine (RAS+ mm) as NIfTI, whole or not at all."""
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    with whole(path) as partial:
        nib.save(image, partial)


def open_file(path: Path) -> Any:
    """A NIfTI or MGH file as nibabel opens it, whatever the case of its ending: `a.Nii` it would look for as `a.nii`.

    Raises:
        InputError: larger than any volume, or than this machine's memory.
        Exception: of many kinds, for files that are damaged or of another format.
    """
    refuse_extensions(path)
    file = _open(path)
    refuse_size(file.shape, path.name)
    return file


def _open(path: Path) -> Any:
    ending = "".join(path.suffixes[-2:]) if path.suffix.lower() == ".gz" else path.suffix
    if ending in (ending.lower(), ending.upper()):
        return nib.load(path)
    files = {"image": nib.FileHolder(str(path))}
    if ending.lower().startswith(".mg"):
        return nib.MGHImage.from_file_map(files)
    with files["image"].get_prepare_fileobj("rb") as file:
        of_second = nib.Nifti2Header.may_contain_header(file.read(nib.Nifti2Header.sizeof_hdr))
    return (nib.Nifti2Image if of_second else nib.Nifti1Image).from_file_map(files)


def read_nifti(path: Path, channel: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Read one 3D volume.

    Args:
        path: a `.nii`, `.nii.gz`, `.mgz` or `.mgh` file, 3D, or 4D with `channel` given.
        channel: index along the fourth axis, from 0; None for 3D files.

    Returns:
        The array (file's axes, scaling of the header applied) and its affine.

    Raises:
        InputError: the file is missing, truncated, no NIfTI, not three-dimensional, or lacks the channel.
    """
    try:
        file = open_file(path)
        if not isinstance(file, nib.Nifti1Image | nib.MGHImage):
            raise InputError(f"{path.name}: not a NIfTI file; accepted: .nii, .nii.gz, .mgz; convert it")
        shape = file.shape
        if (kind := file.get_data_dtype()).kind not in "iuf":
            names = "colours" if kind.fields else f"values of type {kind}"
            raise InputError(f"{path.name}: {names}; accepted: one real number a voxel; export it as grey values")
        if len(shape) == 4 and shape[3] == 1 and channel is None:
            channel = 0
        if len(shape) == 4 and channel is None:
            raise InputError(
                f"{path.name}: 4D file of {shape[3]} channels; set `channel` to one of 0 to {shape[3] - 1}"
            )
        if len(shape) == 4 and channel is not None and not 0 <= channel < shape[3]:
            raise InputError(f"{path.name}: no channel {channel}; the file has channels 0 to {shape[3] - 1}")
        if len(shape) not in (3, 4) or min(shape) < 1:
            raise InputError(f"{path.name}: array of shape {shape}; accepted: a 3D volume, or 4D with `channel` set")
        data = file.dataobj[..., channel] if len(shape) == 4 else file.dataobj
        return np.asarray(data, dtype=np.float32), np.asarray(file.affine, dtype=np.float64)
    except FileNotFoundError:
        raise InputError(f"{path.name}: no such file") from None
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(of_memory(error, path.name)) from None
    except Exception as error:  # nibabel, zlib and gzip each raise their own kinds for damaged files
        raise InputError(
            f"{path.name}: truncated or not a NIfTI file ({_reason(error)}); copy or export it again"
        ) from None


def _reason(error: Exception) -> str:
    """What a library says of a failure; some say nothing, such as of an array that no memory holds."""
    return str(error) or type(error).__name__
