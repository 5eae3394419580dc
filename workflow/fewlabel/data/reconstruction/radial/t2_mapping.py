"""T2 from images at several echo times."""

import numpy as np
from numpy.typing import NDArray

LONGEST_MS = 500.0
"""An echo train of about 100 ms does not distinguish longer times, such as those of fluids."""


def fit_t2(images: NDArray[np.float32], echo_times: NDArray[np.float64], floor: float = 0) -> NDArray[np.float32]:
    """Mono-exponential decay S exp(-TE / T2), by least squares of the logarithms, weighted by the squared signal.

    The weights make the logarithm's errors equal to those of the signal, to first order (Bevington and Robinson, Data
    Reduction and Error Analysis, section 6).

    Args:
        images: (echo, ...) magnitudes.
        echo_times: (echo,) ms, at least two.
        floor: signal of the first echo up to which nothing is fitted.

    Returns:
        T2 in ms, 0 to `LONGEST_MS`; 0 without signal, `LONGEST_MS` without decay.

    Raises:
        ValueError: fewer than two echo times, or not one image for each.
    """
    if len(echo_times) < 2 or len(images) != len(echo_times):
        raise ValueError(f"a T2 map needs an image at each of two or more echo times, not {len(images)}")
    signal = np.maximum(images.astype(np.float64), np.finfo(np.float32).tiny)
    times = echo_times.reshape(-1, *[1] * (images.ndim - 1))
    weights = (signal / signal.max(axis=0)) ** 2
    total = weights.sum(axis=0)
    logs = np.log(signal)
    mean_time, mean_log = (weights * times).sum(axis=0) / total, (weights * logs).sum(axis=0) / total
    rate = -(weights * (times - mean_time) * (logs - mean_log)).sum(axis=0)
    rate /= (weights * (times - mean_time) ** 2).sum(axis=0)
    t2 = 1 / np.maximum(rate, 1 / LONGEST_MS)
    return np.where(images[0] > floor, t2, 0).astype(np.float32)
