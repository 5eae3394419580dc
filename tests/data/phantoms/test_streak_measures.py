"""What each method of de-streaking leaves of a phantom's streaks."""

import numpy as np
import pytest

from fewlabel.config.jobs.figures.destreaking import NO_SOURCE, destreaking_settings, measure_settings, measured_files
from fewlabel.config.loading.load import load
from fewlabel.data.phantoms.streak_measures import TRIALS, measure, scale_to
from fewlabel.reporting.tables.destreaking_measures import COLUMNS, TITLES
from fewlabel.utils.errors import InputError
from helpers.missing_packages import needs_radial

PHANTOM = {"kind": "phantom", "anatomy": "abdomen", "labelled": 3, "pixel_mm": 8, "slice_mm": 20}
RADIAL = {**PHANTOM, "radial": {"spokes": 48, "coils": 8}}


def experiment(figure, source=RADIAL):
    return load(
        {
            "cohorts": {"plain": {"source": PHANTOM}, "radial": {"source": source}},
            "methods": {"scratch": {"title": "Scratch", "pretext": "none"}},
            "figures": {"destreaking": figure},
        }
    )


@needs_radial
def test_every_method_is_measured_against_the_image_without_arms():
    settings = measure_settings(experiment({"strengths": [2, 8], "shown": 8, "subjects": 1}))
    rows, images = measure(settings)
    assert list(rows) == ["subject", *COLUMNS[1:]] and list(TRIALS) == list(TITLES)
    assert list(zip(rows["streaks"], rows["method"], strict=True)) == [(s, name) for s in (2, 8) for name in TITLES]
    at = rows.set_index(["streaks", "method"])
    for streaks in (2, 8):
        untouched = at.loc[(streaks, "none")]
        assert untouched["streak_energy"] == pytest.approx(1) and untouched["signal_loss"] == pytest.approx(0)
        # One factor for signal and noise alike.
        removed, rescaled = (at.loc[(streaks, name)] for name in ("remove_coils", "remove_coils_rescaled"))
        assert rescaled["snr"] == pytest.approx(removed["snr"], rel=1e-4)
        assert rescaled["signal_loss"] < removed["signal_loss"]
    assert at.loc[(8, "none"), "snr"] < at.loc[(2, "none"), "snr"]
    assert at.loc[(8, "cactus"), "streak_energy"] < 0.2
    assert set(images) == {NO_SOURCE, *TITLES} and len({image.shape for image in images.values()}) == 1
    # Shown are the images of the strength that is asked for: the stronger one differs more.
    weaker = measure(settings.model_copy(update={"shown": 2.0, "strengths": [2.0]}))[1]
    assert np.array_equal(weaker[NO_SOURCE], images[NO_SOURCE])
    far = [np.abs(each["none"] - each[NO_SOURCE]).sum() for each in (weaker, images)]
    assert 0 < far[0] < far[1]


def test_the_factor_is_that_of_least_squares():
    after = np.array([[1, 2], [3, 0]], np.float32)
    assert scale_to(3 * after, after) == pytest.approx(3)
    # (2 * 1 + 1 * 2) / (1 + 4)
    assert scale_to(np.array([2, 1], np.float32), np.array([1, 2], np.float32)) == pytest.approx(0.8)


def test_a_figures_look_is_not_measured_again_and_a_finer_phantom_is():
    plain, looks, finer = (
        experiment(figure) for figure in ({}, {"dpi": 99, "width_in": 9}, {"pixel_mm": 4, "subjects": 2})
    )
    assert measure_settings(plain) == measure_settings(looks) and measure_settings(plain).shown == 4
    assert destreaking_settings(plain) != destreaking_settings(looks)
    measured = measure_settings(finer)
    assert (measured.source.pixel_mm, measured.source.slice_mm, measured.source.labelled) == (4, 20, 2)
    assert measured_files(plain) == ("destreaking.csv", "destreaking.safetensors")
    without = experiment(None)
    assert measure_settings(without) is None and destreaking_settings(without) is None and measured_files(without) == ()


@pytest.mark.parametrize(
    ("figure", "source", "message"),
    [
        ({}, PHANTOM, "figures.destreaking: no cohort is a radially acquired phantom"),
        ({"cohort": "plain"}, RADIAL, "'plain' is no radially acquired phantom; accepted: radial"),
        ({"cohort": "radail"}, RADIAL, "did you mean 'radial'"),
        ({"strengths": [1, 4], "shown": 2}, RADIAL, "shown 2 is none of the strengths"),
        ({"strengths": [4, 4]}, RADIAL, "each entry once"),
        ({"strengths": [0]}, RADIAL, "greater than 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(figure, source, message):
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        experiment(figure, source)
