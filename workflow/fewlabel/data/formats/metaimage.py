"""Read a MetaImage or NRRD file, with its data file if any, as array and affine, and find its problems."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.formats.checks import LPS_TO_RAS, FileGrid
from fewlabel.data.formats.library_output import silent_stderr
from fewlabel.data.formats.volume_limits import refuse_size
from fewlabel.data.paths import META_SUFFIXES, ends_with
from fewlabel.utils.atomic_files import absent
from fewlabel.utils.errors import InputError

UNIT = "ITK_VoxelUnits"
UNITS_MM = {"um": 1e-3, "mm": 1.0, "cm": 10.0}
"""Units of the field `DistanceUnits`, which ITK reads but does not apply."""
TYPE_BYTES = {"CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "FLOAT": 4, "DOUBLE": 8}
TYPE_BYTES |= {"LONG": 8, "ULONG": 8, "LONG_LONG": 8, "ULONG_LONG": 8}


def load_metaimage(path: Path, name: str) -> tuple[FileGrid | None, list[str]]:
    """A file's array, float32 with the axes of the file, and its affine (RAS+ mm); or None and its problem."""
    import SimpleITK as sitk  # noqa: N813 - the library's own short name

    if problem := _data_problem(path) if ends_with(path, META_SUFFIXES) else _nrrd_data_problem(path):
        return None, [f"{name}: {problem}"]
    try:
        refuse_size(metaimage_geometry(path)[0], name)
        with silent_stderr():
            image = sitk.ReadImage(str(path), imageIO=_library(path))
    except InputError as error:
        return None, [str(error)]
    except RuntimeError as error:
        kind = "a MetaImage" if ends_with(path, META_SUFFIXES) else f"an NRRD file{_nrrd_reason(error)}"
        return None, [f"{name}: truncated or not {kind}; to fix: copy or export it again"]
    if problem := _shape_problem(image):
        return None, [f"{name}: {problem}"]
    array = sitk.GetArrayFromImage(image).astype(np.float32).transpose(2, 1, 0)
    return FileGrid(np.ascontiguousarray(array), _affine(image)), []


def metaimage_geometry(path: Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Read shape and affine (RAS+ mm) from the header alone. Raises RuntimeError: the file is not of its format."""
    import SimpleITK as sitk  # noqa: N813 - the library's own short name

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(_library(path))
    with silent_stderr():
        reader.ReadImageInformation()
    return tuple(reader.GetSize()), _affine(reader)


def _library(path: Path) -> str:
    """SimpleITK's reader for the file; its own detection does not recognise upper-case endings such as `.MHD`."""
    return "MetaImageIO" if ends_with(path, META_SUFFIXES) else "NrrdImageIO"


def _affine(image: Any) -> NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    unit = image.GetMetaData(UNIT) if image.HasMetaDataKey(UNIT) else "mm"
    affine[:3] *= UNITS_MM.get(unit, 1.0)
    return LPS_TO_RAS @ affine


def _nrrd_reason(error: RuntimeError) -> str:
    """The last line of the library's message, in brackets, without the name of its function; empty if there is none.

    For MetaImage, the library reports the system's last error, which is unrelated to the file.
    """
    last = next((line for line in reversed(str(error).splitlines()) if line.strip()), "")
    reason = " ".join(re.sub(r"^\[nrrd\] \w+:", "", last).split())
    return f" ({reason})" if reason else ""


def _shape_problem(image: Any) -> str | None:
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        channels = image.GetNumberOfComponentsPerPixel()
        return f"{image.GetDimension()} dimensions, {channels} channels; accepted: a 3D volume of one channel"
    return None


def _data_problem(path: Path) -> str | None:
    """Problem of a missing or short data file, which the library does not report."""
    try:
        fields = _header(path)
    except FileNotFoundError:
        return absent(path)
    except OSError as error:
        return f"cannot be read ({error.strerror}); copy or export it again"
    named = fields.get("ElementDataFile", "")
    if not named or named.upper() == "LOCAL":
        return None
    if named != Path(named).name or " " in named:
        return f"ElementDataFile = {named}; accepted: one file in the header's folder"
    data = path.with_name(named)
    if not data.is_file():
        return f"its data file {named} is missing; to fix: copy both files"
    sides = [int(side) for side in fields.get("DimSize", "").split() if side.isdecimal()]
    each = TYPE_BYTES.get(fields.get("ElementType", "").removeprefix("MET_"))
    if fields.get("CompressedData", "False") == "True" or each is None or not sides:
        return None
    actual, needed = data.stat().st_size, math.prod(sides) * each
    return f"{named} is truncated ({actual} of {needed} bytes); to fix: copy it again" if actual < needed else None


def _nrrd_data_problem(path: Path) -> str | None:
    """Problem of an NRRD header whose data file is missing or in another folder; the library reports other problems."""
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16).decode("latin-1").replace("\r", "").partition("\n\n")[0]
    except FileNotFoundError:
        return absent(path)
    except OSError as error:
        return f"cannot be read ({error.strerror}); copy or export it again"
    named = next((match[1].strip() for match in re.finditer(r"(?im)^data ?file:(.*)$", head)), "")
    if not named:
        return None
    if named != Path(named).name or " " in named or named.upper() == "LIST":
        return f"data file: {named}; accepted: one file in the header's folder"
    return None if path.with_name(named).is_file() else f"its data file {named} is missing; to fix: copy both files"


def _header(path: Path) -> dict[str, str]:
    """The fields `Key = value` of a header, up to the data file, which is the last."""
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        for line in file:
            key, equal, value = line[:4096].decode("latin-1").partition("=")
            if not equal:
                break
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                break
    return fields
