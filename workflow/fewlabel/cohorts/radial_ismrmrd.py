"""Radial k-space of an ISMRMRD file, and where its slices lie.

Slices, echoes and spokes are told by the counters `slice`, `contrast` and `kspace_encode_step_1`; where the last is 0
throughout, by their order in the file. Trajectories are in cycles per pixel along `read_dir` and `phase_dir`. A
position is that of the slice's middle pixel (matrix // 2), in LPS+ mm.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.errors import InputError

SAME = 1e-4
"""Cycles per pixel by which the trajectories of slices may differ."""
EVEN_MM = 0.01
"""By which distances of slices may differ."""
OTHER = (
    "ACQ_IS_NOISE_MEASUREMENT",
    "ACQ_IS_PARALLEL_CALIBRATION",
    "ACQ_IS_NAVIGATION_DATA",
    "ACQ_IS_PHASECORR_DATA",
    "ACQ_IS_DUMMYSCAN_DATA",
    "ACQ_IS_SURFACECOILCORRECTIONSCAN_DATA",
)
"""Readouts with one of these flags are no part of the image."""


def read_ismrmrd(path: Path) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64] | None]:
    """The arrays of a file, named as in our own HDF5 files, and the affine: None where directions are not told.

    Raises:
        InputError: with all problems, one line each.
    """
    import ismrmrd

    with ismrmrd.Dataset(str(path), "dataset", mode="r") as dataset:
        header = ismrmrd.xsd.CreateFromDocument(dataset.read_xml_header())
        readouts = [_readout(dataset, number) for number in range(dataset.number_of_acquisitions())]
    flags = [getattr(ismrmrd, flag) for flag in OTHER]
    readouts = [each for each in readouts if not any(each.is_flag_set(flag) for flag in flags)]
    if any(each.idx.kspace_encode_step_1 for each in readouts):
        readouts.sort(key=_place)
    by_slice: dict[int, list[Any]] = {}
    for each in readouts:
        by_slice.setdefault(each.idx.slice, []).append(each)
    slices = [by_slice[number] for number in sorted(by_slice)]
    _refuse(_readout_problems(readouts, slices))
    points = np.array([[each.traj for each in one] for one in slices])
    space = header.encoding[0].reconSpace
    affine, problems = _affine(space, [one[0] for one in slices])
    if np.abs(points - points[0]).max() > SAME:
        problems.append("slices of different trajectories; accepted: the same spokes in every slice")
    if len({tuple(each.idx.contrast for each in one) for one in slices}) > 1:
        problems.append("slices of different contrasts; accepted: the same echoes in every slice")
    _refuse(problems)
    arrays = {
        "kspace": np.stack([np.stack([each.data for each in one], axis=1) for one in slices]),
        "trajectory": points[0],
        "matrix": np.array(space.matrixSize.x),
    }
    times = getattr(header.sequenceParameters, "TE", None)
    if times:
        arrays |= {"echo": np.array([each.idx.contrast for each in slices[0]]), "echo_times": np.array(times)}
    return arrays, affine


def _readout(dataset: Any, number: int) -> Any:
    try:
        return dataset.read_acquisition(number)
    except ValueError as error:  # NumPy's, where an array has not the length that its header says
        raise InputError(
            f"readout {number}: trajectory or data of another length than its header says ({error}); accepted: equal "
            "numbers of samples; export it again"
        ) from None


def _readout_problems(readouts: list[Any], slices: list[list[Any]]) -> list[str]:
    shapes = sorted({each.data.shape for each in readouts})
    if len(shapes) != 1:
        return [f"readouts of {len(shapes)} shapes {shapes[:3]}; accepted: equal coils and samples in all"]
    problems = []
    counts = sorted({len(spokes) for spokes in slices})
    if len(counts) != 1:
        problems.append(f"slices of {counts} spokes; accepted: the same spokes in every slice")
    wrong = next((each.traj.shape for each in readouts if each.traj.shape != (shapes[0][1], 2)), None)
    if wrong is not None:
        problems.append(
            f"trajectory of shape {wrong} for {shapes[0][1]} samples; accepted: two numbers for each sample"
        )
    places = Counter(_place(each) for each in readouts)
    doubled = sorted(place for place, count in places.items() if count > 1)
    if doubled and any(each.idx.kspace_encode_step_1 for each in readouts):
        number, contrast, step = doubled[0]
        problems.append(
            f"{len(doubled)} spokes twice (first: slice {number}, contrast {contrast}, kspace_encode_step_1 {step}); "
            "accepted: each once; average repetitions before"
        )
    return problems


def _affine(space: Any, heads: list[Any]) -> tuple[NDArray[np.float64] | None, list[str]]:
    """Indices (along read_dir, along phase_dir, slice) to RAS+ mm, from the first readout of each slice."""
    read, phase = (np.array(each[:], dtype=np.float64) for each in (heads[0].read_dir, heads[0].phase_dir))
    if not read.any() and not phase.any():
        return None, []
    problems = []
    if abs(np.linalg.norm(read) - 1) > 1e-3 or abs(np.linalg.norm(phase) - 1) > 1e-3 or abs(read @ phase) > 1e-3:
        found = f"read_dir {np.round(read, 3).tolist()}, phase_dir {np.round(phase, 3).tolist()}"
        problems.append(f"{found}; accepted: unit vectors at right angles, or zeros where they are not known")
    matrix = space.matrixSize.x
    first, second = read * space.fieldOfView_mm.x / matrix, phase * space.fieldOfView_mm.y / space.matrixSize.y
    centres = np.array([head.position[:] for head in heads], dtype=np.float64)
    steps = np.diff(centres, axis=0) if len(heads) > 1 else np.cross(read, phase)[None] * space.fieldOfView_mm.z
    if np.abs(steps - steps.mean(axis=0)).max() > EVEN_MM:
        found = ", ".join(f"{length:.4g}" for length in np.linalg.norm(steps, axis=1)[:10])
        problems.append(
            f"unequal spacing of slices ({found} mm); accepted: equal distances along one line, within {EVEN_MM:g} mm; "
            "number slices by their place, export missing ones"
        )
    affine = np.eye(4)
    affine[:3, :3] = np.stack([first, second, steps.mean(axis=0)], axis=1)
    affine[:3, 3] = centres[0] - (matrix // 2) * (first + second)
    return np.diag([-1.0, -1, 1, 1]) @ affine, problems


def _place(readout: Any) -> tuple[int, int, int]:
    return readout.idx.slice, readout.idx.contrast, readout.idx.kspace_encode_step_1


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InputError.of(problems)
