"""The page as a file: what it holds, how large it is, and that no study makes it fail."""

import base64
import hashlib
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from fewlabel.reporting.explorer.page import in_html
from helpers.explored import HOSTILE, SUBJECTS, TITLE, experiment, make, page_of, predicted_of, save, truth_of

METHOD = {"only": {"pretext": "contrastive"}}


def blocks(page):
    """The data of a page: by the id of the element."""
    found = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page.read_text(), re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def mask_of(text, block):
    """A sprite as (slice, row, column)."""
    tiles = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
    rows, columns, wide = block["rows"], block["columns"], block["across"]
    grid = tiles.reshape(-1, rows, wide, columns).swapaxes(1, 2).reshape(-1, rows, columns)
    return grid[: len(block["slices"])].astype(np.uint8)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    results, study = tmp_path_factory.mktemp("explored"), experiment()
    outcome, page = page_of(make(results, study), study)
    assert outcome.exit_code == 0, outcome.output
    return page


def test_pictures_hold_exactly_the_masks_in_radiological_slices(made):
    found = blocks(made)
    block = next(one for name, one in found.items() if name != "study" and one["subject"] == "ann")
    truth = truth_of((24, 20, 6))
    # The file's axes grow to left, back and head: slices are the third axis, rows the second, columns the first.
    expected = truth.transpose(2, 1, 0)
    assert (mask_of(block["truth"], block) == expected).all()
    assert (block["axes"], block["spacing"]) == (["S", "P", "L"], [5, 2, 2]) and block["slices"] == [1, 2, 3, 4, 5, 6]
    assert block["file"] == "liver/native/labels/ann.nii.gz"
    first = next(one for one in block["predictions"] if (one["method"], one["n"], one["draw"]) == ("scratch", 1, 2))
    loss = 0.7 + 0.1 + 0.02 * 2
    assert (mask_of(first["mask"], block) == predicted_of(truth, loss).transpose(2, 1, 0)).all()
    image = Image.open(io.BytesIO(base64.b64decode(block["image"]))).convert("L")
    assert image.size == (block["across"] * 24, -(-6 // block["across"]) * 20)


def test_every_subject_and_run_is_there_and_everything_is_said(made):
    found = blocks(made)
    study = found["study"]
    assert [cohort["title"] for cohort in study["cohorts"]] == [TITLE, "prostate"]
    assert len(found) == 1 + 2 * len(SUBJECTS) and study["notes"] == []
    assert {len(one["predictions"]) for name, one in found.items() if name != "study"} == {2 * 2 * 2 + 2}
    assert study["control"] == "scratch"
    assert {cell["method"] for cell in study["cohorts"][0]["differences"]} == {"regression"}
    assert "labels:" in study["settings"] and "figures" not in study["settings"]


def test_no_text_of_the_user_is_html_and_nothing_but_the_pages_own_scripts_may_run(made):
    text = made.read_text()
    assert HOSTILE not in text and TITLE not in text and "<b>Liver" not in text
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1].replace("&#39;", "'")
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert "script-src 'sha256-{}' 'sha256-{}';".format(*hashes) in policy
    assert policy.startswith("default-src 'none';") and "http" not in policy and "*" not in policy
    shell = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r'(src|href)="(?!#|data:)', shell) and not re.search(r"<[^>]+\son\w+=", shell)


@pytest.mark.parametrize("text", ["</script>", "<!--", "<script", "&lt;", "]]>"])
def test_json_in_a_script_element_reads_back_and_cannot_end_it(text):
    made = str(in_html(json.dumps({text: text})))
    assert json.loads(made) == {text: text}
    assert not set("<>&") & set(made)


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": METHOD, "draws": 1, "labels": [1]},  # nothing to compare with, no benchmark, nothing to resample
        {"methods": {"scratch": {"pretext": "none"}}},  # the control alone
        {"methods": {"supervised": {"pretext": "none", "labels": ["all"]}}, "draws": 1},  # a benchmark alone
        {"methods": {f"m{at}": METHOD["only"] for at in range(20)}, "draws": 1},
    ],
)
def test_no_study_is_too_poor_or_too_rich(tmp_path, changes):
    study = experiment(cohorts=("knee",), titles=(), **changes)
    outcome, page = page_of(make(tmp_path, study, subjects=("only",), shape=(16, 16, 3)), study)
    assert outcome.exit_code == 0, outcome.output
    content = blocks(page)["study"]["cohorts"][0]
    assert content["title"] == "knee" and content["shown"] == ["only"]
    assert len({trace["meta"]["method"] for trace in content["curves"]["data"]} - {None}) == len(changes["methods"])
    assert content["paired"] is None


def test_large_volumes_and_many_subjects_are_cut_to_the_settings_and_the_page_says_so(tmp_path):
    page_settings = {"subjects": 3, "draws": 1, "largest_side_px": 32, "largest_slices": 5}
    study = experiment(cohorts=("knee",), titles=("Knee",), methods=METHOD, figures={"explorer": page_settings})
    subjects = [f"s{at}" for at in range(5)]
    _, page = page_of(make(tmp_path, study, subjects=subjects, shape=(64, 48, 9)), study)
    found = blocks(page)
    block = found["volume-0"]
    assert (block["columns"], block["rows"], block["slices"]) == (32, 24, [1, 3, 5, 7, 9])
    assert found["study"]["cohorts"][0]["shown"] == ["s0", "s4", "s2"]  # each is better than the one before
    notes = " ".join(found["study"]["notes"])
    for said in ("3 of 5 test subjects", "48 x 64 pixels are shown with 24 x 32", "5 of 9 slices", "1 of 2 draws"):
        assert said in notes
    assert {one["draw"] for one in block["predictions"]} == {1}


def test_the_page_never_grows_beyond_its_limit(tmp_path):
    study = experiment(
        cohorts=("knee", "hip"), titles=(), methods=METHOD, draws=1, figures={"explorer": {"size_limit_mb": 8}}
    )
    make(tmp_path, study, subjects=[f"s{at}" for at in range(3)], shape=(256, 256, 2))
    noise = np.random.default_rng(1).random((256, 256, 60)).astype(np.float32)
    masks = (noise > 0.5).astype(np.uint8)  # nothing compresses worse
    for path in tmp_path.rglob("*.nii.gz"):
        save(path, noise if "images" in path.parts else masks)
    outcome, page = page_of(tmp_path, study)
    assert outcome.exit_code == 0, outcome.output
    assert page.stat().st_size <= 8e6
    study_block = blocks(page)["study"]
    assert any("for the page's size limit" in note or "pixels are shown" in note for note in study_block["notes"])
    assert all(cohort["shown"] for cohort in study_block["cohorts"])


def test_a_missing_prediction_or_one_on_another_grid_is_named_and_no_page_is_left(tmp_path):
    study = experiment(cohorts=("knee",), titles=(), methods=METHOD, draws=1)
    make(tmp_path, study, subjects=("ann",), shape=(16, 16, 3))
    prediction = tmp_path / "knee/finetuned/only/n1/draw1/predictions/ann.nii.gz"
    save(prediction, np.zeros((16, 15, 3), np.uint8))
    outcome, page = page_of(tmp_path, study)
    assert "knee/finetuned/only/n1/draw1/predictions/ann.nii.gz" in str(outcome.exception) and not page.exists()
    prediction.unlink()
    outcome, page = page_of(tmp_path, study)
    assert "ann.nii.gz: no such file" in str(outcome.exception) and not page.exists()


def test_own_volumes_are_read_where_they_lie_and_their_place_is_not_told(tmp_path):
    folder = tmp_path / "somebody" / "private"
    cohort = {"source": {"kind": "nifti", "folder": str(folder)}, "grid": {"matrix": [24, 24]}, "test": 1}
    study = experiment(methods=METHOD, draws=1).model_validate(
        {"study": "own", "cohorts": {"knee": cohort}, "methods": METHOD, "labels": [1], "draws": 1}
    )
    results = make(tmp_path / "results", study, subjects=("ann", "bob"), shape=(24, 20, 3))
    shutil.move(results / "knee/native/images", folder / "images")
    shutil.copytree(results / "knee/native/labels", folder / "labels")
    outcome, page = page_of(results, study)
    assert outcome.exit_code == 0, outcome.output
    assert "somebody" not in page.read_text()
    assert blocks(page)["study"]["cohorts"][0]["shown"] == ["ann", "bob"]
    (folder / "images" / "ann.nii.gz").unlink()
    outcome, _ = page_of(results, study)
    assert "ann" in str(outcome.exception)
