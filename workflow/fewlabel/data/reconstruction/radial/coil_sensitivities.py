"""Sensitivities of a body array: loops around the body, each a pair of opposite line currents.

In the plane across two long parallel wires the receive field Bx - i By is an analytic function of x + i y: the
difference of two poles (law of Biot and Savart). So sensitivities are smooth, complex, and defined beyond the body too.
"""

import numpy as np
from numpy.typing import NDArray


def sensitivities(
    x: NDArray[np.float64], y: NDArray[np.float64], coils: int, radii: tuple[float, float]
) -> NDArray[np.complex64]:
    """Relative sensitivities, normalised as scanners do it: root of the sum of squares 1 everywhere.

    Args:
        x, y: positions in mm from the middle of the array, of equal shape.
        coils: loops, evenly spaced on an ellipse; neighbours overlap by a fifth of their width.
        radii: half-axes of that ellipse along x and y, in mm. Wires should be a few mm from any position.

    Returns:
        complex64, (coil, *shape of x).
    """
    angles = 2 * np.pi * (np.arange(coils) + 0.5) / coils
    half = 1.2 * np.pi / coils
    where = np.asarray(x + 1j * y)
    values = np.empty((coils, *where.shape), dtype=np.complex128)
    for coil, angle in enumerate(angles):
        wires = [radii[0] * np.cos(a) + 1j * radii[1] * np.sin(a) for a in (angle - half, angle + half)]
        values[coil] = (wires[1] - wires[0]) / ((where - wires[0]) * (where - wires[1]))
    values /= np.sqrt((np.abs(values) ** 2).sum(axis=0))
    return values.astype(np.complex64)
