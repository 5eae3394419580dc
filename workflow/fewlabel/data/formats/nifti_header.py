"""Open NIfTI and MGH files without the library's warnings, and read the position of the grid in mm.

A header may define the position twice: as a matrix (sform) and as a quaternion (qform), each with a code that enables
it. Programs differ in which one they use: nibabel uses the sform, ITK often the qform. Every program shows a mask on
its image only if the mask's header copies all position fields of the image's header.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import nibabel as nib
import numpy as np
from nibabel.openers import ImageOpener
from numpy.typing import NDArray

from fewlabel.data.formats.library_output import silent_warnings
from fewlabel.data.formats.volume_limits import refuse_extensions, refuse_size, refuse_wrong_name
from fewlabel.utils.errors import InputError

UNITS: dict[int, tuple[str, float]] = {1: ("metre", 1e3), 2: ("mm", 1.0), 3: ("micron", 1e-3)}
"""Names and mm of the unit codes of `xyzt_units`; other codes are unknown and count as mm."""
Opened: TypeAlias = Any
"""A NIfTI or MGH image of nibabel (which is untyped), as returned by `open_file`."""
NIBABEL = "nibabel.global"
"""The logger of nibabel."""
LONGEST = 1.01
"""Length up to which a quaternion (1 by definition) is treated as a rounding error."""
_FIELDS = ("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")
_ROWS = ("srow_x", "srow_y", "srow_z")


@dataclass(frozen=True)
class Placement:
    """The position of a grid in a NIfTI header."""

    header: nib.Nifti1Header  # contains only both forms, their codes, the voxel sizes and the unit, as in the file

    @classmethod
    def of(cls, file: Opened) -> "Placement | None":
        """The placement of an opened file; None for MGH files, which have one affine, in mm."""
        if not isinstance(file, nib.Nifti1Image):
            return None
        header, source = nib.Nifti1Header(), file.header
        for name in (*_FIELDS, *_ROWS):
            header[name] = source[name]
        header["pixdim"][:4] = source["pixdim"][:4]
        header["xyzt_units"] = source["xyzt_units"] & 7
        return cls(header)

    def sform(self) -> NDArray[np.float64] | None:
        """The matrix from voxel indices to RAS+ mm; None if its code is 0."""
        if self.header["sform_code"] <= 0:
            return None
        return _in_mm(np.asarray(self.header.get_sform(), dtype=np.float64), self.header)

    def qform(self) -> NDArray[np.float64] | None:
        """The matrix of the quaternion, to RAS+ mm; None if its code is 0 or its numbers are not a rotation."""
        if self.header["qform_code"] <= 0:
            return None
        try:
            return _in_mm(np.asarray(self.header.get_qform(), dtype=np.float64), self.header)
        except ValueError:
            return None

    def others(self) -> list[NDArray[np.float64]]:
        """Positions that programs other than nibabel may use: the qform, or only voxel sizes (ITK)."""
        sform, qform = self.sform(), self.qform()
        if sform is None and qform is None:
            return [_in_mm(np.diag([*(self.header["pixdim"][1:4] * [-1.0, -1.0, 1.0]), 1.0]), self.header)]
        return [qform] if sform is not None and qform is not None else []

    @property
    def says_nothing(self) -> bool:
        """Whether both codes are 0, so that each program uses its own position."""
        return bool(self.header["sform_code"] <= 0 and self.header["qform_code"] <= 0)


def open_file(path: Path) -> Opened:
    """Open a NIfTI or MGH file; its array stays on disk. Quaternions slightly longer than 1 are normalised.

    Raises:
        InputError: another format, compression other than in its name, or larger than any volume or the memory.
        Exception: any type, for damaged files.
    """
    refuse_wrong_name(path)
    refuse_extensions(path)
    with silent_warnings(NIBABEL):
        try:
            file = _opened(path)
        except ValueError as error:
            if "w2 should be positive" not in str(error):
                raise
            file = _RoundedImage.from_file_map({"image": nib.FileHolder(str(path))})
    if not isinstance(file, nib.Nifti1Image | nib.MGHImage):
        raise InputError(f"{path.name}: not {kind_of(path)}; accepted: .nii, .nii.gz, .mgz, .mgh; to fix: convert it")
    refuse_size(file.shape, path.name)
    return file


def kind_of(path: Path) -> str:
    """The format of a file by its name, for messages."""
    return "an MGH file" if path.suffix.lower() in (".mgz", ".mgh") else "a NIfTI file"


def _opened(path: Path) -> Any:
    """Open a file as nibabel does, with endings in any case: nibabel itself would open `a.nii` for `a.Nii`."""
    ending = "".join(path.suffixes[-2:]) if path.suffix.lower() == ".gz" else path.suffix
    if ending in (ending.lower(), ending.upper()):
        return nib.load(path)
    files = {"image": nib.FileHolder(str(path))}
    if ending.lower().startswith(".mg"):
        return nib.MGHImage.from_file_map(files)
    with files["image"].get_prepare_fileobj("rb") as file:
        of_second = nib.Nifti2Header.may_contain_header(file.read(nib.Nifti2Header.sizeof_hdr))
    return (nib.Nifti2Image if of_second else nib.Nifti1Image).from_file_map(files)


def affine_mm(file: Opened) -> NDArray[np.float64]:
    """The affine of a file, (4, 4) to RAS+ mm, with the unit of its header applied."""
    affine = np.asarray(file.affine, dtype=np.float64)
    return _in_mm(affine, file.header) if isinstance(file, nib.Nifti1Image) else affine


def axes_of(file: Opened) -> tuple[int, ...]:
    """A file's shape without trailing axes of length 1 after the third."""
    shape = [int(side) for side in file.shape]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    return tuple(shape)


def pixdim_problem(path: Path) -> str | None:
    """Problem of the voxel sizes (pixdim) in a header; nibabel replaces 0 by 1."""
    kind = type(open_file(path).header)
    if not issubclass(kind, nib.Nifti1Header):
        return None
    with ImageOpener(path) as opened:
        sizes = kind.from_fileobj(opened, check=False)["pixdim"][1:4]
    if np.isfinite(sizes).all() and sizes.all():
        return None
    sizes_text = " x ".join(f"{size:g}" for size in sizes)
    accepted = "accepted: finite numbers other than 0; to fix: correct the header"
    return f"voxel sizes (pixdim) {sizes_text} in its header; {accepted}"


def unit_of(header: nib.Nifti1Header) -> str:
    """The unit of a header's lengths, in words."""
    return UNITS.get(int(header["xyzt_units"]) & 7, ("unknown, taken as mm", 1.0))[0]


def _in_mm(affine: NDArray[np.float64], header: nib.Nifti1Header) -> NDArray[np.float64]:
    factor = UNITS.get(int(header["xyzt_units"]) & 7, ("", 1.0))[1]
    scaled = affine.copy()
    scaled[:3] *= factor
    return scaled


class _RoundedHeader(nib.Nifti1Header):  # type: ignore[misc]
    """A header whose quaternion is normalised to length 1."""

    @classmethod
    def from_fileobj(cls, fileobj: Any, endianness: str | None = None, check: bool = True) -> "_RoundedHeader":
        header: _RoundedHeader = super().from_fileobj(fileobj, endianness, check)
        names = _FIELDS[2:5]
        quaternion = np.array([header[name] for name in names], dtype=np.float64)
        length = float(np.linalg.norm(quaternion))
        if 1 < length <= LONGEST:
            for name, value in zip(names, quaternion / length, strict=True):
                header[name] = value
        return header


class _RoundedImage(nib.Nifti1Image):  # type: ignore[misc]
    header_class = _RoundedHeader
