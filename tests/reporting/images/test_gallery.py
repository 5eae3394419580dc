"""Galleries of predictions: which subject, which slices, where every contour and number lies."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.gallery import galleries, gallery_settings, run_of
from fewlabel.config.loading.load import load
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.style import TRUTH
from fewlabel.reporting.images.gallery import gallery
from fewlabel.reporting.images.gallery_case import choose_slices, choose_subject, crop, read_case, slice_dice
from fewlabel.utils.errors import InputError

PHANTOM = {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}
SPACING = (0.5, 1.0, 4.0)
"""Of the file's axes in mm: left to right, back to front, feet to head."""
SHAPE = (40, 24, 6)
IDS = ["a", "b", "c", "d"]


def experiment(stands_for="liver", source=None, recipes=None, cohort="own", **gallery):
    return Experiment.model_validate(
        {
            "cohorts": {cohort: {"source": source or PHANTOM, "stands_for": stands_for, "test": 4}},
            "methods": recipes
            or {
                "scratch": {"pretext": "none"},
                "regression": {"pretext": "regression"},
                "contrastive": {"pretext": "contrastive"},
                "upper": {"pretext": "none", "labels": ["all"]},
            },
            "labels": [1, 2, 4],
            "figures": {"galleries": {cohort: gallery}} if gallery else {},
        }
    )


def two(**gallery):
    """Settings of a gallery of two columns: regression with N = 2 and 4."""
    return gallery_settings(experiment(**{"methods": ["regression"], "labels": [2, 4], **gallery}), "own")


def box(rows, columns, slices):
    """A mask in the file's axes (RAS): rows count from the front, columns from the right, as pictures show them."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[SHAPE[0] - columns[1] : SHAPE[0] - columns[0], SHAPE[1] - rows[1] : SHAPE[1] - rows[0], slice(*slices)] = 1
    return mask


TRUE = box((6, 16), (10, 30), (1, 5))
HALF = box((6, 11), (10, 30), (1, 5))
"""The front half of it: Dice 2/3."""


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([*SPACING, 1])), path)


@pytest.fixture
def results(tmp_path):
    """A study's volumes: four test subjects, and two finetunings, the one half right and the other right."""
    settings = two()
    image = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    for subject in IDS:
        save(tmp_path / "own/native/labels" / f"{subject}.nii.gz", TRUE)
        save(tmp_path / "own/native/images" / f"{subject}.nii.gz", image)
        for column, mask in zip(settings.columns, (HALF, TRUE), strict=True):
            save(tmp_path / run_of(settings, column) / "predictions" / f"{subject}.nii.gz", mask)
    return tmp_path


def scores(table, methods=("regression",), draw=1, cohort="own"):
    """Of a mapping from N to the Dice of each subject."""
    rows = [
        {"cohort": cohort, "method": method, "n": n, "draw": draw, "subject": subject, "dice": value}
        for method in methods
        for n, values in table.items()
        for subject, value in zip(IDS, values, strict=False)
    ]
    return pd.DataFrame(rows)


SCORES = scores({2: [0.1, 2 / 3, 0.9, 0.8], 4: [0.2, 1.0, 0.9, 0.6]})


# ---------------------------------------------------------------------------------------------- subject and slices
@pytest.mark.parametrize(
    ("dice", "expected"),
    [
        ({"a": [0.9, 0.1], "b": [0.8, 0.9], "c": [0.4, 0.5]}, "a"),  # means 0.5, 0.85, 0.45
        ({"a": [0.4, 0.4], "b": [0.1, 0.1], "c": [0.9, 0.9], "d": [0.6, 0.6]}, "a"),  # of 0.4 and 0.6 the lower
        ({"b": [0.3, 0.6], "a": [0.6, 0.3], "c": [0.45, 0.45]}, "b"),  # all equal: in the middle by name
        ({"only": [0.2, 0.2]}, "only"),
    ],
)
def test_the_subject_is_the_one_of_median_dice(dice, expected):
    assert choose_subject(pd.DataFrame(dice).T, None) == expected


def test_a_subject_that_is_named_is_shown_and_must_be_tested():
    table = pd.DataFrame({"a": [0.1], "b": [0.9]}).T
    assert choose_subject(table, "b") == "b"
    with pytest.raises(InputError, match="subject 'z' is no test subject; accepted: a, b"):
        choose_subject(table, "z")


@pytest.mark.parametrize(
    ("holding", "asked", "expected"),
    [
        (range(2, 8), 3, [3, 5, 7]),
        (range(2, 8), 1, [5]),
        ([4, 6], 3, [4, 6]),
        ([], 2, [2, 7]),
        (range(2, 8), [9, 0], [9, 0]),
    ],
)
def test_slices_are_spread_over_those_with_target_or_those_asked_for(holding, asked, expected):
    truth = np.zeros((10, 2, 2), np.uint8)
    truth[list(holding)] = 1
    assert choose_slices(truth, asked) == expected


def test_a_slice_that_the_volume_does_not_have_is_refused():
    with pytest.raises(InputError, match="no slice 10 in a volume of 10; accepted: 0 to 9"):
        choose_slices(np.zeros((10, 2, 2), np.uint8), [10])


def test_pictures_are_cut_to_all_masks_with_a_margin_in_mm_and_never_beyond_the_slice():
    one, other = np.zeros((2, 3, 30, 40), np.uint8)
    one[0, 10:12, 20:25] = 1
    other[2, 14, 38] = 1
    assert crop([one, other], (5, 2.0, 0.5), 4) == (slice(8, 17), slice(12, 40))
    assert crop([one, other], (5, 2.0, 0.5), None) == (slice(0, 30), slice(0, 40))
    assert crop([one * 0], (5, 2.0, 0.5), 4) == (slice(0, 30), slice(0, 40))


# -------------------------------------------------------------------------------------------------------- pictures
def pictures(figure):
    return {axes.get_gid(): axes for axes in figure.axes}


def words(figure):
    return [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in figure.texts]


def below(figure, axes):
    """The text nearest below a picture."""
    box = axes.get_position()
    under = [text for text in figure.texts if text.get_position()[0] == pytest.approx(box.x0)]
    return max(
        (text for text in under if text.get_position()[1] < box.y0), key=lambda text: text.get_position()[1]
    ).get_text()


def outline(axes, colour):
    (found,) = [drawn for drawn in axes.collections if to_hex(drawn.get_edgecolor()[0]) == colour]
    return found.get_paths()[0].vertices


def test_truth_and_predictions_lie_where_the_masks_are_and_numbers_are_their_dice(results):
    settings = two()
    case = read_case(SCORES, results, settings)
    assert (case.subject, case.subjects, case.dice) == ("d", 4, [0.8, 0.6])
    figure = gallery(case, two(subject="b", slices=[0, 3], margin_mm=2))
    found = pictures(figure)
    assert list(found) == [f"slice{index}/{column}" for column in range(3) for index in (0, 3)]
    # 2 mm are 2 rows and 4 columns: the truth begins 2 rows and 4 columns within the picture.
    truth = outline(found["slice3/1"], TRUTH)
    assert truth.min(axis=0) == pytest.approx((3.5, 1.5)) and truth.max(axis=0) == pytest.approx((23.5, 11.5))
    half = outline(found["slice3/1"], style.BLUE)
    assert half.min(axis=0) == pytest.approx((3.5, 1.5)) and half.max(axis=0) == pytest.approx((23.5, 6.5))
    field = found["slice3/1"].images[1].get_array()[..., 3]
    assert (field > 0).sum() == 5 * 20 and not field[7:].any()
    assert below(figure, found["slice3/1"]) == "Dice 0.67" and below(figure, found["slice3/2"]) == "Dice 1.00"
    assert below(figure, found["slice0/1"]) == "Dice 1.00" and below(figure, found["slice0/0"]) == "slice 0"
    assert not found["slice0/0"].collections and found["slice0/0"].images


def test_the_columns_are_named_with_the_dice_of_the_scores(results):
    settings = two(subject="b")
    figure = gallery(read_case(SCORES, results, settings), settings)
    text = " ".join(words(figure))
    for part in (
        "own",
        "Truth b",
        "regression N = 2, Dice 0.67",
        "regression N = 4, Dice 1.00",
        "chosen by name. Draw 1 of 2",
    ):
        assert part in text, part
    assert "TR-" not in text and "3 more methods are not shown" in text


def test_the_figure_says_how_the_subject_was_chosen(results):
    settings = two()
    text = " ".join(words(gallery(read_case(SCORES, results, settings), settings)))
    assert "the one of median Dice of 4, by the mean over the columns. Draw 1 of 2" in text


def test_a_picture_has_the_aspect_ratio_of_the_body_and_shows_patients_right_at_the_left(results):
    settings = two(margin_mm=None)
    figure = gallery(read_case(SCORES, results, settings), settings)
    axes = figure.axes[0]
    size = axes.get_position().size * figure.get_size_inches()
    assert size[0] / size[1] == pytest.approx(40 * 0.5 / (24 * 1.0))
    assert axes.get_aspect() == pytest.approx(1.0 / 0.5)
    assert axes.texts[0].get_text() == "R"
    # A bright corner at the patient's right, front, in slice 1 is at the picture's upper left.
    image = np.zeros(SHAPE, np.float32)
    image[-1, -1, 1] = 1
    image[:, :, 5] = np.linspace(0, 1, 40)[:, None]
    save(results / "own/native/images/d.nii.gz", image)
    settings = two(margin_mm=None, slices=[1])
    shown = gallery(read_case(SCORES, results, settings), settings).axes[0].images[0].get_array()
    assert shown.shape == (24, 40)
    assert np.argwhere(shown == shown.max()).tolist() == [[0, 0]]


def test_two_methods_stand_side_by_side_each_in_its_colour(results):
    labels = {"labels": [2], "methods": ["contrastive", "regression"]}
    settings = gallery_settings(experiment(None, **labels), "own")
    for column in settings.columns:
        save(results / run_of(settings, column) / "predictions/b.nii.gz", HALF)
    both = scores({2: [0.1, 2 / 3, 0.9, 0.8]}, ("regression", "contrastive"))
    figure = gallery(read_case(both, results, settings), settings)
    first, second = (pictures(figure)[f"slice1/{column}"] for column in (1, 2))
    found = outline(first, style.ORANGE), outline(second, style.BLUE)
    assert np.array_equal(*found)
    named = {text.get_text(): text.get_color() for text in figure.texts}
    assert (named["contrastive"], named["regression"]) == (style.ORANGE, style.BLUE)


def test_nothing_is_cut_off_however_long_names_are(results):
    recipes = {"regression": {"pretext": "regression", "title": r"$x_1$ \input{a} & <b> " * 5}}
    long = experiment(recipes=recipes, labels=[2, 4])
    settings = gallery_settings(long, "own")
    figure = gallery(read_case(SCORES, results, settings), settings)
    with style.applied():
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.texts]
    for box in boxes:
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1
    pictures = [axes.get_window_extent() for axes in figure.axes]
    assert not any(box.overlaps(picture.shrunk(0.98, 0.98)) for box in boxes for picture in pictures)


# ------------------------------------------------------------------------------------------------------- bad input
def test_a_prediction_on_another_grid_or_missing_is_refused(results):
    settings = two(subject="a")
    path = results / run_of(settings, settings.columns[0]) / "predictions/a.nii.gz"
    save(path, TRUE[:-1])
    with pytest.raises(InputError, match="predictions of a are on different grids"):
        read_case(SCORES, results, settings)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.nii\.gz: no such file"):
        read_case(SCORES, results, settings)


@pytest.mark.parametrize("gone", [{"n": 4, "subject": "b"}, {"n": 4}, {}])
def test_scores_that_are_missing_are_named_with_their_run(results, gone):
    rows = SCORES[~np.logical_and.reduce([SCORES[key] == value for key, value in gone.items()] or [SCORES["n"] > 0])]
    with pytest.raises(InputError, match=r"own/finetuned/regression/n[24]/draw1"):
        read_case(rows, results, two())


def test_a_volume_of_ones_own_is_read_where_it_lies(results, monkeypatch, tmp_path):
    for subject in IDS:
        native, folder = results / "own/native/images" / f"{subject}.nii.gz", tmp_path / "data/mine"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        native.rename(folder / "images" / native.name)
        save(folder / "labels" / native.name, TRUE)
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path / "data"))
    settings = gallery_settings(
        experiment(source={"kind": "nifti", "folder": "mine"}, methods=["regression"], labels=[2, 4]), "own"
    )
    assert read_case(SCORES, results, settings).image.shape == (6, 24, 40)
    (tmp_path / "data/mine/images/d.nii.gz").unlink()
    with pytest.raises(InputError):
        read_case(SCORES, results, settings)


# -------------------------------------------------------------------------------------------- from an experiment
def test_figures_4_and_5_are_of_the_first_that_stand_for_liver_and_prostate():
    cohorts = {
        name: {"source": PHANTOM, "stands_for": stands_for}
        for name, stands_for in {"a": None, "p": "prostate", "l": "liver", "second": "liver"}.items()
    }
    both = Experiment.model_validate({"cohorts": cohorts, "methods": {"scratch": {"pretext": "none"}}})
    assert galleries(both) == {
        "gallery_a": "a",
        "figure5_prostate": "p",
        "figure4_liver": "l",
        "gallery_second": "second",
    }


def shown(of):
    return [(column.method, column.labels) for column in gallery_settings(of, "own").columns]


def test_each_method_is_shown_at_one_n_between_scratch_and_the_benchmark():
    expected = [("scratch", 2), ("regression", 2), ("contrastive", 2), ("upper", "all")]
    assert shown(experiment("liver")) == shown(experiment(None)) == expected
    assert shown(experiment(labels=[4]))[:2] == [("scratch", 4), ("regression", 4)]
    assert shown(experiment(methods=["upper", "regression"])) == [("upper", "all"), ("regression", 2)]


def test_of_many_methods_the_first_of_each_pretext_and_the_benchmark_are_shown():
    recipes = {f"r{index}": {"pretext": "regression"} for index in range(9)}
    recipes |= {"upper": {"pretext": "none", "labels": ["all"]}, "c": {"pretext": "contrastive"}}
    recipes |= {"scratch": {"pretext": "none"}, "late": {"pretext": "none", "labels": [4]}}
    assert [name for name, _ in shown(experiment(recipes=recipes))] == ["r0", "r1", "r2", "c", "scratch", "upper"]


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ({"scratch": {"pretext": "none"}}, [("scratch", 2)]),
        ({"upper": {"pretext": "none", "labels": ["all"]}}, [("upper", "all")]),
        ({"c": {"pretext": "contrastive", "labels": [8, 3, 5]}}, [("c", 3)]),
        ({"regression": {"pretext": "regression", "labels": [1, 4]}}, [("regression", 4)]),
    ],
)
def test_a_study_without_n_of_2_shows_another(methods, expected):
    assert shown(experiment("liver", recipes=methods)) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"own": {"draw": 3}}, "figures.galleries.own.draw: draw 3 of 2; accepted: 1 to 2"),
        ({"own": {"methods": ["x"]}}, "figures.galleries.own.methods: unknown method 'x'; accepted: scratch"),
        (
            {"own": {"labels": [3]}},
            "figures.galleries.own.labels: scratch is not trained with N = 3; accepted: 1, 2, 4",
        ),
        ({"other": {}}, "figures.galleries.other: unknown cohort 'other'; accepted: own"),
    ],
)
def test_what_an_experiment_does_not_have_is_refused_before_any_work(change, message):
    plain = experiment().model_dump(mode="json", exclude_unset=True)
    with pytest.raises(InputError) as refused:
        load({**plain, "figures": {"galleries": change}})
    assert message in str(refused.value)


# ------------------------------------------------------------------------------------------------- several classes
CLASSES = {"right_ventricle": [1], "myocardium": [2, 4], "left_ventricle": [3]}


def of_classes(classes=CLASSES, **gallery):
    source = {"kind": "nifti", "folder": "unused", "classes": classes}
    return gallery_settings(
        experiment(**{"source": source, "methods": ["regression"], "labels": [2, 4], **gallery}), "own"
    )


@pytest.fixture
def numbered(results):
    """Truth: class 1 in the upper and class 2 in the lower half. The first prediction has class 1 alone, the second
    swaps both."""
    settings = of_classes()
    upper, lower = box((6, 11), (10, 30), (1, 5)), box((11, 16), (10, 30), (1, 5))
    for subject in IDS:
        save(results / "own/native/labels" / f"{subject}.nii.gz", upper + 2 * lower)
        for column, mask in zip(settings.columns, (upper, 2 * upper + lower), strict=True):
            save(results / run_of(settings, column) / "predictions" / f"{subject}.nii.gz", mask)
    return results


def test_each_class_has_its_colour_with_lines_of_the_truth_and_areas_of_the_prediction(numbered):
    settings = of_classes(subject="a", slices=[0, 3], margin_mm=2)
    found = pictures(figure := gallery(read_case(SCORES, numbered, settings), settings))
    upper, lower = (outline(found["slice3/0"], colour) for colour in style.CLASSES[:2])
    # Within 0.5 pixels of the class's border, each on its own side of the border that they share.
    assert upper.min(axis=0) == pytest.approx((3.7, 1.7)) and upper.max(axis=0) == pytest.approx((23.3, 6.3))
    assert lower.min(axis=0) == pytest.approx((3.7, 6.7)) and lower.max(axis=0) == pytest.approx((23.3, 11.3))
    assert np.array_equal(outline(found["slice3/1"], style.CLASSES[0]), upper)
    one, swapped = (found[f"slice3/{column}"].images[1].get_array() for column in (1, 2))
    assert (one[..., 3] > 0).sum() == 100 and {to_hex(pixel[:3]) for pixel in one[one[..., 3] > 0]} == {TRUTH}
    assert to_hex(swapped[3, 5, :3]) == style.CLASSES[1] and to_hex(swapped[9, 5, :3]) == style.CLASSES[0]
    # Of the slice: class 1 right, class 2 missed; then both wrong; class 3 is in neither.
    assert below(figure, found["slice3/1"]) == "Dice 0.50" and below(figure, found["slice3/2"]) == "Dice 0.00"
    assert below(figure, found["slice0/1"]) == "Dice 1.00"


def legend_of(figure):
    squares = [patch for patch in figure.get_children() if str(patch.get_gid()).startswith("class/")]
    return {patch.get_gid().removeprefix("class/"): to_hex(patch.get_facecolor()) for patch in squares}


def test_a_legend_names_the_classes_and_one_class_has_none(numbered):
    settings = of_classes(subject="a")
    figure = gallery(read_case(SCORES, numbered, settings), settings)
    assert legend_of(figure) == dict(zip(CLASSES, style.CLASSES, strict=False))
    assert [text for text in words(figure) if text.replace(" ", "_") in CLASSES] == [
        "right ventricle",
        "myocardium",
        "left ventricle",
    ]
    assert "Lines: truth. Areas: predictions." in " ".join(words(figure))
    for classes in ({}, {"heart": [1, 2, 3]}):
        settings = of_classes(classes, subject="a")
        figure = gallery(read_case(SCORES, numbered, settings), settings)
        assert not legend_of(figure) and "Cyan line: truth." in " ".join(words(figure))


def test_twenty_classes_with_long_names_stay_whole_and_beside_nothing(numbered):
    classes = {f"structure_{'x' * (index + 8)}_{index:02d}"[:40]: [index + 1] for index in range(20)}
    settings = of_classes(classes, labels=[2, 4], subject="a", panel_in=0.8)
    figure = gallery(read_case(SCORES, numbered, settings), settings)
    assert list(legend_of(figure)) == list(classes)
    with style.applied():
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.texts]
    for at, one in enumerate(boxes):
        assert one.x0 >= -1 and one.x1 <= figure.bbox.x1 + 1 and one.y0 >= -1 and one.y1 <= figure.bbox.y1 + 1
        assert not any(one.shrunk(0.9, 0.8).overlaps(other.shrunk(0.9, 0.8)) for other in boxes[at + 1 :])


@pytest.mark.parametrize(
    ("predicted", "truth", "classes", "expected"),
    [
        ([0, 0], [0, 0], 0, 1),
        ([1, 0], [1, 1], 0, 2 / 3),
        ([0, 0], [0, 0], 3, 1),
        ([1, 2], [1, 2], 3, 1),  # class 3 is in neither
        ([1, 2], [1, 0], 3, 1 / 2),
        ([3, 3], [1, 2], 3, 0),
    ],
)
def test_the_dice_of_a_slice_is_the_mean_of_the_classes_that_are_in_it(predicted, truth, classes, expected):
    one, other = (np.array([row], np.uint8) for row in (predicted, truth))
    assert slice_dice(one, other, classes) == pytest.approx(expected)
