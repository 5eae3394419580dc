"""Outlines of masks on slices, readable on dark and on bright tissue."""

from collections.abc import Sequence

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

DARK, LIGHT = "#000000c0", "#ffffffc0"
"""Edges of bright and of dark lines."""
EDGE = 0.8
"""Width of both edges of a line together, in points."""
INSET = 0.7
"""Level of the line of a class, from 0 (outside) to 1 (inside): 0.2 pixels within its border."""


def outline(
    axes: Axes, mask: NDArray[np.uint8], colour: str, width: float, edge: str = DARK, edge_width: float = EDGE
) -> None:
    """Draw the border of a mask with an edge on both sides, closed where the picture cuts it; widths in points."""
    if mask.any():
        framed = np.pad(mask.astype(np.float32), 1)
        y, x = (np.arange(side) - 1.0 for side in framed.shape)
        lines = axes.contour(x, y, framed, levels=[0.5], colors=[colour], linewidths=width)
        lines.set_path_effects([effects.withStroke(linewidth=width + edge_width, foreground=edge)])
        axes.set_xlim(-0.5, mask.shape[1] - 0.5)
        axes.set_ylim(mask.shape[0] - 0.5, -0.5)


def class_outlines(axes: Axes, mask: NDArray[np.uint8], colours: Sequence[str], width: float) -> None:
    """Draw the border of each class of a mask (row, column) of class numbers, in the colours of the classes from 1.

    Lines are a little inside of their class, so that those of touching classes are side by side; dark edges are below
    all of them.
    """
    framed = np.pad(mask, 1)
    y, x = (np.arange(side) - 1.0 for side in framed.shape)
    numbers = [number for number in range(1, len(colours) + 1) if (mask == number).any()]
    for edge in (True, False):
        for number in numbers:
            colour = DARK if edge else colours[number - 1]
            inside = (framed == number).astype(np.float32)
            axes.contour(x, y, inside, levels=[INSET], colors=[colour], linewidths=width + (EDGE if edge else 0))
    axes.set_xlim(-0.5, mask.shape[1] - 0.5)
    axes.set_ylim(mask.shape[0] - 0.5, -0.5)
