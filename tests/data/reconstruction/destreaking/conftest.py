"""A small body with a liver, acquired radially with and without arms beside it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fewlabel.data.reconstruction.destreaking.coil_images import coil_images
from fewlabel.data.reconstruction.destreaking.destreaking_filter import Remedy
from fewlabel.data.reconstruction.destreaking.interference_region import root_sum_of_squares
from fewlabel.data.reconstruction.radial.acquisition import Acquisition, acquire_body, with_arms, with_noise
from fewlabel.data.reconstruction.radial.arms import draw_arms
from fewlabel.data.reconstruction.radial.trajectory import golden_angle

MATRIX, PIXEL_MM, COILS = 64, 6.0, 16


@dataclass(frozen=True)
class Streaked:
    """Two acquisitions that differ in their source of streaks alone, and masks (1, 64, 64)."""

    acquisition: Acquisition
    clean: Acquisition
    inside: Any
    liver: Any

    @property
    def outside(self):
        return ~self.inside

    def images(self, remedy, source=None):
        """Magnitude with or without the source; both without a remedy."""
        if remedy is None:
            return [root_sum_of_squares(coil_images(each, MATRIX)) for each in (self.acquisition, self.clean)]
        assert isinstance(remedy, Remedy)
        streaked, clean = (coil_images(remedy.mixed(each), MATRIX) for each in (self.acquisition, self.clean))
        return remedy.combined(streaked if source else clean, streaked)

    def removed(self, before, after, clean, region):
        """Share of the streaks' energy that is gone."""
        return 1 - ((after - clean)[region] ** 2).sum() / ((before[0] - before[1])[region] ** 2).sum()


@pytest.fixture(scope="session")
def streaked():
    axis = PIXEL_MM * (np.arange(MATRIX) - MATRIX // 2)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    inside = (x / 160) ** 2 + (y / 115) ** 2 < 1
    liver = ((x - 65) / 55) ** 2 + ((y - 5) / 70) ** 2 < 1
    fat = inside & ((x / 145) ** 2 + (y / 100) ** 2 > 1)
    times = 15.0 * np.arange(1, 5)
    image = np.where(fat, 1.6, 0.8 * inside)
    images = (image * np.exp(-times / 60)[:, None, None]).astype(np.float32)
    trajectory = golden_angle(96, MATRIX, times)
    body = acquire_body(images[None], trajectory, PIXEL_MM, COILS)
    level = float(images.mean(axis=0)[liver].mean())
    rng = np.random.default_rng(0)
    streaks = with_arms(body, draw_arms(rng), 4 * level, PIXEL_MM)
    noisy = [with_noise(each, level / 25, np.random.default_rng(1)) for each in (streaks, body)]
    return Streaked(noisy[0], noisy[1], inside[None], liver[None])
