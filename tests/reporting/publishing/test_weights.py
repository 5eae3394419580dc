"""Weights that are published with a study, and their model cards: what they say is what the study's tables say."""

import hashlib
import json
import re

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.publishing.model_card import chosen_run, model_card
from fewlabel.reporting.publishing.publish import publish
from fewlabel.reporting.results.folder import read_experiment, read_results
from fewlabel.reporting.statistics.summary import summarise
from fewlabel.training.weights import read_weights
from fewlabel.utils.errors import InputError
from helpers.made_weights import FOLDERS, ONE, TWO, add_weights


@pytest.fixture
def results(study, tmp_path):
    return add_weights(study(tmp_path / "results" / "mine"))


@pytest.fixture
def to(tmp_path):
    return tmp_path / "results" / "published" / "mine"


def card_of(folder, asked=ONE):
    results = read_results(folder)
    return model_card(results, chosen_run(results, asked))


# ------------------------------------------------------------------------------------------------------- publishing
def test_no_weights_are_published_unless_asked_for(results, to):
    assert not publish(results, to).weights
    assert not list(to.rglob("*.safetensors")) and "no volumes, masks or weights." in (to / "README.md").read_text()


def test_chosen_weights_are_published_to_the_byte_with_card_and_sums(results, to):
    done = publish(results, to, weights=[ONE, TWO, ONE])
    assert done.weights == {
        f"{run}/weights.safetensors": (results / run / "weights.safetensors").stat().st_size for run in FOLDERS.values()
    }
    sums = dict(line.split("  ")[::-1] for line in (to / "SHA256SUMS").read_text().splitlines())
    for asked, run in FOLDERS.items():
        assert (to / run / "weights.safetensors").read_bytes() == (results / run / "weights.safetensors").read_bytes()
        assert (to / run / "MODEL_CARD.md").read_text() == card_of(results, asked) == card_of(to, asked)
        for name in ("weights.safetensors", "MODEL_CARD.md"):
            assert sums[f"{run}/{name}"] == hashlib.sha256((to / run / name).read_bytes()).hexdigest()
        assert run in (to / "README.md").read_text()
    assert read_results(to).runs == read_results(results).runs


def test_with_codes_the_ids_in_weights_are_replaced_and_nothing_else(results, to):
    publish(results, to, anonymise=True, weights=[ONE])
    name = f"{FOLDERS[ONE]}/weights.safetensors"
    (ours, facts), (theirs, coded) = read_weights(results / name), read_weights(to / name)
    assert all((ours[key] == theirs[key]).all() for key in ours) and ours.keys() == theirs.keys()
    # Sorted: 007, NA, ann, bob, eve, max, zoe.
    assert coded == {**facts, "subjects": ["s003", "s004"]}
    assert not re.search(rb"\b(ann|bob|zoe)\b", (to / name).read_bytes().split(b"__metadata__")[1][:4000])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": ["knee/scratch/3/1"]}, r"'knee/scratch/3/1': no such finetuning.*cohort/method/N/draw.*N: 1, 2;"),
        ({"weights": ["../../x"]}, r"no such finetuning"),
        ({"weights": ["knee/scratch/2/1"]}, "weights are missing"),
        ({"weights": [ONE, TWO], "largest_mb": 0.001}, r"(?s)accepted: 0.001 MB.*--largest-mb.*regression/n2"),
    ],
)
def test_weights_that_cannot_be_published_stop_all_of_it(results, to, options, message):
    with pytest.raises(InputError, match=message):
        publish(results, to, **options)
    assert not to.exists()


def test_weights_that_hold_a_place_are_refused(results, to):
    add_weights(results, note="from /home/ann/volumes")
    with pytest.raises(InputError, match="contains a path"):
        publish(results, to, weights=[ONE])
    assert not to.exists()


def test_the_published_network_segments_as_its_original_does(results, to, tmp_path):
    said = CliRunner().invoke(app, ["publish", str(results), "--to", str(to), "--weights", ONE])
    assert said.exit_code == 0 and f"{FOLDERS[ONE]}/weights.safetensors: " in said.output
    moved = (to / FOLDERS[ONE] / "weights.safetensors").rename(tmp_path / "taken_home.safetensors")
    image = np.random.default_rng(0).random((20, 18, 3), dtype=np.float32)
    nibabel.save(nibabel.Nifti1Image(image, np.diag([3.0, 3, 5, 1])), tmp_path / "image.nii.gz")
    masks = []
    for name, weights in (("a", moved), ("b", results / FOLDERS[ONE] / "weights.safetensors")):
        mask = tmp_path / f"{name}.nii.gz"
        done = CliRunner().invoke(app, ["predict", str(weights), str(tmp_path / "image.nii.gz"), "-o", str(mask)])
        assert done.exit_code == 0, done.output
        masks.append(np.asarray(nibabel.load(mask).dataobj))
    assert masks[0].shape == image.shape and (masks[0] == masks[1]).all()


# ------------------------------------------------------------------------------------------------------------- cards
def test_scores_are_those_of_the_network_and_of_all_draws_with_their_intervals(results):
    scores = read_results(results).scores
    alike = scores[(scores["method"] == "regression") & (scores["n"] == 2)]
    own = alike[alike["draw"] == 1]
    text = card_of(results)
    for name, rows, networks in (("this network", own, 1), ("all draws of this method at N = 2", alike, 2)):
        found = summarise(rows, Intervals())
        assert (
            f"| {name} | {networks} | 4 | {rows['dice'].mean():.3f} | {found.low:.3f} to {found.high:.3f} "
            f"| {rows['dice'].min():.3f} | 3.5 |"
        ) in text


def test_it_tells_data_recipe_and_limits_but_no_subject(study, tmp_path):
    change = {
        "cohorts": {"knee": {"source": {"kind": "nifti", "folder": "/home/ann/knees"}, "grid": {"matrix": [64, 48]},
                             "test": 4, "licence": "CC0", "citation": "Smith et al. <b>2026</b> | part"}},
        "finetuning": {"steps": 77, "learning_rate": 0.003},
    }  # fmt: skip
    facts = {"software": {"fewlabel": "9.9", "python": "3.12.1", "packages": {"torch": "2.0"}}, "time": {"seconds": 61}}
    text = card_of(study(tmp_path / "mine", facts=facts, **change))
    assert "| licence of the volumes | CC0 |" in text and "\\<b>2026" in text and "\\| part" in text
    assert "| subjects of the study | 3 pool, 4 test |" in text
    assert "pretrained without labels (regression)" in text and "pretraining, training" in text
    assert "77 steps" in text and "learning rate 0.003" in text and "64 x 48 (rows x columns)" in text
    assert "fewlabel 9.9, Python 3.12.1, torch 2.0" in text and "| finetuning took | 61 s |" in text
    assert "not for clinical use" in text and "Tested only on 4 subjects of the same cohort" in text
    assert "/home" not in text and not {"ann", "bob", "zoe", "eve"} & set(re.findall(r"\w+", text))


def test_what_is_not_stated_or_made_by_code_is_a_limit(study, tmp_path):
    assert "The licence of the volumes is not stated" in card_of(study(tmp_path / "mine"))
    source = {"kind": "phantom", "anatomy": "abdomen", "labelled": 7}
    text = card_of(study(tmp_path / "made", cohorts={"knee": {"source": source, "test": 4}}), TWO)
    assert "synthetic volumes" in text and "licence of the volumes is not stated" not in text
    assert (
        "| start | at random |" in text and "pretraining" not in text.partition("## How")[2].partition("## Scores")[0]
    )


def test_a_network_of_a_test_fold_is_scored_on_that_fold(results):
    path = results / "scores.csv"
    scores = read_results(results).scores
    fold = scores["subject"].map({"zoe": 1, "NA": 1, "eve": 2, "max": 2})
    scores.assign(fold=fold).to_csv(path, index=False)
    experiment = read_experiment(results)
    plain = experiment.model_dump(mode="json")
    plain["cohorts"]["knee"] = {**{k: v for k, v in plain["cohorts"]["knee"].items() if k != "test"}, "folds": 2}
    (results / "experiment.yaml").write_text(json.dumps(plain))
    for part in ("knee-fold1", "knee-fold2"):
        for run in FOLDERS.values():
            place = results / run.replace("knee", part)
            place.mkdir(parents=True)
            (place / "run.json").write_text(json.dumps({"subjects": ["ann"]}))
    text = card_of(results, ONE.replace("knee", "knee-fold2"))
    alike = scores[(scores["method"] == "regression") & (scores["n"] == 2)]
    own = alike[(alike["draw"] == 1) & (fold[alike.index] == 2)]["dice"]
    assert f"| this network | 1 | 2 | {own.mean():.3f} |" in text and "| test fold | 2 of 2 |" in text
    assert f"at N = 2 | 4 | 4 | {alike['dice'].mean():.3f} |" in text


def test_a_card_of_any_run_is_printed_or_written(results, tmp_path):
    printed = CliRunner().invoke(app, ["model-card", str(results), TWO])
    assert printed.exit_code == 0 and printed.output == card_of(results, TWO)
    assert CliRunner().invoke(app, ["model-card", str(results), TWO, "-o", str(tmp_path / "card.md")]).exit_code == 0
    assert (tmp_path / "card.md").read_text() == printed.output
