"""Quality by class: a cohort in which each subject has one thing worth a look."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.cohort import Grid
from fewlabel.config.figure_options import ContactSheet
from fewlabel.config.jobs.figures.quality import ContactSheetSettings, QualitySettings
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.preprocessing.volume import Volume, save_nifti
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.reporting.figures import style
from fewlabel.reporting.images.contact_sheet import contact_sheet, tile
from fewlabel.reporting.tables.quality import quality_table
from fewlabel.reporting.tables.quality_checks import quality_rows
from fewlabel.reporting.tables.quality_classes import class_facts, columns_of

GRID = Grid(matrix=(24, 24), spacing_mm=2)
CLASSES = {"right_kidney": [1], "left_kidney": [2, 5], "spleen": [3]}
NAMES = ["absent", "bare", "good", "other", "split", "tiny"]
AFFINE = np.diag([-2.0, -2, 4, 1])


def mask_of(name):
    """Two kidneys of 4 x 4 x 3 voxels that touch and a spleen of 6 x 6 x 2, changed as the name says."""
    mask = np.zeros((20, 20, 6), np.uint8)
    mask[4:8, 4:8, 1:4], mask[8:12, 4:8, 1:4], mask[10:16, 10:16, 3:5] = 1, 2, 3
    if name == "absent":
        mask[mask == 3] = 0
    if name == "split":
        mask[18:20, 18:20, 0] = 2
    if name == "tiny":
        mask[mask == 1] = 0
        mask[4:6, 4:6, 1] = 1
    return mask


def volume(subject):
    image = np.random.default_rng(NAMES.index(subject.subject)).random((20, 20, 6), np.float32) * 100
    return Volume(image, AFFINE, mask_of(subject.subject) if subject.labelled else None)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    subjects = [Subject(name, name, name != "bare") for name in NAMES]
    pack(subjects, volume, GRID, folder / "slices", folder / "native", classes=list(CLASSES))
    for name in NAMES:
        if name != "bare":
            save_nifti(folder / "native/labels" / f"{name}.nii.gz", mask_of(name), AFFINE)
    pd.DataFrame({"subject": NAMES, "patient": NAMES, "role": "pool"}).to_csv(folder / "roles.csv", index=False)
    return folder


def settings(classes=CLASSES):
    source = NiftiSource(kind="nifti", folder="/somewhere/else", classes=classes)
    return QualitySettings(cohort="own", title="Cohort", source=source, grid=GRID)


def sheet_settings(classes=tuple(CLASSES), **figure):
    return ContactSheetSettings(
        cohort="own", title="Cohort", grid=GRID, classes=list(classes), figure=ContactSheet(**figure)
    )


@pytest.fixture(scope="module")
def rows(results):
    store = open_store(results / "slices/store.json")
    return quality_rows(store, read_subjects(results / "roles.csv"), results / "native", settings())


def test_a_row_holds_voxels_volume_slices_and_parts_of_each_class(rows):
    row = rows.set_index("subject").loc["split"]
    kidney = ["voxels", "ml", "slices", "components", "smallest", "grid_dice"]
    assert row[[f"{fact}_right_kidney" for fact in kidney]].tolist() == [48, 48 * 16 / 1000, 3, 1, 48, 1]
    assert row[[f"{fact}_left_kidney" for fact in kidney]].tolist() == [52, 52 * 16 / 1000, 4, 2, 4, 1]
    assert row["target_ml"] == pytest.approx((48 + 52 + 72) * 16 / 1000) and row["grid_dice"] == 1
    absent = rows.set_index("subject").loc["absent"]
    assert absent[["voxels_spleen", "ml_spleen", "slices_spleen", "components_spleen"]].tolist() == [0, 0, 0, 0]
    assert absent[["smallest_spleen", "grid_dice_spleen"]].isna().all() and absent["grid_dice"] == 1
    bare = rows.set_index("subject").loc["bare"]
    assert bare[[f"{fact}_spleen" for fact in kidney]].isna().all()


def test_each_thing_is_told_of_its_subject_and_class_and_of_no_other(rows):
    found = dict(zip(rows["subject"], rows["warnings"], strict=True))
    assert found == {
        "absent": "spleen is absent",
        "bare": "",
        "good": "",
        "other": "",
        "split": "left kidney in 2 separate parts, median 1, the smallest of 4 voxels",
        "tiny": "tiny right kidney: 0.064 ml, median 0.768 ml",
    }


def test_classes_whose_borders_touch_are_separate_and_corners_join_parts():
    mask = np.zeros((4, 4, 2), np.uint8)
    mask[0, 0, 0] = mask[1, 1, 1] = 1  # one part: voxels that share a corner
    mask[3, 3, 0] = 1
    mask[2, 2, 0] = 2
    facts = class_facts(mask, AFFINE, Grid(matrix=(4, 4), spacing_mm=2), ["one", "two", "three"])
    assert (facts["components_one"], facts["smallest_one"], facts["components_two"]) == (2, 1, 1)
    assert (facts["voxels_three"], facts["smallest_three"]) == (0, None)


def test_permuted_class_numbers_permute_the_columns(results, rows):
    store = open_store(results / "slices/store.json")
    permuted = settings({"spleen": [1], "right_kidney": [2], "left_kidney": [3]})
    for name in (name for name in NAMES if name != "bare"):
        new = np.array([0, 2, 3, 1], np.uint8)[mask_of(name)]
        save_nifti(results / "permuted/labels" / f"{name}.nii.gz", new, AFFINE)
    files = {name: results / "native/images" / f"{name}.nii.gz" for name in NAMES}
    for name, path in files.items():
        (results / "permuted/images").mkdir(parents=True, exist_ok=True)
        (results / "permuted/images" / f"{name}.nii.gz").write_bytes(path.read_bytes())
    again = quality_rows(store, read_subjects(results / "roles.csv"), results / "permuted", permuted)
    pd.testing.assert_frame_equal(again[rows.columns], rows)


def test_the_page_has_a_summary_by_class_and_a_column_a_class(results, rows):
    table = quality_table(rows, settings())
    summary, warned, bare, by_subject = table.sections
    assert summary.title.startswith("Classes: medians and ranges") and summary.body["class"].tolist() == [
        "right kidney",
        "left kidney",
        "spleen",
    ]
    assert summary.body["subjects"].tolist() == ["5 of 5", "5 of 5", "4 of 5"]
    assert summary.body["in several parts"].tolist() == ["0", "1", "0"]
    assert summary.body["voxels"].tolist() == ["48 (4 to 48)", "48 (48 to 52)", "72 (72 to 72)"]
    assert by_subject.body["subject"].tolist() == [*warned.body["subject"], *bare.body["subject"]]
    cells = by_subject.body.set_index("subject")
    assert cells.loc["bare"].tolist() == ["-", "-", "-"]
    assert cells.loc["absent", "spleen"] == "absent"
    assert cells.loc["split", "left kidney"].replace("\N{NO-BREAK SPACE}", " ") == (
        "0.832 ml, 4 slices, 52 voxels, 2 parts"
    )
    assert any(note.startswith("Classes: volume, slices and voxels") for note in table.notes)


def test_the_commands_write_a_page_by_class(results, rows, tmp_path):
    csv, page, sheet = tmp_path / "q.csv", tmp_path / "q.html", tmp_path / "sheet.png"
    base = ["--store", str(results / "slices/store.json")]
    own = ["quality", "--settings", settings().model_dump_json(), *base, "--roles", str(results / "roles.csv")]
    own += ["--native", str(results / "native"), "--csv", str(csv), "--markdown", str(tmp_path / "q.md")]
    outcome = CliRunner().invoke(app, own)
    assert outcome.exit_code == 0 and "own: absent: spleen is absent" in outcome.output, outcome.output
    found = sheet_settings().model_dump_json()
    drawn = [
        "contact-sheet",
        "--settings",
        found,
        *base,
        "--quality",
        str(csv),
        "--png",
        str(sheet),
        "--html",
        str(page),
    ]
    outcome = CliRunner().invoke(app, drawn)
    assert outcome.exit_code == 0, outcome.output
    assert (
        "<caption>Classes of each subject</caption>" in page.read_text()
        and "left kidney in 2 separate parts" in page.read_text()
    )
    with Image.open(sheet) as picture:
        assert picture.width == 8 * 150


def test_without_classes_nothing_is_added():
    found = json.loads(sheet_settings(()).model_dump_json())
    assert "classes" not in found and "channel" not in found
    assert not any("classes" in name for name in json.loads(settings({}).model_dump_json())["source"])


def numbered(results):
    """The store, with class numbers in the slices."""
    store = open_store(results / "slices/store.json")
    masks = np.zeros(store.masks.shape, np.uint8)
    for name in (name for name in NAMES if name != "bare"):
        masks[store.rows([name]), 2:22, 2:22] = mask_of(name).transpose(2, 1, 0)
    return replace(store, masks=masks)


def test_the_sheet_outlines_each_class_in_its_colour_and_names_it(results, rows):
    figure = contact_sheet(numbered(results), rows, sheet_settings(slices=1))
    pixels = np.asarray(figure.images[0].get_array())
    drawn = {tuple(pixel) for pixel in pixels.reshape(-1, 3)}
    for colour in style.CLASSES[:3]:
        assert tuple(np.round(np.array(to_rgb(colour)) * 255).astype(int)) in drawn
    texts = [text.get_text() for text in figure.texts]
    assert "Lines: the classes of the mask." in " ".join(texts)
    assert [text for text in texts if text in ("right kidney", "left kidney", "spleen")] == [
        "right kidney",
        "left kidney",
        "spleen",
    ]
    squares = {patch.get_gid() for patch in figure.get_children() if str(patch.get_gid()).startswith("class/")}
    assert squares == {f"class/{name}" for name in CLASSES}


def test_a_legend_of_many_classes_meets_no_picture_and_no_text(results, rows):
    many = [f"structure_{'x' * index}_{index}" for index in range(20)]
    wide = pd.concat([rows, pd.DataFrame(1.0, rows.index, [one for name in many for one in columns_of(name)])], axis=1)
    figure = contact_sheet(numbered(results), wide, sheet_settings(many, slices=1, width_in=4))
    figure.draw_without_rendering()
    pixels = np.asarray(figure.images[0].get_array())
    for text in figure.texts:
        box = text.get_window_extent()
        top, bottom = (round(len(pixels) - edge) for edge in (box.y1, box.y0))
        assert box.x0 >= 0 and box.x1 <= pixels.shape[1] + 1 and bottom <= len(pixels)
        assert (pixels[top + 1 : bottom - 1, int(box.x0) : int(box.x1)] == 255).all()


def test_lines_of_touching_classes_are_side_by_side_with_a_dark_edge_around_both():
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 10:15], mask[5:15, 15:20] = 1, 2
    colours = ["#ff0000", "#00ff00"]
    picture = tile(np.full((20, 30), 0.5, np.float16), mask, (60, 40), colours)
    red, green = ((picture == np.array(to_rgb(colour)) * 255).all(axis=-1) for colour in colours)
    edge = (picture == 0).all(axis=-1)
    assert red[10:30, 20].all() and red[10:30, 29].all() and green[10:30, 30].all() and green[10:30, 39].all()
    assert not red[12:28, 22:28].any() and not red[:, 30:].any() and not green[:, :30].any()
    assert edge[9, 20:40].all() and edge[10:30, 40].all() and not edge[10:30, 20:40].any()
