"""A finetuning evaluates too, and `fewlabel evaluate` takes that over: for real, as processes."""

import json
import shutil
import signal
import time

import pandas as pd
import pytest

from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.training import evaluate_settings
from fewlabel.data.store.slice_store import pack
from fewlabel.data.subjects.subject import Subject
from helpers.forked import Command
from helpers.trainings import EXPERIMENT, command, read, run

SHORT = EXPERIMENT.model_copy(update={"finetuning": EXPERIMENT.finetuning.model_copy(update={"steps": 3})})
ROLES = {"a": "pool", "b": "pool", "c": "test", "d": "test"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store, roles and native masks."""
    folder = tmp_path_factory.mktemp("inputs")
    subjects = [Subject(name, name, True) for name in ROLES]
    pack(subjects, read, Grid(matrix=(32, 32), spacing_mm=1), folder / "slices", folder / "native")
    table = pd.DataFrame({"subject": list(ROLES), "patient": list(ROLES), "labelled": 1, "role": list(ROLES.values())})
    table.to_csv(folder / "roles.csv", index=False)
    table[:2].assign(rank=[1, 2]).to_csv(folder / "draw.csv", index=False)
    return folder


@pytest.fixture
def inputs(made, tmp_path):
    return shutil.copytree(made, tmp_path / "inputs")


def settings(**changes):
    return canonical(evaluate_settings(SHORT, "c", "scratch", 1).model_copy(update=changes))


def truth(inputs):
    return ["--roles", inputs / "roles.csv", "--truth", inputs / "native/labels"]


def finetune(inputs, out, *extra):
    return [*command(inputs, out, "scratch", *extra, experiment=SHORT)]


def ahead(inputs, **changes):
    return ["--evaluation", settings(**changes), *truth(inputs)]


def evaluate(inputs, out, *extra, **changes):
    store, weights = inputs / "slices/store.json", out / "weights.safetensors"
    outputs = ["--scores", out / "scores.csv", "--predictions", out / "predictions"]
    return [
        *("evaluate", "--settings", settings(**changes), "--store", store, "--weights", weights),
        *(*truth(inputs), *outputs, *extra),
    ]


def succeeds(arguments):
    process = run(arguments)
    assert process.returncode == 0, process.stderr
    return process.stderr


def results(out):
    files = [out / "scores.csv", *(out / "predictions").iterdir()]
    return {path.name: path.read_bytes() for path in files}


def taken_over(text):
    return "already evaluated when the training ended" in text


def test_the_result_is_that_of_a_separate_evaluation_and_nothing_is_left(inputs, tmp_path):
    both, apart = tmp_path / "both", tmp_path / "apart"
    succeeds(finetune(inputs, both, *ahead(inputs)))
    assert (both / "training.evaluated").is_dir()
    assert taken_over(succeeds(evaluate(inputs, both)))
    succeeds(finetune(inputs, apart))
    assert not taken_over(succeeds(evaluate(inputs, apart)))
    assert results(both) == results(apart)
    assert sorted(results(both)) == ["c.nii.gz", "d.nii.gz", "evaluation.json", "scores.csv"]
    assert sorted(path.name for path in both.iterdir()) == sorted(path.name for path in apart.iterdir())
    assert (both / "scores.csv").stat().st_mtime_ns > (both / "weights.safetensors").stat().st_mtime_ns


def changed_truth(inputs, out):
    shutil.copy(inputs / "native/labels/a.nii.gz", inputs / "native/labels/d.nii.gz")


def changed_roles(inputs, out):
    text = (inputs / "roles.csv").read_text()
    (inputs / "roles.csv").write_text(text.replace("d,d,1,test", "d,d,1,unused"))


def damaged_mask(inputs, out):
    (out / "training.evaluated/predictions/c.nii.gz").write_bytes(b"half")


def lost_identity(inputs, out):
    (out / "training.evaluated/identity.json").unlink()


@pytest.mark.parametrize("change", [changed_truth, changed_roles, damaged_mask, lost_identity])
def test_one_that_is_not_this_evaluation_or_is_damaged_is_not_taken_over(inputs, tmp_path, change):
    out, apart = tmp_path / "out", tmp_path / "apart"
    succeeds(finetune(inputs, out, *ahead(inputs)))
    for name in ("SHA256SUMS", ".SHA256SUMS.json"):
        (inputs / "native" / name).unlink(missing_ok=True)
    change(inputs, out)
    assert not taken_over(succeeds(evaluate(inputs, out)))
    assert not (out / "training.evaluated").exists()
    shutil.copytree(out, apart, ignore=shutil.ignore_patterns("scores.csv", "predictions"))
    succeeds(evaluate(inputs, apart))
    assert results(out) == results(apart)


@pytest.mark.parametrize("changes", [{"precision": "f32"}, {"draw": 2}])
def test_other_settings_evaluate_again(inputs, tmp_path, changes):
    succeeds(finetune(inputs, tmp_path, *ahead(inputs)))
    assert not taken_over(succeeds(evaluate(inputs, tmp_path, **changes)))
    assert not (tmp_path / "training.evaluated").exists()


def test_a_stale_one_is_replaced_by_the_next_finetuning(inputs, tmp_path):
    succeeds(finetune(inputs, tmp_path, *ahead(inputs, precision="f32")))
    assert "not trained again" in succeeds(finetune(inputs, tmp_path, *ahead(inputs)))
    assert taken_over(succeeds(evaluate(inputs, tmp_path)))


def test_an_evaluation_that_fails_fails_no_training_and_evaluate_says_why(inputs, tmp_path):
    (inputs / "native/labels/d.nii.gz").unlink()
    text = succeeds(finetune(inputs, tmp_path, *ahead(inputs)))
    assert "not evaluated here: left to `fewlabel evaluate`" in text and "Traceback" not in text
    assert (tmp_path / "weights.safetensors").exists() and not (tmp_path / "training.evaluated").exists()
    process = run(evaluate(inputs, tmp_path))
    assert process.returncode == 1 and "d.nii.gz" in process.stderr


def test_a_kill_while_it_evaluates_costs_no_training_and_leaves_the_evaluation_to_evaluate(inputs, tmp_path):
    out = tmp_path / "out"
    process = Command(finetune(inputs, out, *ahead(inputs)))
    while process.poll() is None and not list(out.glob(".*.partial.training.evaluated/.*/*.nii.gz")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.finish()
    assert not (out / "training.evaluated").exists() and list(out.glob(".*.partial.training.evaluated"))
    text = succeeds(finetune(inputs, out, *ahead(inputs)))
    assert "not trained again" in text and "killed while it evaluated" in text
    assert not taken_over(succeeds(evaluate(inputs, out)))
    assert not [path.name for path in out.iterdir() if "partial" in path.name or "evaluated" in path.name]


def test_the_identity_names_everything_that_the_scores_depend_on(inputs, tmp_path):
    succeeds(finetune(inputs, tmp_path, *ahead(inputs)))
    identity = json.loads((tmp_path / "training.evaluated/identity.json").read_text())
    assert identity.keys() == {"settings", "device", "threads", "libraries", "inputs", "truth"}
    assert identity["inputs"].keys() == {"weights.safetensors", "slices/store.json", "splits/roles.csv"}
    assert identity["truth"].keys() == {"c", "d"}


def test_options_that_need_each_other_are_refused_alone(inputs, tmp_path):
    process = run(finetune(inputs, tmp_path, "--evaluation", settings()))
    assert process.returncode == 1 and "--roles, --truth: only some are given" in process.stderr
