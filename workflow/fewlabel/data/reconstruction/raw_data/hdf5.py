"""Data sets stored in an HDF5 file itself, with sizes that fit into memory.

HDF5 files can refer to other files by external links, virtual data sets and external storage. FewLabel never reads
data from other files.
"""

import math

import h5py

from fewlabel.utils.environment import refuse_above_memory
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size

MOST_SLICES, MOST_COILS, MOST_SPOKES, MOST_SAMPLES = 4096, 1024, 100_000, 32_768
MOST_READOUTS = 2_000_000
"""Records of an ISMRMRD file."""
MOST_BYTES = 2_000_000_000
"""Largest array that is read whole, and largest chunk."""
COMPLEX_BYTES = 8


def own_dataset(file: h5py.File, place: str) -> h5py.Dataset | None:
    """A data set of the file itself; None if there is none. `place`: of the data set, with slashes between groups.

    Raises:
        InputError: the data set is a link, virtual or stored in another file, or its chunks are too large.
    """
    parent: h5py.Group = file
    for name in place.split("/"):
        link = parent.get(name, getlink=True) if isinstance(parent, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise InputError(_elsewhere(place, "a link to another place or file"))
        parent = parent[name]
    if not isinstance(parent, h5py.Dataset):
        return None
    if parent.is_virtual or parent.external:
        raise InputError(_elsewhere(place, "virtual" if parent.is_virtual else "stored in another file"))
    if parent.chunks is not None and math.prod(parent.chunks) * parent.dtype.itemsize > MOST_BYTES:
        raise InputError(f"{place}: chunks of shape {parent.chunks}; accepted: up to {size(MOST_BYTES)} each")
    return parent


def whole_array(dataset: h5py.Dataset, place: str) -> h5py.Dataset:
    """A data set that may be read whole. Raises InputError: it is too large."""
    if dataset.size and dataset.size * dataset.dtype.itemsize > MOST_BYTES:
        raise InputError(f"{place}: an array of shape {dataset.shape}; accepted: up to {size(MOST_BYTES)}")
    return dataset


def refuse_kspace(shape: tuple[int, ...]) -> None:
    """Raise an InputError for k-space (slice, coil, spoke, sample) larger than any scan or this machine's memory."""
    most = (MOST_SLICES, MOST_COILS, MOST_SPOKES, MOST_SAMPLES)
    if len(shape) != len(most):
        return
    if any(side > bound for side, bound in zip(shape, most, strict=True)):
        raise InputError(
            f"kspace of shape {shape}; accepted: up to {MOST_SLICES} slices, {MOST_COILS} coils, {MOST_SPOKES} spokes "
            f"and {MOST_SAMPLES} samples; to fix: split the file"
        )
    one = COMPLEX_BYTES * math.prod(shape[1:])
    refuse_above_memory(one, f"kspace: a slice of shape {shape[1:]}", "use fewer coils, or a machine with more memory")


def _elsewhere(place: str, how: str) -> str:
    return (
        f"{place} is {how}; accepted: data in the file itself; to fix: copy it there (h5repack, or read and write it)"
    )
