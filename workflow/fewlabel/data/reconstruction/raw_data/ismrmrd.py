"""Read radial k-space of an ISMRMRD file, and the position of its slices.

Slices, echoes and spokes are defined by the counters `slice`, `contrast` and `kspace_encode_step_1`; where the last is
0 throughout, by their order in the file. Trajectories are in cycles per pixel along `read_dir` and `phase_dir`. A
position is that of the slice's middle pixel (matrix // 2), in LPS+ mm.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from fewlabel.data.formats.checks import UNKNOWN
from fewlabel.data.reconstruction.radial.gridding import Complex
from fewlabel.data.reconstruction.raw_data.hdf5 import MOST_READOUTS, own_dataset, refuse_kspace
from fewlabel.utils.errors import InputError

READOUTS = "dataset/data"
"""Records of `head`, `traj` and `data`."""
BLOCK = 256
"""Records in memory at a time. They are read whole: HDF5 2.0 keeps the memory of members that are left out."""
Numbers = NDArray[np.int64]
SAME = 1e-4
"""Cycles per pixel by which the trajectories of slices may differ."""
EVEN_MM = 0.01
"""Accepted deviation of the distances of slices."""
OTHER = (
    "ACQ_IS_NOISE_MEASUREMENT",
    "ACQ_IS_PARALLEL_CALIBRATION",
    "ACQ_IS_NAVIGATION_DATA",
    "ACQ_IS_PHASECORR_DATA",
    "ACQ_IS_DUMMYSCAN_DATA",
    "ACQ_IS_SURFACECOILCORRECTIONSCAN_DATA",
)
"""Readouts with one of these flags are no part of the image."""


@dataclass(frozen=True)
class ReadoutKSpace:
    """k-space whose file is opened for each slice."""

    path: Path
    spokes: list[Numbers]  # of each slice, the numbers of its readouts
    shape: tuple[int, int, int, int]  # (slice, coil, spoke, sample)
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.complex64))

    def __getitem__(self, number: int) -> Complex:
        _, coils, spokes, samples = self.shape
        image = np.empty((coils, spokes, samples), dtype=np.complex64)
        with h5py.File(self.path, "r") as file:
            for spoke, (readout, record) in enumerate(_records(file, "data", self.spokes[number])):
                image[:, spoke] = _shaped(record, (coils, 2 * samples), readout).view(np.complex64)
        return image


def read_ismrmrd(path: Path, file: h5py.File, every_trajectory: bool) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """The arrays of a file, named as in our own HDF5 files, and the affine: `UNKNOWN` without directions.

    Args:
        path: of the file, by which k-space is read later.
        every_trajectory: whether to compare the trajectories of all slices; else the first is used for all.

    Raises:
        InputError: all problems, one line each.
    """
    import ismrmrd

    text, records = own_dataset(file, "dataset/xml"), own_dataset(file, READOUTS)
    if text is None or records is None:
        raise InputError(f"no dataset/xml or {READOUTS}; accepted: a file as ISMRMRD is written, or HDF5 with kspace")
    if len(records) > MOST_READOUTS:
        raise InputError(f"{len(records)} readouts; accepted: up to {MOST_READOUTS}; split the file")
    header = ismrmrd.xsd.CreateFromDocument(text[0])
    # A copy, since a view keeps the whole record.
    blocks = [records[start : start + BLOCK]["head"].copy() for start in range(0, len(records), BLOCK)]
    heads = np.concatenate(blocks)
    other = sum(1 << (getattr(ismrmrd, flag) - 1) for flag in OTHER)
    numbers = np.flatnonzero((heads["flags"] & np.uint64(other)) == 0)
    places = _places(heads)
    if places[numbers, 2].any():
        numbers = numbers[np.lexsort(places[numbers].T[::-1])]
    slices = [numbers[places[numbers, 0] == one] for one in np.unique(places[numbers, 0])]
    _refuse(_readout_problems(heads[numbers], places[numbers], slices))
    first = heads[slices[0]]
    coils, samples = int(first["active_channels"][0]), int(first["number_of_samples"][0])
    refuse_kspace((len(slices), coils, len(slices[0]), samples))
    space = header.encoding[0].reconSpace
    affine, problems = _affine(space, heads[[one[0] for one in slices]])
    points = _points(file, slices[0], samples)
    if every_trajectory and any(np.abs(_points(file, one, samples) - points).max() > SAME for one in slices[1:]):
        problems.append("slices of different trajectories; accepted: the same spokes in every slice")
    if any((places[one, 1] != places[slices[0], 1]).any() for one in slices):
        problems.append("slices of different contrasts; accepted: the same echoes in every slice")
    _refuse(problems)
    arrays: dict[str, Any] = {
        "kspace": ReadoutKSpace(path, slices, (len(slices), coils, len(slices[0]), samples)),
        "trajectory": points,
        "matrix": np.array(space.matrixSize.x),
    }
    times = getattr(header.sequenceParameters, "TE", None)
    if times:
        arrays |= {"echo": places[slices[0], 1], "echo_times": np.array(times)}
    return arrays, affine


def _places(heads: NDArray[Any]) -> Numbers:
    """(readout, 3): slice, contrast and kspace_encode_step_1."""
    counters = heads["idx"]
    return np.stack([counters[name] for name in ("slice", "contrast", "kspace_encode_step_1")], axis=1).astype(np.int64)


def _records(file: h5py.File, part: str, numbers: Numbers) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """`traj` or `data`, flat, of these readouts, given by number."""
    for start in range(0, len(numbers), BLOCK):
        block = numbers[start : start + BLOCK]
        order = np.argsort(block)
        records = file[READOUTS][block[order]][part]
        yield from zip(block.tolist(), records[np.argsort(order)], strict=True)


def _points(file: h5py.File, numbers: Numbers, samples: int) -> NDArray[np.float32]:
    """(spoke, sample, 2)."""
    return np.stack([_shaped(record, (samples, 2), number) for number, record in _records(file, "traj", numbers)])


def _shaped(record: NDArray[np.float32], shape: tuple[int, int], number: int) -> NDArray[np.float32]:
    if record.size != shape[0] * shape[1]:
        raise InputError(
            f"readout {number}: trajectory or data of another length than its header says ({record.size} numbers in "
            f"place of {shape[0]} x {shape[1]}); accepted: equal numbers of samples; to fix: export it again"
        )
    return np.ascontiguousarray(record, dtype=np.float32).reshape(shape)


def _readout_problems(heads: NDArray[Any], places: Numbers, slices: list[Numbers]) -> list[str]:
    """Of the readouts of the image, in order."""
    shapes = np.unique(np.stack([heads["active_channels"], heads["number_of_samples"]], axis=1), axis=0).tolist()
    if len(shapes) != 1:
        examples = [tuple(shape) for shape in shapes[:3]]
        return [f"readouts of {len(shapes)} shapes {examples}; accepted: equal coils and samples in all"]
    problems = []
    counts = sorted({len(spokes) for spokes in slices})
    if len(counts) != 1:
        problems.append(f"slices of {counts} spokes; accepted: the same spokes in every slice")
    wrong = heads["trajectory_dimensions"][heads["trajectory_dimensions"] != 2]
    if len(wrong):
        problems.append(
            f"trajectory of shape {(shapes[0][1], int(wrong[0]))} for {shapes[0][1]} samples; accepted: two numbers "
            "for each sample"
        )
    distinct, times = np.unique(places, axis=0, return_counts=True)
    doubled = distinct[times > 1]
    if len(doubled) and places[:, 2].any():
        number, contrast, step = doubled[0].tolist()
        problems.append(
            f"{len(doubled)} spokes twice (first: slice {number}, contrast {contrast}, kspace_encode_step_1 {step}); "
            "accepted: each once; to fix: average repetitions"
        )
    return problems


def _affine(space: Any, heads: NDArray[Any]) -> tuple[NDArray[np.float64], list[str]]:
    """Indices (along read_dir, along phase_dir, slice) to RAS+ mm, from the first readout of each slice."""
    read, phase = (heads[name][0].astype(np.float64) for name in ("read_dir", "phase_dir"))
    if not read.any() and not phase.any():
        return UNKNOWN, []
    problems = []
    if abs(np.linalg.norm(read) - 1) > 1e-3 or abs(np.linalg.norm(phase) - 1) > 1e-3 or abs(read @ phase) > 1e-3:
        text = f"read_dir {np.round(read, 3).tolist()}, phase_dir {np.round(phase, 3).tolist()}"
        problems.append(f"{text}; accepted: unit vectors at right angles, or zeros where they are not known")
    matrix = space.matrixSize.x
    first, second = read * space.fieldOfView_mm.x / matrix, phase * space.fieldOfView_mm.y / space.matrixSize.y
    centres = heads["position"].astype(np.float64)
    steps = np.diff(centres, axis=0) if len(heads) > 1 else np.cross(read, phase)[None] * space.fieldOfView_mm.z
    if np.abs(steps - steps.mean(axis=0)).max() > EVEN_MM:
        text = ", ".join(f"{length:.4g}" for length in np.linalg.norm(steps, axis=1)[:10])
        problems.append(
            f"unequal spacing of slices ({text} mm); accepted: equal distances along one line, within {EVEN_MM:g} mm; "
            "to fix: number slices by position, and export missing ones"
        )
    affine = np.eye(4)
    affine[:3, :3] = np.stack([first, second, steps.mean(axis=0)], axis=1)
    affine[:3, 3] = centres[0] - (matrix // 2) * (first + second)
    return np.diag([-1.0, -1, 1, 1]) @ affine, problems


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InputError.of(problems)
