"""What went in: a cohort of bad volumes, in which each warning must be found and nothing else."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import ContactSheet
from fewlabel.config.jobs.figures.quality import (
    ContactSheetSettings,
    QualitySettings,
    contact_sheet_settings,
    quality_settings,
)
from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.preprocessing.volume import Volume, save_nifti
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.reporting.figures import style
from fewlabel.reporting.images.contact_sheet import WARNED, choose_subjects, contact_sheet, tile
from fewlabel.reporting.tables.formats import as_html, as_markdown
from fewlabel.reporting.tables.quality import quality_table
from fewlabel.reporting.tables.quality_checks import Usual, quality_rows, warnings
from helpers.studies import ROOT

GRID = Grid(matrix=(24, 24), spacing_mm=2)
SOURCE = NiftiSource(kind="nifti", folder="/somewhere/else")
NAMES = ["007", "NA", "clipped", "cut", "empty", "oblique", "thick", "tiny", "unlabelled"]
HOSTILE = "<b>50 %</b> | $x$"


def volume(subject):
    """20 x 20 x 6 voxels of 2 x 2 x 4 mm with a target of 8 x 8 x 3, changed as the name says."""
    name = subject.subject
    image = np.random.default_rng(NAMES.index(name)).random((20, 20, 6), np.float32) * 100
    mask = np.zeros(image.shape, np.uint8)
    mask[6:14, 6:14, 2:5] = 1
    affine = np.diag([-2.0, -2, 4, 1])
    if name == "clipped":
        image = image.clip(0, 90)
    if name == "cut":  # columns 8 to 31 of 40 are on the grid, the target is in 6 to 13 and 26 to 33
        image, mask = np.tile(image, (2, 1, 1)), np.tile(mask, (2, 1, 1))
    if name == "empty":
        mask[:] = 0
    if name == "oblique":
        affine[:3, :3] = Rotation.from_euler("x", 35, degrees=True).as_matrix() @ affine[:3, :3]
    if name == "thick":
        affine[2, 2] = 8
    if name == "tiny":
        mask[:] = 0
        mask[9:11, 9:11, 3] = 1
    return Volume(image, affine, mask if subject.labelled else None)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A prepared cohort."""
    folder = tmp_path_factory.mktemp("results")
    subjects = [Subject(name, name, name != "unlabelled") for name in NAMES]
    pack(subjects, volume, GRID, folder / "slices", folder / "native")
    roles = pd.DataFrame({"subject": NAMES, "patient": NAMES, "role": ["test", *["pool"] * 7, "unlabelled"]})
    roles.to_csv(folder / "roles.csv", index=False)
    return folder


def settings(title="Cohort"):
    return QualitySettings(cohort="own", title=title, source=SOURCE, grid=GRID)


def sheet_settings(**figure):
    return ContactSheetSettings(cohort="own", title=HOSTILE, grid=GRID, figure=ContactSheet(**figure))


@pytest.fixture(scope="module")
def store(results):
    return open_store(results / "slices" / "store.json")


@pytest.fixture(scope="module")
def rows(results, store):
    return quality_rows(store, read_subjects(results / "roles.csv"), results / "native", settings())


def test_each_thing_worth_a_look_is_told_of_its_subject_and_of_no_other(rows):
    told = dict(zip(rows["subject"], rows["warnings"], strict=True))
    assert list(told) == NAMES
    assert not any(told[name] for name in ("007", "NA", "unlabelled"))
    assert told["empty"] == "empty mask"
    assert told["tiny"] == "tiny mask: 0.064 ml, median 3.07 ml"
    assert told["thick"] == "slice distance 8 mm, median 4 mm"
    assert told["oblique"] == "oblique by 35 degrees"
    assert told["clipped"].endswith(" % of the voxels hold the highest value, 90")
    assert told["cut"] == "the working grid holds 75 % of the target"


def test_a_row_holds_the_facts_of_its_volume(rows):
    row = rows.set_index("subject").loc["NA"]
    assert row[["role", "labelled", "orientation", "slices", "rows", "columns"]].tolist() == [
        "pool",
        1,
        "LPS",
        6,
        20,
        20,
    ]
    assert row[["slice_mm", "row_mm", "column_mm", "oblique_deg"]].tolist() == [4, 2, 2, 0]
    image = volume(Subject("NA", "NA", True)).image
    assert row[["lowest", "highest"]].tolist() == pytest.approx([image.min(), image.max()])
    assert row[["p1", "p99"]].tolist() == pytest.approx(np.percentile(image, (1, 99)).tolist())
    assert row[["target_ml", "target_slices", "kept", "grid_dice"]].tolist() == [8 * 8 * 3 * 16 / 1000, 3, 1, 1]
    bare = rows.set_index("subject").loc["unlabelled"]
    assert bare[["target_ml", "target_slices", "kept", "grid_dice"]].isna().all() and bare["role"] == "unlabelled"


def test_the_number_of_workers_changes_nothing(results, store, rows):
    again = quality_rows(store, read_subjects(results / "roles.csv"), results / "native", settings(), 2)
    pd.testing.assert_frame_equal(again, rows)


def test_what_is_worth_a_look_stands_first_and_a_title_stays_text(rows):
    table = quality_table(rows, settings(HOSTILE))
    assert [section.title for section in table.sections] == ["6 subjects with warnings", "3 subjects without warnings"]
    assert table.sections[1].body["subject"].tolist() == ["007", "NA", "unlabelled"]
    assert table.heading == f"{HOSTILE}: quality of the volumes"
    markdown, html = as_markdown(table), as_html(table)
    assert markdown.startswith("# \\<b>50 %\\</b> \\| $x$: quality of the volumes\n")
    assert "<b>" not in html and "&lt;b&gt;" in html and "Table" not in html
    assert table.sections[0].body.set_index("subject").loc["oblique", "orientation"] == "LPS, 35° off".replace(
        " ", "\N{NO-BREAK SPACE}"
    )


def test_pixels_too_coarse_for_the_target_are_told(results, tmp_path):
    coarse = settings().model_copy(update={"grid": Grid(matrix=(8, 8), spacing_mm=10)})
    pack([Subject("NA", "NA", True)], volume, coarse.grid, tmp_path / "slices", tmp_path / "native")
    store = open_store(tmp_path / "slices" / "store.json")
    (row,) = quality_rows(store, read_subjects(results / "roles.csv"), tmp_path / "native", coarse).to_dict("records")
    assert 0.5 < row["grid_dice"] < 0.95
    assert (
        row["warnings"]
        == f"the mask has a Dice of {row['grid_dice']:.2f} with itself after resampling to the working grid and back"
    )
    (cell,) = quality_table(pd.DataFrame([row]), coarse).sections[0].body["Dice of the grid"]
    assert cell == f"{row['grid_dice']:.3f}"


def test_the_commands_write_what_they_made(results, rows, tmp_path):
    places = {name: str(tmp_path / f"quality.{name}") for name in ("csv", "markdown")}
    told = [word for name, place in places.items() for word in (f"--{name}", place)]
    base = ["--store", str(results / "slices" / "store.json")]
    own = ["quality", "--settings", settings().model_dump_json(), *base, "--roles", str(results / "roles.csv")]
    outcome = CliRunner().invoke(app, [*own, "--native", str(results / "native"), *told])
    assert outcome.exit_code == 0, outcome.output
    assert "own: empty: empty mask" in outcome.output and "own: 9 subjects, 6 with warnings" in outcome.output
    written = read_subjects(tmp_path / "quality.csv")
    assert written["subject"].tolist() == NAMES and written["warnings"].tolist() == rows["warnings"].tolist()
    sheet = ["contact-sheet", "--settings", sheet_settings().model_dump_json(), *base, "--quality", places["csv"]]
    made = tmp_path / "sheet.png", tmp_path / "quality.html"
    outcome = CliRunner().invoke(app, [*sheet, "--png", str(made[0]), "--html", str(made[1])])
    assert outcome.exit_code == 0, outcome.output
    with Image.open(made[0]) as picture:
        assert picture.width == 8 * 150 and np.asarray(picture).std() > 10
    page = made[1].read_text()
    assert page.index(b64encode(made[0].read_bytes()).decode()) < page.index("<table")
    assert "<caption>6 subjects with warnings</caption>" in page and "tiny mask: 0.064 ml" in page
    assert page.count("data:image/png") == 1 and "http" not in page and "<b>" not in page
    plain = as_html(quality_table(rows, settings(HOSTILE)))
    page = re.sub(r' data-name="[^"]*"', "", page)
    assert page[page.index("<thead") : page.index("</table")] == plain[plain.index("<thead") : plain.index("</table")]


def test_volumes_that_are_gone_are_named(results, store, tmp_path):
    data = tmp_path / "cohort"
    save_nifti(data / "images" / "007.nii.gz", np.random.default_rng(0).random((20, 20, 6), np.float32), np.eye(4))
    save_nifti(data / "labels" / "007.nii.gz", np.ones((20, 20, 6), np.uint8), np.eye(4))
    gone = settings().model_copy(update={"source": NiftiSource(kind="nifti", folder=str(data))})
    with pytest.raises(
        ValueError,
        match=r"own: volumes are missing since .* \(NA, clipped, cut, empty, oblique\); to fix: put them back",
    ):
        quality_rows(store, read_subjects(results / "roles.csv"), tmp_path / "nothing", gone)


def test_the_sheet_names_every_subject_those_with_warnings_first(store, rows):
    figure = contact_sheet(store, rows, sheet_settings())
    texts = [text.get_text() for text in figure.texts]
    told = "All 9 subjects: 6 with warnings come first, warnings in brown; 1 without a mask. 3 slices"
    assert texts[0] == HOSTILE and told in " ".join(texts)
    named = [text for text in texts if text in NAMES]
    assert named == ["clipped", "cut", "empty", "oblique", "thick", "tiny", "007", "NA", "unlabelled"]
    assert texts[-2:] == ["unlabelled", "no mask"]
    # Each warning is below its own subject, in another colour, whole and before the next name.
    for first, last in pairwise(named):
        below = figure.texts[texts.index(first) + 1 : texts.index(last)]
        assert " ".join(text.get_text() for text in below) == rows.set_index("subject").loc[first, "warnings"]
        assert {text.get_color() for text in below} <= {WARNED}


def test_names_and_warnings_are_never_cut_and_never_meet_a_picture(store, rows):
    long = "patient_with_a_very_long_name_2021_visit3_of_the_second_site_with_the_other_scanner"
    changed = rows.assign(subject=rows["subject"].replace("tiny", long), warnings=rows["warnings"] + " and more" * 20)
    renamed = {name: getattr(store, name).replace({"subject": {"tiny": long}}) for name in ("subjects", "index")}
    figure = contact_sheet(replace(store, **renamed), changed, sheet_settings(columns=12, slices=1))
    figure.draw_without_rendering()
    texts = [text.get_text() for text in figure.texts]
    assert long in "".join(texts) and "…" not in "".join(texts)
    pixels = np.asarray(figure.images[0].get_array())
    for text in figure.texts:
        box = text.get_window_extent()
        top, bottom = (round(len(pixels) - edge) for edge in (box.y1, box.y0))
        assert box.x0 >= 0 and box.x1 <= pixels.shape[1] + 1 and bottom <= len(pixels)
        assert (pixels[top + 1 : bottom - 1, int(box.x0) : int(box.x1)] == 255).all()


def test_the_sheet_shows_slices_beside_each_other_with_the_outline_of_the_mask(store, rows, monkeypatch):
    monkeypatch.setattr(style, "TRUTH", "#ff0080")
    pixels = np.asarray(contact_sheet(store, rows, sheet_settings(columns=6, slices=3)).images[0].get_array())
    outlined = (pixels == np.round(np.array(to_rgb(style.TRUTH)) * 255)).all(axis=-1)
    columns = np.flatnonzero(outlined.any(axis=0))
    assert 1 + (np.diff(columns) > 1).sum() >= 6  # two subjects of three slices each
    assert not outlined[:, 0].any() and (pixels[-1] == 255).all()


def test_the_outline_lies_on_the_border_of_the_mask_and_leaves_the_inside_alone():
    image = np.full((20, 30), 0.5, np.float16)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 10:20] = 1
    picture = tile(image, mask, (60, 40))
    assert picture.shape == (40, 60, 3)
    line = (picture == np.round(np.array(to_rgb(style.TRUTH)) * 255)).all(axis=-1)
    edge = (picture == 0).all(axis=-1)
    assert line[10, 20:40].all() and line[29, 20:40].all() and line[10:30, 20].all() and line[10:30, 39].all()
    assert not line[12:28, 22:38].any() and not line[:9].any()
    # The dark edge is around it, so that the line is seen on bright tissue too.
    assert edge[9, 20:40].all() and edge[10:30, 40].all() and not edge[10:30, 20:40].any()
    assert (picture[~line & ~edge] == 127).all()


def test_of_very_many_subjects_some_are_shown_and_all_with_warnings_before_them():
    names = [f"s{number:03d}" for number in range(100)]
    chosen = choose_subjects(names, {"s007", "s050"}, 12)
    assert len(chosen) == len(set(chosen)) == 12 and chosen[:2] == ["s007", "s050"] and chosen[2:] == sorted(chosen[2:])
    assert chosen[2] < "s010" and chosen[-1] > "s090"
    assert choose_subjects(names[:3], set(), 12) == names[:3]
    assert choose_subjects(names, set(names), 12) == names[:12]


@pytest.mark.parametrize(
    ("shares", "told", "of_the_cohort"),
    [
        ([0, 0, 0.002], ["", "", "0.2 %"], None),
        ([0.0012, 0.0029, 0.002], ["", "", ""], "In 3 of 3 volumes 0.12 to 0.29 % of"),
        ([0.0012, 0.02, 0.0009], ["", "2 %", ""], "In 2 of 3 volumes 0.12 to 2 % of"),
    ],
)
def test_what_most_volumes_of_a_cohort_share_is_told_once_of_it(rows, shares, told, of_the_cohort):
    some = rows[rows["subject"].isin(["007", "NA", "unlabelled"])].assign(clipped=shares)
    found = ["; ".join(warnings(row, Usual.of(some), 0.01)) for row in some.to_dict("records")]
    assert [text.partition(" of the voxels hold the highest value")[0] for text in found] == told
    mapped = ["; ".join(warnings(row, Usual.of(some), 0.01, bounded=True)) for row in some.to_dict("records")]
    assert [bool(text) for text in mapped] == [share >= 0.01 for share in shares]
    notes = quality_table(some.assign(warnings=found), settings()).notes
    assert [of_the_cohort in note for note in notes[:1]] == [True] if of_the_cohort else "clipped" not in notes[0]


def test_settings_come_from_the_experiment():
    experiment = load(read_config([ROOT / "config.yaml"]), [])
    assert isinstance(experiment, Experiment)
    told = json.loads(quality_settings(experiment, "liver_phantom").model_dump_json())
    assert told["title"] == "Liver (phantom)" and told["grid"]["matrix"] == [64, 64]
    assert contact_sheet_settings(experiment, "liver_phantom").figure == ContactSheet()
