"""Reconstruct one image of each slice from a radial acquisition."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.radial import RadialImages
from fewlabel.data.reconstruction.destreaking.coil_images import Gridded, each
from fewlabel.data.reconstruction.destreaking.destreaking_filter import Remedy, from_kspace
from fewlabel.data.reconstruction.radial.acquisition import Readings
from fewlabel.data.reconstruction.radial.density_compensation import density
from fewlabel.data.reconstruction.radial.gridding import grid
from fewlabel.data.reconstruction.radial.t2_mapping import fit_t2
from fewlabel.data.reconstruction.radial.view_sharing import echo_samples

FLOOR = 0.1
"""Share of the first echo's 99th percentile, below which a pixel counts as air, without T2."""


def reconstruct(
    readings: Readings, settings: RadialImages, region: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Images without streaks.

    Args:
        readings: of several slices.
        settings: the de-streaking method, and the type of the image.
        region: see `from_kspace`.

    Returns:
        (slice, matrix, matrix): magnitudes in the units of the object, or T2 in ms.

    Raises:
        InputError: see `from_kspace`.
    """
    remedy = from_kspace(settings.destreak, readings, region)
    mixed = remedy.mixed(readings)
    echoes = len(readings.trajectory.echo_times)
    match settings.input:
        case "composite":
            return remedy.combined(each(Gridded(mixed, mixed.matrix)))
        case "echo":
            return np.asarray(echo_images(mixed, remedy, [chosen_echo(settings, echoes)])[0])
        case "t2_map":
            images = echo_images(mixed, remedy, range(echoes))
            floor = FLOOR * float(np.percentile(images[0], 99))
            maps = [fit_t2(images[:, number], mixed.trajectory.echo_times, floor) for number in range(images.shape[1])]
            return np.stack(maps)


def chosen_echo(settings: RadialImages, echoes: int) -> int:
    """The echo of the settings, from 0; by default the middle one."""
    return (echoes - 1) // 2 if settings.echo is None else settings.echo - 1


def echo_images(mixed: Readings, remedy: Remedy, echoes: Sequence[int]) -> NDArray[np.float32]:
    """Images (echo, slice, matrix, matrix) at several echo times by sharing k-space between echoes.

    Coils are combined as in the composite image, whose signal is strong: late echoes have a low noise floor.

    Args:
        mixed: with the remedy's mixing applied.
        echoes: from 0.
    """
    trajectory, matrix = mixed.trajectory, mixed.matrix
    weightings = [density(trajectory, echo_samples(trajectory, echo, matrix)) for echo in echoes]
    of_all = density(trajectory)
    images = np.empty((len(echoes), mixed.kspace.shape[0], matrix, matrix), dtype=np.float32)
    for number, kspace in enumerate(each(mixed.kspace)):
        composite = grid(kspace, trajectory.points, of_all, matrix)
        for which, weighting in enumerate(weightings):
            gridded = grid(kspace, trajectory.points, weighting, matrix)
            images[which, number] = remedy.combined(gridded[None], like=composite[None])[0]
    return images
