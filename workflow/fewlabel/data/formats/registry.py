"""Read volumes of any format: NIfTI, MGH, MetaImage and NRRD files, and folders of a DICOM series."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.formats.checks import FileGrid
from fewlabel.data.formats.dicom_series import load_series, read_series
from fewlabel.data.formats.metaimage import load_metaimage, metaimage_geometry
from fewlabel.data.formats.nifti import Role, load_nifti
from fewlabel.data.formats.nifti_header import affine_mm, open_file
from fewlabel.data.paths import META_SUFFIXES, NRRD_SUFFIXES, RADIAL_SUFFIXES, ends_with
from fewlabel.utils.errors import InputError


def load(path: Path, name: str, channel: int | None, role: Role) -> tuple[FileGrid | None, list[str]]:
    """Read a volume's array and affine, or return None and all problems, one line each.

    Args:
        path: a file, or the folder of a DICOM series.
        channel: of a 4D NIfTI or MGH file, from 0; other formats have one channel.
    """
    if path.is_dir():
        series, problems = read_series(path, name)
        return load_series(series, name) if series is not None else (None, problems)
    if ends_with(path, (*META_SUFFIXES, *NRRD_SUFFIXES)):
        return load_metaimage(path, name)
    return load_nifti(path, name, channel, role)


def geometry(path: Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Read shape (three axes) and affine of a volume from headers alone. Raises InputError: they cannot be read."""
    try:
        if path.is_dir():
            series, problems = read_series(path, path.name)
            if series is None:
                raise InputError.of(problems)
            return series.shape, series.affine
        if ends_with(path, (*META_SUFFIXES, *NRRD_SUFFIXES)):
            return metaimage_geometry(path)
        if ends_with(path, RADIAL_SUFFIXES):
            from fewlabel.data.reconstruction.raw_data.file import radial_geometry

            return radial_geometry(path)
        file = open_file(path)
        return file.shape[:3], affine_mm(file)
    except InputError:
        raise
    except Exception as error:  # nibabel, zlib and SimpleITK each raise their own types for damaged files
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path.name}: its header cannot be read ({reason}); to fix: copy or export it again"
        ) from None
