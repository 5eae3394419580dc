"""Figure 1 and the similarity of places: what is computed against hand-made values, what is drawn, what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.text import Text

from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.local_similarity import local_similarity_settings
from fewlabel.config.jobs.figures.pretexts import pretexts_settings
from fewlabel.config.jobs.training import pretrain_settings
from fewlabel.config.loading.load import contradictions
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.reporting.images.local_similarity import (
    centre_point,
    inside_outside,
    local_similarity,
    similar_places,
    similarity,
)
from fewlabel.reporting.images.pretext_cases import (
    compared,
    cosines,
    largest_target,
    restored,
    shown_subjects,
    spread_slices,
)
from fewlabel.reporting.images.pretexts import pretexts
from fewlabel.training.network import UNet
from fewlabel.training.pretexts.contrastive import GlobalContrast, LocalContrast
from fewlabel.training.pretexts.regression import Regression
from fewlabel.training.pretexts.restore import RestoredPretext
from fewlabel.utils.errors import InputError

METHODS = {
    "scratch": {"pretext": "none"},
    "regression": {"pretext": "regression", "title": "Restoring <b>$x$</b>"},
    "contrastive": {
        "pretext": "contrastive",
        "global_stage": {"batch": 8, "head": [16, 8]},
        "local_stage": {"head": [8, 8], "decoder_stages": 1, "region_size": 2},
    },
}
ROLES = pd.DataFrame({"subject": list("abcd"), "role": ["pool", "test", "pool", "test"]})


def experiment(methods=tuple(METHODS), **figures):
    return Experiment.model_validate(
        {
            "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}},
            "methods": {name: METHODS[name] for name in methods},
            "network": {"widths": [4, 8, 12]},
            "figures": figures,
        }
    )


def pretext(method):
    settings = pretrain_settings(experiment(), "c", method)
    torch.manual_seed(1)
    network = UNet([4, 8, 12])
    if method == "regression":
        return RestoredPretext(settings, [], {"training": Regression(network, 0.25, 1, 1.0)})
    torch.manual_seed(2)
    start, end = (LocalContrast(UNet([4, 8, 12]), 1, 8, (8, 8), 13, 2, 0.1, True).eval() for _ in range(2))
    stage = GlobalContrast(network, 12 * 8 * 8, (16, 8), ["augmentation"], False, 0.1)
    return RestoredPretext(settings, [], {"global_stage": stage, "local_stage": end, "local_stage_start": start})


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    def read(subject):
        image = np.random.default_rng(ord(subject.subject)).random((32, 32, 6)).astype(np.float32)
        mask = np.zeros(image.shape, np.uint8)
        mask[8:16, 8:16, 3] = 1
        mask[8:12, 8:12, 2] = 1
        return Volume(image, np.diag([1.0, 1.0, 3.0, 1.0]), mask)

    folder = tmp_path_factory.mktemp("store")
    subjects = [Subject(name, name, True) for name in "abcd"]
    pack(subjects, read, Grid(matrix=(32, 32), spacing_mm=1), folder / "slices", folder / "native")
    return open_store(folder / "slices" / "store.json")


def drawn(figure, gid):
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images if image.get_gid() == gid]


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def test_exactly_a_share_of_pixels_is_replaced_and_all_others_are_the_slices(store):
    for case in restored(pretext("regression"), store, "b", 2, 7):
        assert case.mask.sum() == 256  # a quarter of 32 x 32
        assert np.array_equal(case.corrupted[~case.mask], case.image[~case.mask])
        assert (case.corrupted[case.mask] != case.image[case.mask]).all()
        assert case.loss == pytest.approx(np.abs(case.restored - case.image)[case.mask].mean())
        assert np.array_equal(case.image, store.images[store.rows(["b"])[case.number]].astype(np.float32))


def test_slices_are_chosen_by_their_target():
    sizes = np.array([0, 0, 4, 9, 9, 0])
    assert largest_target(sizes) == 3
    assert largest_target(np.zeros(6, int)) == 3
    assert (
        spread_slices(sizes, 1) == [3] and spread_slices(sizes, 3) == [2, 3, 4] and spread_slices(sizes, 9) == [2, 3, 4]
    )
    assert spread_slices(np.zeros(6, int), 2) == [1, 4]


def test_test_subjects_come_first_and_named_ones_before_them():
    assert shown_subjects(ROLES, [None], "pretexts.subject") == ["b", "d", "a", "c"]
    assert shown_subjects(ROLES, ["c"], "pretexts.subject") == ["c", "b", "d", "a"]
    with pytest.raises(InputError, match=r"figures.pretexts.subject: the cohort has no subject 'x'; accepted: a, b"):
        shown_subjects(ROLES, ["x"], "pretexts.subject")


def test_cosines_of_known_vectors():
    vectors = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [1.0, 1.0]])
    assert cosines(vectors[:1], vectors)[0] == pytest.approx([1, 1, 0, -1, 0.5**0.5])


def test_the_matrix_of_a_batch_is_symmetric_with_ones_on_its_diagonal(store):
    shown = compared(pretext("contrastive"), store, ["b", "d", "a", "c"], 7)
    assert shown.matrix.shape == (24, 24) and (shown.parts, shown.volumes) == (4, 3)
    assert np.allclose(shown.matrix, shown.matrix.T) and np.allclose(np.diag(shown.matrix), 1)
    assert shown.names == ["view 1", "view 2", "neighbour", "dissimilar"] and shown.cosines[0] == pytest.approx(1)
    # Slice 3 of 6 lies in the third of four parts; the first is farthest, and its middle is slice 0.
    own, other = (store.images[store.rows([name])].astype(np.float32) for name in "bd")
    assert np.array_equal(shown.images[2], other[3]) and np.array_equal(shown.images[3], other[0])
    assert not np.array_equal(shown.images[0], own[3]) and not np.array_equal(shown.images[0], shown.images[1])


def test_a_single_subject_has_no_neighbour(store):
    shown = compared(pretext("contrastive"), store, ["b"], 7)
    assert shown.names == ["view 1", "view 2", "dissimilar"] and shown.volumes == 1
    settings = pretexts_settings(experiment())
    assert "Same part, other subject" not in texts(pretexts({"contrastive": shown}, settings))


def test_the_figure_shows_what_there_is(store):
    rows = restored(pretext("regression"), store, "b", 2, 7)
    contrast = compared(pretext("contrastive"), store, ["b", "d"], 7)
    both = pretexts({"regression": rows, "contrastive": contrast}, pretexts_settings(experiment()))
    assert np.array_equal(drawn(both, "mask")[0], rows[0].mask)
    assert np.array_equal(drawn(both, "matrix")[0], contrast.matrix)
    assert {
        "25 % of the pixels",
        "compared with this view",
        "Restoring <b>$x$</b>: restore corrupted pixels · c",
    } <= set(texts(both))
    alone = pretexts({"regression": rows}, pretexts_settings(experiment(["scratch", "regression"])))
    assert not drawn(alone, "matrix") and len(drawn(alone, "error")) == 2
    other = pretexts({"contrastive": contrast}, pretexts_settings(experiment(["contrastive"])))
    assert drawn(other, "matrix") and not drawn(other, "mask")
    assert both.get_figheight() > max(alone.get_figheight(), other.get_figheight())


def test_a_map_is_one_at_its_point_and_known_elsewhere():
    maps = torch.zeros(2, 2, 4, 4)
    maps[:, 0] = 1
    maps[0, :, 3, 3] = torch.tensor([0.0, 5.0])
    maps[1, :, 0, 0] = torch.tensor([-2.0, 0.0])
    values = similarity(maps, (9, 2), (16, 16))  # cell 2, 0
    assert values.shape == (2, 4, 4)
    assert values[0, 2, 0] == pytest.approx(1) and values[0, 3, 3] == pytest.approx(0)
    assert values[1, 0, 0] == pytest.approx(-1) and values[1, 3, 3] == pytest.approx(1)


def test_point_and_means_of_a_target():
    target = np.zeros((8, 8), np.uint8)
    assert centre_point(target) == (4, 4) and inside_outside(np.zeros((4, 4)), target) is None
    target[0:2, 0:4] = 1
    assert centre_point(target) == (0, 1)
    values = np.zeros((4, 4))
    values[0, :2] = 0.5, 0.7
    values[3, 3] = 1.4
    assert inside_outside(values, target) == pytest.approx((0.6, 0.1))


def test_places_before_and_after_are_of_the_right_slices(store):
    settings = local_similarity_settings(experiment())
    point, (own, other) = similar_places(pretext("contrastive"), store, ROLES, settings)
    assert point == (19, 19) and (own.number, other.number) == (3, 3)
    assert own.before.shape == own.after.shape == (16, 16)
    assert own.after[9, 9] == pytest.approx(1) and not np.allclose(own.before, own.after)
    assert np.array_equal(other.image, store.images[store.rows(["d"])[3]].astype(np.float32))
    figure = local_similarity(point, [own, other], settings)
    assert np.array_equal(drawn(figure, "after")[1], other.after)
    assert {"Slice 3, with the point", "Slice 3, another subject", "Before stage 2"} <= set(texts(figure))


def of_several(method, inputs):
    """A pretext whose network sees so many channels: two of each of three neighbouring slices."""
    settings = pretrain_settings(experiment(), "c", method)
    network = settings.network.model_copy(update={"context": 3})
    torch.manual_seed(1)
    if method == "regression":
        objectives = {"training": Regression(UNet([4, 8, 12], inputs, inputs), 0.25, 1, 1.0)}
    else:
        stage = GlobalContrast(UNet([4, 8, 12], inputs), 12 * 8 * 8, (16, 8), ["augmentation"], False, 0.1)
        ends = (LocalContrast(UNet([4, 8, 12], inputs), 1, 8, (8, 8), 13, 2, 0.1, True).eval() for _ in range(2))
        objectives = {"global_stage": stage, **dict(zip(("local_stage_start", "local_stage"), ends, strict=True))}
    return RestoredPretext(settings.model_copy(update={"network": network}), [], objectives)


def test_of_several_channels_and_slices_the_first_channel_of_the_middle_one_is_shown(store):
    two = replace(store, images=np.stack([store.images, 1 - store.images], axis=1))
    first = {name: store.images[store.rows([name])].astype(np.float32) for name in "bd"}
    (case,) = restored(of_several("regression", 6), two, "b", 1, 7)
    assert np.array_equal(case.image, first["b"][case.number])
    assert np.array_equal(case.corrupted[~case.mask], case.image[~case.mask])
    shown = compared(of_several("contrastive", 6), two, ["b", "d", "a", "c"], 7)
    assert np.array_equal(shown.images[2], first["d"][3]) and np.array_equal(shown.images[3], first["d"][0])
    settings = local_similarity_settings(experiment())
    _, (own, other) = similar_places(of_several("contrastive", 6), two, ROLES, settings)
    assert np.array_equal(own.image, first["b"][3]) and np.array_equal(other.image, first["d"][3])


def test_of_several_classes_the_one_at_the_point_is_outlined_and_named(store):
    masks = np.asarray(store.masks).copy()
    masks[:, 16:18, 8:16] *= 2  # nothing there: the store's target is in rows and columns 16 to 23
    masks[:, 20:24, 16:24] *= 2
    settings = local_similarity_settings(experiment())
    several = settings.model_copy(update={"classes": ["cortex", "inner_medulla"], "shown_input": "channel t2w of 2"})
    numbered = replace(store, masks=masks)
    for point, number in ((None, 1), ((21, 18), 2), ((0, 0), 1)):
        asked = several.model_copy(update={"figure": several.figure.model_copy(update={"point": point})})
        _, maps = similar_places(pretext("contrastive"), numbered, ROLES, asked)
        assert {one.class_number for one in maps} == {number}
        assert maps[0].target.sum() == (masks[store.rows(["b"])[3]] == number).sum() > 0
        figure = local_similarity(point or (18, 18), maps, asked)
        name = "cortex" if number == 1 else "inner medulla"
        assert any(text.endswith(f"({name}, channel t2w of 2)") for text in texts(figure))


def test_what_is_shown_is_said_in_the_settings_only_where_it_is_not_all():
    plain = experiment()
    for settings in (pretexts_settings(plain), local_similarity_settings(plain)):
        assert "shown_input" not in settings.model_dump() and "classes" not in settings.model_dump()
    told = plain.model_dump(mode="json") | {"network": {"widths": [4, 8, 12], "context": 3}}
    told["cohorts"]["c"]["source"] = {
        "kind": "nifti",
        "folder": "x",
        "channels": {"t2w": "_0000", "adc": "_0001"},
        "classes": {"one": [1], "two": [2]},
    }
    several = Experiment.model_validate(told)
    shown = "channel t2w of 2, the middle one of 3 slices"
    assert pretexts_settings(several).shown_input == local_similarity_settings(several).shown_input == shown
    assert local_similarity_settings(several).classes == ["one", "two"]


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"slice": 6}, "slice: 6 is none of 6 slices; the last is 5"),
        ({"point": [3, 32]}, "point: 3, 32 lies outside the slice of 32 x 32"),
        ({"subject": "x"}, "subject: the cohort has no subject 'x'"),
        ({"other": "x"}, "other: the cohort has no subject 'x'"),
    ],
)
def test_places_that_are_not_there_are_refused(store, figure, message):
    settings = local_similarity_settings(experiment(local_similarity=figure))
    with pytest.raises(InputError, match=message):
        similar_places(pretext("contrastive"), store, ROLES, settings)


def test_a_pretext_of_another_kind_or_size_is_refused(store):
    with pytest.raises(InputError, match="of no regression"):
        restored(pretext("contrastive"), store, "b", 1, 0)
    with pytest.raises(InputError, match="of no contrastive method"):
        compared(pretext("regression"), store, ["b"], 0)
    with pytest.raises(InputError, match="of no method with a local stage"):
        similar_places(pretext("regression"), store, ROLES, local_similarity_settings(experiment()))
    small = pretext("contrastive")
    small.objectives["global_stage"].head[1] = torch.nn.Linear(12 * 4 * 4, 16)
    with pytest.raises(InputError, match="slices of another size than 32 x 32"):
        compared(small, store, ["b"], 0)


def test_settings_follow_the_study():
    assert (
        pretexts_settings(experiment(["scratch"])) is None
        and local_similarity_settings(experiment(["scratch"])) is None
    )
    assert local_similarity_settings(experiment(["regression"])) is None
    of_both = experiment(["scratch"]).model_dump() | {"methods": {"both": {"pretext": "joint"}}}
    assert pretexts_settings(Experiment.model_validate(of_both)) is None  # a pretext without a picture
    one = pretexts_settings(experiment(["scratch", "contrastive"]))
    assert (one.shown, one.cohort) == ({"contrastive": "contrastive"}, "c")
    wrong = {"pretexts": {"regression": "contrastive", "cohort": "d"}, "local_similarity": {"method": "scratch"}}
    found = {".".join(map(str, place)): text for place, text in contradictions(experiment(**wrong))}
    assert "contrastive is no regression method" in found["figures.pretexts.regression"]
    assert "unknown cohort 'd'" in found["figures.pretexts.cohort"]
    assert "scratch has no local stage; accepted: contrastive" in found["figures.local_similarity.method"]
