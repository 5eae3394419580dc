"""Sharing of k-space between echoes: one acquisition gives a composite image and an image at every echo time.

Near the centre of k-space, which holds the contrast, the spokes of one echo are dense enough and are taken alone.
Further out, those of more and more neighbouring echoes join them (Song and Dougherty 2000, Magn Reson Med 44:825;
Altbach et al. 2005, Magn Reson Med 54:549). All images are of the same samples, so they lie on one another.
"""

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.radial.trajectory import Trajectory


def echo_samples(trajectory: Trajectory, echo: int, matrix: int) -> NDArray[np.bool_]:
    """The samples of one echo's image, (spoke, sample), True for used samples.

    At each distance from the centre: the fewest neighbouring echoes whose spokes are no further apart than the field of
    view allows (1 / matrix, in cycles per pixel); all echoes if even these are too few.

    Args:
        trajectory: whose echoes each have evenly spread spokes.
        echo: from 0.
        matrix: pixels along a side of the field of view.
    """
    apart = np.abs(trajectory.echo - echo)
    spokes = np.array([(apart <= distance).sum() for distance in range(apart.max() + 1)])
    reach = spokes / (np.pi * matrix)
    radii = np.abs(trajectory.radii())
    needed = np.minimum(np.searchsorted(reach, radii), len(reach) - 1)
    # A tier depends only on the sample's position, so that none is empty.
    return np.asarray(apart[:, None] <= needed.max(axis=0)[None, :])
