"""Measures of de-streaking, against numbers by hand."""

import numpy as np
import pytest

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.phantoms.source import list_subjects, read_acquisition, read_volume
from fewlabel.data.reconstruction.destreaking.measures import Known, quality
from fewlabel.data.reconstruction.destreaking.reconstruct import reconstruct

BODY = np.zeros((1, 16, 16), dtype=bool)
BODY[:, 4:12, 4:12] = True
CLEAN = np.where(BODY, 10, 0).astype(np.float32)
CLEAN[0, 6, 6] = 20


def known(streaks):
    return Known(CLEAN + streaks, CLEAN, BODY & (CLEAN == 10), BODY, ~BODY)


def test_energy_is_that_outside_the_body_and_loss_that_of_the_target():
    streaks = np.where(BODY, 3, 2).astype(np.float32)
    found = quality(known(streaks), 0.9 * CLEAN + streaks / 2, 0.9 * CLEAN, 0.9 * CLEAN)
    assert found.streak_energy == pytest.approx(0.25)
    assert found.signal_loss == pytest.approx(0.1)
    assert found.snr == pytest.approx(9 / 1.5)


def test_nothing_removed_leaves_all_and_everything_removed_is_the_image_without_source():
    streaks = np.full_like(CLEAN, 2)
    kept = quality(known(streaks), CLEAN + streaks, CLEAN, CLEAN)
    assert kept.streak_energy == 1 and kept.signal_loss == 0 and kept.similarity < 1
    gone = quality(known(streaks), CLEAN, CLEAN, CLEAN - 0.1)
    assert gone.streak_energy == 0 and gone.similarity == pytest.approx(1)


def test_the_acquisition_is_that_of_the_volume():
    source = PhantomSource(
        kind="phantom", anatomy="abdomen", labelled=1, pixel_mm=8, slice_mm=20, radial={"spokes": 48, "coils": 8}
    )
    (subject,) = list_subjects(source)
    acquisition, tissues = read_acquisition(source, subject)
    image = np.moveaxis(reconstruct(acquisition, source.radial), 0, -1)
    volume = read_volume(source, subject).image
    x, y = ((whole - part) // 2 for whole, part in zip(image.shape[:2], volume.shape[:2], strict=True))
    cut = image[x : x + volume.shape[0], y : y + volume.shape[1]]
    assert np.allclose(cut / cut.max(), volume / volume.max(), atol=1e-5)
    assert tissues.shape == acquisition.kspace.shape[:1] + (acquisition.matrix,) * 2
