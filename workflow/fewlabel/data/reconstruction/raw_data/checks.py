"""Find problems of radial k-space without reconstruction."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.radial import RadialImages, RadialSource
from fewlabel.data.reconstruction.destreaking.coil_images import each
from fewlabel.data.reconstruction.destreaking.destreaking_filter import BY_COVARIANCE, FEWEST_COILS
from fewlabel.data.reconstruction.radial.acquisition import PerSlice
from fewlabel.data.reconstruction.radial.trajectory import OVERSAMPLING

STRAIGHT = 1e-3
"""Accepted distance, in cycles per pixel, of a sample from its spoke's line through the centre."""
ROUGHLY = 1.05
"""Accepted distance of samples as a multiple of the required one: n samples from edge to edge have n - 1 gaps."""
SPARSE = 8
"""Factor of undersampling from which an image consists of streaks."""


def array_problems(arrays: Mapping[str, Any], numbers: bool = True) -> list[str]:
    """Problems of shapes, types and numbers of the arrays of a file.

    Args:
        arrays: `kspace`, `trajectory` and `matrix`, and optionally `echo` with `echo_times` (see
            `radial_kspace.NEEDED`). `kspace` is read one slice at a time.
        numbers: whether to check the samples themselves.
    """
    kspace, points = arrays["kspace"], arrays["trajectory"]
    problems = []
    if len(kspace.shape) != 4 or not np.issubdtype(kspace.dtype, np.complexfloating) or 0 in kspace.shape:
        problems.append(
            f"kspace: {kspace.dtype} of shape {kspace.shape}; accepted: complex, (slice, coil, spoke, sample), one or "
            "more of each"
        )
    elif numbers:
        problems += _number_problems(kspace)
    if points.ndim != 3 or points.shape[-1] != 2 or 0 in points.shape:
        problems.append(f"trajectory of shape {points.shape}; accepted: (spoke, sample, 2), one or more of each")
        return problems
    if len(kspace.shape) == 4 and points.shape[:2] != kspace.shape[2:]:
        problems.append(
            f"trajectory of {points.shape[0]} spokes of {points.shape[1]} samples, but kspace has {kspace.shape[2]} of "
            f"{kspace.shape[3]}; accepted: equal lengths; to fix: export both of the same scan"
        )
    if not np.isfinite(points).all() or np.abs(points).max() > 0.5 + 1e-6:
        problems.append("trajectory: beyond 0.5 or not finite; accepted: cycles per pixel, -0.5 to 0.5")
    else:
        problems += _line_problems(points.astype(np.float64))
    if arrays["matrix"].size != 1 or not 1 < int(arrays["matrix"].flat[0]) < 4096:
        problems.append(
            f"matrix: {arrays['matrix'].tolist()}; accepted: one number, the pixels along a side of the field of view"
        )
    return problems + _echo_problems(arrays.get("echo"), arrays.get("echo_times"), len(points))


def settings_problems(arrays: Mapping[str, Any], settings: RadialSource) -> list[str]:
    """Requirements of the settings that valid arrays do not meet: coils, echoes, samples."""
    points, matrix = arrays["trajectory"].astype(np.float64), int(arrays["matrix"].flat[0])
    echoes = int(arrays["echo"].max()) + 1 if "echo" in arrays else 1
    problems = coil_problems(arrays["kspace"].shape[1], settings)
    if settings.input == "t2_map" and echoes < 2:
        problems.append(f"{echoes} echo; accepted: two or more for input t2_map")
    if settings.input == "echo" and settings.echo is not None and settings.echo > echoes:
        problems.append(f"no echo {settings.echo}, the train has {echoes}; to fix: change `echo`")
    return problems + _sampling_problems(points, matrix, settings)


def coil_problems(coils: int, settings: RadialImages) -> list[str]:
    """Problem of too few coils for the de-streaking method."""
    method = settings.destreak.method
    if method == "none" or coils >= FEWEST_COILS:
        return []
    return [f"{coils} coils are too few for destreak.method {method}; accepted: {FEWEST_COILS} or more, or method none"]


def _number_problems(kspace: PerSlice) -> list[str]:
    bad, silent = 0, True
    for image in each(kspace):
        finite = np.isfinite(image)
        bad += finite.size - np.count_nonzero(finite)
        silent = silent and not np.any(image)
    if bad:
        return [f"kspace: {bad} samples are NaN or infinite; accepted: finite numbers; to fix: export it again"]
    return (
        ["kspace: 0 throughout; accepted: a signal; to fix: export it again or exclude the subject"] if silent else []
    )


def _line_problems(points: NDArray[np.float64]) -> list[str]:
    """Problem of trajectories without full straight spokes, whose density is unknown."""
    along = points[:, -1] - points[:, 0]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    directions = along / np.maximum(length, np.finfo(np.float64).tiny)
    radii = np.einsum("sni,si->sn", points, directions)
    off = float(np.linalg.norm(points - radii[..., None] * directions[:, None], axis=-1).max())
    rising = bool((np.diff(radii, axis=1) > 0).all() and (radii[:, 0] < 0).all() and (radii[:, -1] > 0).all())
    if rising and off <= STRAIGHT:
        return []
    return [
        f"trajectory: not radial (up to {off:.3g} cycles per pixel off straight spokes); accepted: samples in order "
        "along straight spokes from edge to edge through the centre"
    ]


def _echo_problems(echo: NDArray[Any] | None, times: NDArray[Any] | None, spokes: int) -> list[str]:
    if echo is None:
        return []
    if echo.shape != (spokes,) or echo.min() < 0 or (echo != np.round(echo)).any():
        return [f"echo: {echo.dtype} of shape {echo.shape}; accepted: for each spoke its echo, whole numbers from 0"]
    if times is None or times.size != int(echo.max()) + 1 or times.size != len(set(echo.tolist())):
        times_text = (
            "none" if times is None else f"{times.size} of {len(set(echo.tolist()))} echoes up to {int(echo.max())}"
        )
        return [f"echo_times: {times_text}; accepted: ms of each echo that `echo` names, from 0 without gaps"]
    return []


def _sampling_problems(points: NDArray[np.float64], matrix: int, settings: RadialSource) -> list[str]:
    """Samples too far apart for the field of view, along spokes or between them."""
    problems = []
    method = settings.destreak.method
    looks_beyond = method in BY_COVARIANCE and settings.interference is None
    wide = OVERSAMPLING if looks_beyond else 1
    apart = float(np.linalg.norm(np.diff(points, axis=1), axis=-1).max())
    if apart * matrix * wide > ROUGHLY:
        why = " (it looks for what lies beyond the view)" if wide > 1 else ""
        problems.append(
            f"trajectory: {1 / (apart * matrix):.2g} samples a pixel along spokes for matrix {matrix}; accepted for "
            f"destreak.method {method}: {wide} or more{why}, so a matrix up to {int(1 / (apart * wide) + 0.01)}, or "
            "readouts as they were sampled"
            + (
                ", or `interference` masks, or method remove_coils or none"
                if wide > 1 and apart * matrix <= ROUGHLY
                else ""
            )
        )
    fewest = math.ceil(math.pi / 2 * matrix / SPARSE)
    if len(points) < fewest:
        problems.append(
            f"trajectory: {len(points)} spokes for matrix {matrix}; accepted: {fewest} or more, an eighth of what it "
            "needs: fewer give only streaks"
        )
    return problems
