"""MONAI transform between volumes and the working grid of a FewLabel network, and a writer of masks.

FewLabel copies this file into each MONAI bundle, so it imports NumPy, nibabel, MONAI and scikit-image, but not
FewLabel. Apache-2.0.
"""

from collections.abc import Hashable, Mapping
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor, NibabelWriter
from monai.transforms import InvertibleTransform, MapTransform
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray
from skimage.transform import resize

Shape = tuple[int, int, int]
MM = {1: 1e3, 3: 1e-3}
"""Factors for the codes of metre and micron in a NIfTI header's `xyzt_units`; other codes count as mm."""
PLACE = ("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")
ROWS = ("srow_x", "srow_y", "srow_z")


class WorkingGridd(MapTransform, InvertibleTransform):  # type: ignore[misc]
    """Resample to the working grid, then crop or pad rows and columns symmetrically; `Invertd` inverts it.

    Volumes are MetaTensors (1, slice, row, column), as from `Orientationd`. Resampling is linear between voxel
    centres and anti-aliased along axes that become coarser. Pads hold the volume's minimum; the inverse is 0 in
    cropped regions.
    """

    def __init__(
        self, keys: KeysCollection, matrix: tuple[int, int], spacing_mm: float, slice_mm: float | None = None
    ) -> None:
        """Set the working grid.

        Args:
            matrix: numbers of rows and columns.
            spacing_mm: distance of rows and of columns.
            slice_mm: distance of slices; None: unchanged.
        """
        super().__init__(keys)
        self.matrix = (int(matrix[0]), int(matrix[1]))
        self.spacing_mm, self.slice_mm = spacing_mm, slice_mm

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Resample volumes to the working grid and update their affines."""
        result = dict(data)
        for key in self.key_iterator(result):
            volume: MetaTensor = result[key]
            native = _shape(volume)
            unit = int(np.asarray(volume.meta.get("xyzt_units", 0))) & 7
            resampled = self._resampled(native, voxel_sizes(volume.affine.numpy()) * MM.get(unit, 1.0))
            array = _resize(volume.numpy()[0], resampled)
            fitted = MetaTensor(torch.from_numpy(_fit(array, self.matrix, float(array.min()))[None]))
            fitted.copy_meta_from(volume)
            self.push_transform(
                fitted,
                affine=_moved(native, resampled, self.matrix),
                orig_size=native,
                extra_info={"resampled": resampled, "affine": volume.affine.clone()},
            )
            result[key] = fitted
        return result

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Resample volumes on the working grid to their native grids."""
        result = dict(data)
        for key in self.key_iterator(result):
            volume: MetaTensor = result[key]
            applied = self.pop_transform(volume)
            native, info = applied["orig_size"], applied["extra_info"]
            array = volume.detach().cpu().numpy()[0]
            whole = _fit(array, tuple(int(side) for side in info["resampled"][1:]), 0.0)
            restored = MetaTensor(torch.from_numpy(_resize(whole, tuple(int(side) for side in native))[None]))
            restored.copy_meta_from(volume)
            restored.affine = info["affine"]
            result[key] = restored
        return result

    def _resampled(self, native: Shape, spacing: NDArray[np.float64]) -> Shape:
        """Numbers of slices, rows and columns at the distances of the working grid."""
        distances = (self.slice_mm, self.spacing_mm, self.spacing_mm)
        slices, rows, columns = (
            int(side) if mm is None else max(1, round(int(side) * float(size) / mm))
            for side, size, mm in zip(native, spacing, distances, strict=True)
        )
        return slices, rows, columns


class PlacedWriter(NibabelWriter):  # type: ignore[misc]
    """Writes masks with all position fields of their images' headers, so programs show both at the same position.

    A header may define the position twice, by sform and qform, and programs differ in which they use. MONAI's writer
    sets both to one affine.
    """

    header_facts: Mapping[str, Any] = {}

    def set_metadata(self, meta_dict: Mapping[str, Any] | None, resample: bool = False, **options: Any) -> None:
        """Store the image's header; the array is never resampled."""
        super().set_metadata(meta_dict, resample=False, **options)
        self.header_facts = meta_dict or {}

    def write(self, filename: Any, verbose: bool = False, **_: Any) -> None:
        """Write a 3D NIfTI file, uint8."""
        array = np.asarray(self.data_obj)
        array = array.reshape((*array.shape, 1, 1, 1)[:3] if array.ndim < 3 else array.shape[:3])
        array = array.astype(np.uint8)
        if "sform_code" not in self.header_facts:
            nib.save(nib.Nifti1Image(array, np.asarray(self.affine)), filename)
            return
        header = nib.Nifti1Header()
        header.set_data_dtype(array.dtype)
        for name in (*PLACE, *ROWS):
            header[name] = np.asarray(self.header_facts[name])
        header["pixdim"][:4] = np.asarray(self.header_facts["pixdim"])[:4]
        header["xyzt_units"] = int(np.asarray(self.header_facts["xyzt_units"])) & 7
        nib.save(nib.Nifti1Image(array, None, header), filename)


def _shape(volume: MetaTensor) -> Shape:
    channels, slices, rows, columns = (int(side) for side in volume.shape)
    if channels != 1:
        raise ValueError(f"volume: {channels} channels; accepted: 1")
    return slices, rows, columns


def _resize(array: NDArray[np.float32], shape: Any) -> NDArray[np.float32]:
    if array.shape == shape:
        return array
    resized = resize(array, shape, order=1, mode="edge", anti_aliasing=True, preserve_range=True)
    return np.asarray(resized, dtype=np.float32)


def _fit(array: NDArray[np.float32], sides: Any, fill: float) -> NDArray[np.float32]:
    fitted = np.full((array.shape[0], *sides), fill, dtype=array.dtype)
    cuts, places = [], []
    for old, new in zip(array.shape[1:], sides, strict=True):
        common, offset = min(old, new), abs(old - new) // 2
        cuts.append(slice(offset, offset + common) if old > new else slice(0, common))
        places.append(slice(offset, offset + common) if new > old else slice(0, common))
    fitted[:, places[0], places[1]] = array[:, cuts[0], cuts[1]]
    return fitted


def _moved(native: Shape, resampled: Shape, matrix: tuple[int, int]) -> NDArray[np.float64]:
    """Affine from indices on the working grid to native indices, (4, 4); the volume's edges stay in place."""
    moved = np.eye(4)
    for axis, (old, new, final) in enumerate(zip(native, resampled, (resampled[0], *matrix), strict=True)):
        offset = abs(new - final) // 2
        scale, start = old / new, offset if new > final else -offset
        moved[axis, axis], moved[axis, 3] = scale, (start + 0.5) * scale - 0.5
    return moved
