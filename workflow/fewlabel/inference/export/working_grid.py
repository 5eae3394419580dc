"""MONAI transforms between volumes and the inputs and outputs of a FewLabel network, and a writer of masks.

FewLabel copies this file into each MONAI bundle, so it imports NumPy, nibabel, MONAI and scikit-image, but not
FewLabel. Apache-2.0.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
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

    Volumes are MetaTensors (channel, slice, row, column), as from `Orientationd`. Resampling is linear between voxel
    centres and anti-aliased along axes that become coarser. Pads hold the channel's minimum; the inverse is 0 in
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
            arrays = [_resize(channel, resampled) for channel in volume.numpy()]
            stacked = np.stack([_fit(array, self.matrix, float(array.min())) for array in arrays])
            fitted = MetaTensor(torch.from_numpy(stacked))
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
            sides, shape = (tuple(int(side) for side in of) for of in (info["resampled"][1:], native))
            channels = [_resize(_fit(channel, sides, 0.0), shape) for channel in volume.detach().cpu().numpy()]
            restored = MetaTensor(torch.from_numpy(np.stack(channels)))
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


class Channelsd(MapTransform):  # type: ignore[misc]
    """Selects channels of volumes (channel, axis, axis, axis)."""

    def __init__(self, keys: KeysCollection, indices: Sequence[int]) -> None:
        """Set the indices of the channels, in their order."""
        super().__init__(keys)
        self.indices = list(indices)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Select the channels."""
        result = dict(data)
        for key in self.key_iterator(result):
            volume = result[key]
            if volume.shape[0] <= max(self.indices):
                raise ValueError(f"volume: {volume.shape[0]} channels; accepted: channels {self.indices}")
            result[key] = volume[self.indices]
        return result


class NeighbouringSlicesd(MapTransform):  # type: ignore[misc]
    """Adds neighbouring slices as channels, those of the lowest first; at the ends the outermost slice is repeated.

    Volumes are (channel, slice, row, column), and become (slices x channel, slice, row, column).
    """

    def __init__(self, keys: KeysCollection, slices: int) -> None:
        """Set the odd number of slices, the slice itself in the middle."""
        super().__init__(keys)
        self.slices = slices

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the channels."""
        result = dict(data)
        for key in self.key_iterator(result):
            volume: MetaTensor = result[key]
            last, half = volume.shape[1] - 1, self.slices // 2
            seen = [
                volume.as_tensor()[:, torch.clamp(torch.arange(last + 1) + step, 0, last)]
                for step in range(-half, half + 1)
            ]
            result[key] = MetaTensor(torch.cat(seen), meta=volume.meta, applied_operations=volume.applied_operations)
        return result


class LabelMapd(MapTransform):  # type: ignore[misc]
    """Maps probabilities of classes (class, axis, axis, axis) to a label map (1, axis, axis, axis).

    A voxel gets the value of its most probable class; of equal ones that of the first. It is 0 where background is
    more probable, whose probability is what the classes leave of 1.
    """

    def __init__(self, keys: KeysCollection, values: Sequence[int]) -> None:
        """Set the label value of each class."""
        super().__init__(keys)
        self.values = torch.tensor([0, *values], dtype=torch.int32)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Make the label maps."""
        result = dict(data)
        for key in self.key_iterator(result):
            volume: MetaTensor = result[key]
            classes = volume.as_tensor()
            best, number = torch.zeros_like(classes[0]), torch.zeros_like(classes[0], dtype=torch.int64)
            total = torch.zeros_like(best)
            for index, share in enumerate(classes, start=1):
                total += share
                larger = share > best
                number[larger], best[larger] = index, share[larger]
            number[best < 1 - total] = 0
            labels = self.values.to(number.device)[number]
            result[key] = MetaTensor(labels[None], meta=volume.meta, applied_operations=volume.applied_operations)
        return result


def channel_files(folder: str, suffixes: Sequence[str]) -> list[list[str]]:
    """The files of each subject in a folder, one for each channel, by the suffixes of their names.

    Raises:
        FileNotFoundError: a subject lacks a channel.
    """
    subjects = []
    for ending in (".nii", ".nii.gz"):
        for first in sorted(Path(folder).glob(f"*{suffixes[0]}{ending}")):
            subject = first.name[: -len(suffixes[0] + ending)]
            files = [first.with_name(f"{subject}{suffix}{ending}") for suffix in suffixes]
            if missing := [file.name for file in files if not file.is_file()]:
                raise FileNotFoundError(f"{folder}: no {', '.join(missing)}; accepted: a file for each channel")
            subjects.append([str(file) for file in files])
    return subjects


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
        """Write a 3D NIfTI file of the writer's NumPy type, else uint8."""
        array = np.asarray(self.data_obj)
        array = array.reshape((*array.shape, 1, 1, 1)[:3] if array.ndim < 3 else array.shape[:3])
        array = array.astype(np.uint8 if isinstance(self.output_dtype, torch.dtype) else self.output_dtype)
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
    _, slices, rows, columns = (int(side) for side in volume.shape)
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
