"""The abdomen phantom, acquired radially: the same person, with and without streaks, at each kind of image."""

from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import PrepareSettings, prepare_settings
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.phantoms.signal import RELAXATION, Tissue
from fewlabel.data.phantoms.source import list_subjects, read_tissues, read_volume
from helpers.missing_packages import needs_radial

pytestmark = needs_radial

GRID = {"kind": "phantom", "anatomy": "abdomen", "labelled": 1, "unlabelled": 1, "pixel_mm": 6, "slice_mm": 20}
SMALL = {"spokes": 96, "echoes": 4, "echo_spacing_ms": 20}


def source(**radial):
    return PhantomSource(**GRID, radial={**SMALL, **radial})


@cache
def volume(streaks, method="none", image="composite", number=0, **more):
    made_of = source(streaks=streaks, destreak={"method": method}, input=image, **more)
    return read_volume(made_of, list_subjects(made_of)[number])


@cache
def plain():
    made_of = PhantomSource(**GRID)
    return read_volume(made_of, list_subjects(made_of)[0])


def inside(image):
    return image[plain().mask > 0]


def test_it_is_the_same_person_on_the_same_grid():
    for found in (volume(0), volume(4), volume(4, "cactus"), volume(0, image="t2_map")):
        assert np.array_equal(found.mask, plain().mask)
        assert np.array_equal(found.affine, plain().affine)
        assert found.image.dtype == np.float32 and found.image.shape == plain().image.shape
        assert np.isfinite(found.image).all() and found.image.min() >= 0


def test_the_image_is_that_of_the_body():
    body = plain().image > np.percentile(plain().image, 60)
    assert np.corrcoef(volume(0).image[body], plain().image[body])[0, 1] > 0.85


def test_an_unlabelled_subject_has_no_mask_and_a_volume_comes_out_the_same_each_time():
    made_of = source(streaks=4, destreak={"method": "none"})
    assert volume(4, number=1).mask is None
    assert np.array_equal(read_volume(made_of, list_subjects(made_of)[0]).image, volume(4).image)


def test_streaks_grow_with_their_source_and_cactus_takes_them_out():
    clean, weak, strong = (volume(streaks).image for streaks in (0, 2, 8))
    first, second = (np.square(each - clean).sum() for each in (weak, strong))
    assert 0 < 3 * first < second
    left = np.square(volume(8, "cactus").image - clean).sum()
    assert left < 0.2 * second
    assert inside(volume(8, "cactus").image).mean() == pytest.approx(inside(clean).mean(), rel=0.05)


def test_without_a_source_there_is_nothing_to_remove():
    assert np.array_equal(volume(0, "cactus").image, volume(0).image)


def test_late_echoes_are_darker_by_the_tissues_own_decay():
    first, last = (volume(0, image="echo", echo=echo).image for echo in (1, 4))
    ratio = np.median(inside(last)) / np.median(inside(first))
    assert ratio == pytest.approx(np.exp(-60 / RELAXATION[Tissue.LIVER].t2), rel=0.4)
    assert np.array_equal(volume(0, image="echo").image, volume(0, image="echo", echo=2).image)


def test_the_t2_map_tells_the_tissues_times():
    tissues = read_tissues(PhantomSource(**GRID), list_subjects(PhantomSource(**GRID))[0])
    found = volume(0, image="t2_map").image
    for tissue, spread in ((Tissue.LIVER, 0.25), (Tissue.SPLEEN, 0.5), (Tissue.FAT, 0.35)):
        assert np.median(found[tissues == tissue]) == pytest.approx(RELAXATION[tissue].t2, rel=spread)
    assert found.max() <= 500


def test_settings_that_cannot_be_are_refused():
    for radial, message in (
        ({"spokes": 100, "echoes": 8}, "spokes 100 is no multiple of echoes 8"),
        ({"echo": 9, "echoes": 8}, "echo 9, but the train has 8"),
        ({"coils": 4}, "greater than or equal to 8"),
        ({"destreak": {"method": "magic"}}, "'none', 'remove_coils', 'cactus' or 'bstar'"),
    ):
        with pytest.raises(ValidationError, match=message):
            PhantomSource(**GRID, radial=radial)
    with pytest.raises(ValidationError, match="radial is for anatomy abdomen, which has arms, not pelvis"):
        PhantomSource(**{**GRID, "anatomy": "pelvis"}, radial={})


def test_what_is_not_acquired_radially_is_told_nothing_of_it(request):
    demo = Experiment.model_validate(read_config([request.config.rootpath / "config.yaml"]))
    for cohort in demo.cohorts:
        assert "radial" not in canonical(prepare_settings(demo, cohort))
    written = PrepareSettings(source=source(streaks=2), grid=demo.cohorts["liver_phantom"].grid)
    assert PrepareSettings.model_validate_json(canonical(written)) == written


def test_tables_say_how_images_came_about(request):
    demo = Experiment.model_validate(read_config([request.config.rootpath / "config.yaml"]))
    cohort = demo.cohorts["liver_phantom"]
    assert cohort.source.description == "synthetic T2w phantom, abdomen"
    radial = cohort.model_copy(update={"source": source(input="t2_map")})
    assert radial.source.description == (
        "synthetic T2w phantom, abdomen, radial (T2 map, de-streaking: cactus), streaks 4"
    )
