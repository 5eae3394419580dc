"""Simulated radial acquisition of the abdomen phantom with several coils and with arms, and its reconstruction."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.phantom import PhantomSource, RadialPhantom
from fewlabel.data.phantoms.signal import Floats
from fewlabel.data.reconstruction.destreaking.reconstruct import reconstruct
from fewlabel.data.reconstruction.radial.acquisition import Acquisition, acquire_body, with_arms, with_noise
from fewlabel.data.reconstruction.radial.arms import draw_arms
from fewlabel.data.reconstruction.radial.trajectory import golden_angle


def echo_times(radial: RadialPhantom) -> list[float]:
    """Echo times in ms."""
    return [radial.echo_spacing_ms * (number + 1) for number in range(radial.echoes)]


def reconstructed(acquisition: Acquisition, settings: RadialPhantom, shape: tuple[int, ...]) -> Floats:
    """The reconstructed image on the body's grid of this shape: (x, y, z), magnitude or T2 in ms."""
    slices = reconstruct(acquisition, settings)
    rows, columns = _window(shape[:2], acquisition.matrix)
    return np.ascontiguousarray(np.moveaxis(slices[:, rows, columns], 0, -1))


def simulate(
    source: PhantomSource, echoes: Floats, level: float, arms: np.random.Generator, noise: np.random.Generator
) -> Acquisition:
    """Simulate the acquisition of all slices in a square field of view with the body in the middle.

    Args:
        echoes: (echo, x, y, z), signal of the body at each echo time.
        level: mean signal of the target over the echoes.
        arms, noise: generators of the arms and of the noise. The arms do not depend on their signal, and the noise not
            on the arms, so `streaks` 0 gives the same image without streaks.
    """
    radial = source.radial
    assert radial is not None
    matrix = max(echoes.shape[1:3])
    rows, columns = _window(echoes.shape[1:3], matrix)
    images = np.zeros((echoes.shape[3], len(echoes), matrix, matrix), dtype=np.float32)
    images[:, :, rows, columns] = np.moveaxis(echoes, -1, 0)
    trajectory = golden_angle(radial.spokes, matrix, np.array(echo_times(radial)))
    body = acquire_body(images, trajectory, source.pixel_mm, radial.coils)
    whole = with_arms(body, draw_arms(arms), radial.streaks * level, source.pixel_mm) if radial.streaks else body
    return with_noise(whole, level / source.snr, noise)


def in_view(array: NDArray[Any], matrix: int) -> NDArray[Any]:
    """Convert (x, y, z) of the body's grid to (slice, matrix, matrix) of the square field of view, padded with 0."""
    rows, columns = _window(array.shape[:2], matrix)
    view = np.zeros((array.shape[2], matrix, matrix), dtype=array.dtype)
    view[:, rows, columns] = np.moveaxis(array, -1, 0)
    return view


def _window(sides: tuple[int, ...], matrix: int) -> tuple[slice, slice]:
    """The body's grid in the square field of view."""
    starts = [(matrix - side) // 2 for side in sides]
    rows, columns = (slice(start, start + side) for start, side in zip(starts, sides, strict=True))
    return rows, columns
