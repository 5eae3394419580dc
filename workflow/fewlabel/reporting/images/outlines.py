"""Outlines of masks on slices, readable on dark and on bright tissue."""

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

DARK, LIGHT = "#000000c0", "#ffffffc0"
"""Edges of bright and of dark lines."""


def outline(
    axes: Axes, mask: NDArray[np.uint8], colour: str, width: float, edge: str = DARK, edge_width: float = 0.8
) -> None:
    """Draw the border of a mask with an edge on both sides, closed where the picture cuts it; widths in points."""
    if mask.any():
        framed = np.pad(mask.astype(np.float32), 1)
        y, x = (np.arange(side) - 1.0 for side in framed.shape)
        lines = axes.contour(x, y, framed, levels=[0.5], colors=[colour], linewidths=width)
        lines.set_path_effects([effects.withStroke(linewidth=width + edge_width, foreground=edge)])
        axes.set_xlim(-0.5, mask.shape[1] - 0.5)
        axes.set_ylim(mask.shape[0] - 0.5, -0.5)
