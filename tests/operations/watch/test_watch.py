"""What `fewlabel watch` says of studies: from files that tests make, and of trainings that really run."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.training import finetune_settings
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.store.slice_store import pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.operations.watch.studies import studies, study_status
from fewlabel.operations.watch.text import plain, summary
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import duration

NOW = 1_800_000_000.0
HEAD = "time,stage,step,steps,loss,learning_rate\n"


def training(study, run, rows=(), held=True, age=0.0, complete=False):
    """A training's folder: rows are (seconds before the last news, step), the last news `age` seconds old."""
    folder = study / run
    folder.mkdir(parents=True)
    if held:
        (folder / "training.holder").write_text("process 1")
        os.utime(folder / "training.holder", (NOW - 1e4, NOW - 1e4))
    if rows:
        lines = [f"{NOW - age - before},finetune,{step},400,0.5,0.001\n" for before, step in rows]
        (folder / "training.live.csv").write_text(HEAD + "".join(lines))
        os.utime(folder / "training.live.csv", (NOW - age, NOW - age))
    if complete:
        for name in ("run.json", "scores.csv"):
            (folder / name).write_text("{}")
    return folder


def test_speed_and_time_left_are_those_of_the_last_minute(tmp_path):
    rows = [(3000, 0), (100, 20), (50, 100), (25, 150), (0, 200)]
    training(tmp_path / "s", "liver/finetuned/scratch/n2/draw1", rows, age=3)
    (found,) = study_status(tmp_path / "s", NOW).trainings
    assert found.names == ("liver", "scratch", "2", "1")
    assert found.condition == "running"
    assert found.speed == pytest.approx(2.0) and found.seconds_left == pytest.approx(100)
    assert found.silence == pytest.approx(3) and (found.row.step, found.row.loss) == (200, 0.5)


@pytest.mark.parametrize(
    ("held", "age", "condition"),
    [
        (True, 2, "running"),
        (True, 59, "running"),
        (True, 61, "silent"),
        (False, 2, "interrupted"),
        (True, -30, "running"),
    ],
)
def test_who_is_not_heard_of_for_long_is_said_to_be_silent(tmp_path, held, age, condition):
    training(tmp_path, "c/finetuned/m/n1/draw1", [(10, 0), (5, 10), (0, 20)], held=held, age=age)
    assert [found.condition for found in study_status(tmp_path, NOW).trainings] == [condition]


def test_a_training_of_slow_steps_has_more_time_until_it_is_silent(tmp_path):
    training(tmp_path, "c/finetuned/m/n1/draw1", [(200, 0), (100, 1), (0, 2)], age=350)
    training(tmp_path, "c/finetuned/m/n1/draw2", [(200, 0), (100, 1), (0, 2)], age=450)
    assert [found.condition for found in study_status(tmp_path, NOW).trainings] == ["running", "silent"]


def test_a_training_that_took_over_from_a_killed_one_is_starting(tmp_path):
    folder = training(tmp_path, "c/finetuned/m/n1/draw1", [(5, 0), (0, 20)], age=5000)
    os.utime(folder / "training.holder", (NOW - 8, NOW - 8))
    (found,) = study_status(tmp_path, NOW).trainings
    assert (found.condition, found.row, found.silence) == ("starting", None, pytest.approx(8))
    assert study_status(tmp_path, NOW + 700).trainings[0].condition == "silent"


def test_finished_trainings_are_counted_and_not_listed(tmp_path):
    training(tmp_path, "c/finetuned/m/n1/draw1", held=False, complete=True)
    training(tmp_path, "c/finetuned/m/n1/draw2", [(0, 5)])
    (tmp_path / "c/pretrained/m").mkdir(parents=True)
    (tmp_path / "c/pretrained/m/run.json").write_text("{}")
    found = study_status(tmp_path, NOW)
    assert (found.trained, found.to_train, found.scored, len(found.trainings)) == (2, None, 1, 1)
    assert "2 trainings finished, 1 scored, 1 running" in summary(found)


def test_a_table_that_a_complete_training_left_behind_is_nothing_to_tell(tmp_path):
    training(tmp_path, "c/finetuned/m/n1/draw1", [(0, 5)], held=False, age=100, complete=True)
    assert study_status(tmp_path, NOW).trainings == []


def test_names_that_would_command_a_terminal_are_shown_and_obeyed_by_nobody(tmp_path):
    name = "[red]x\x1b[2J\n<b>'$(touch pwned)"
    training(tmp_path / name, f"{name}/finetuned/{name}/n1/draw1", [(0, 5)])
    text = plain([study_status(study, NOW) for study in studies(tmp_path)])
    assert "\x1b" not in text and "[red]x" in text and "$(touch pwned)" in text
    listed = CliRunner().invoke(app, ["watch", str(tmp_path), "--once"])
    assert listed.exit_code == 0 and "\x1b" not in listed.output


def test_an_experiment_file_that_cannot_be_read_is_named_and_the_rest_is_shown(tmp_path):
    training(tmp_path, "c/finetuned/m/n1/draw1", [(0, 5)])
    (tmp_path / "experiment.yaml").write_text("cohorts: {c: 1")
    found = study_status(tmp_path, NOW)
    assert found.to_train is None and "experiment.yaml" in plain([found]) and "1 running" in plain([found])


def test_two_studies_and_what_is_none(tmp_path):
    for name in ("one", "two"):
        training(tmp_path / name, "c/finetuned/m/n1/draw1", [(0, 5)])
    (tmp_path / "published/one/tables").mkdir(parents=True)
    (tmp_path / "calibration.json").write_text("[]")
    assert [study.name for study in studies(tmp_path)] == ["one", "two"]
    assert studies(tmp_path / "two") == [tmp_path / "two"]
    output = CliRunner().invoke(app, ["watch", str(tmp_path)]).output  # no terminal: one listing
    assert output.count("trainings finished") == 2 and output.index("one:") < output.index("two:")


def test_a_missing_folder_is_an_error_and_an_empty_one_is_not(tmp_path):
    outcome = CliRunner().invoke(app, ["watch", str(tmp_path / "nothing")])
    assert isinstance(outcome.exception, InputError) and "nothing: no such folder; accepted:" in str(outcome.exception)
    empty = CliRunner().invoke(app, ["watch", str(tmp_path)])
    assert empty.exit_code == 0 and "no training has started here" in empty.output


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (5400, "1 h 30 min"), (90_000, "1 d 1 h")],
)
def test_durations_are_told_in_two_units(seconds, text):
    assert duration(seconds) == text


# ------------------------------------------------------------------------------------------------ a study that runs
LONG = Experiment.model_validate(
    {
        "study": "tiny",
        "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}},
        "methods": {"scratch": {"pretext": "none"}},
        "labels": [2],
        "draws": 1,
        "network": {"widths": [4, 8]},
        "finetuning": {"steps": 1_000_000, "batch": 2},
    }
)
FEWLABEL = [sys.executable, "-c", "from fewlabel.cli.main import main; main()"]


def read(subject):
    image = np.random.default_rng(ord(subject.subject)).random((16, 16, 4)).astype(np.float32)
    return Volume(image, np.diag([1.0, 1.0, 3.0, 1.0]), (image > 0.7).astype(np.uint8))


@pytest.fixture
def running(tmp_path):
    """A study in which one training runs; the process, and the folder of studies."""
    study = tmp_path / "results/tiny"
    folder = study / "c/finetuned/scratch/n2/draw1"
    subjects = [Subject(name, name, True) for name in "ab"]
    pack(subjects, read, Grid(matrix=(16, 16), spacing_mm=1), study / "c/slices", study / "c/native")
    (study / "c/draw1.csv").write_text("rank,subject,patient\n1,a,a\n2,b,b\n")
    (study / "experiment.yaml").write_text(yaml.safe_dump(LONG.model_dump(mode="json")))
    settings = canonical(finetune_settings(LONG, "c", "scratch", 2, 1))
    call = [*FEWLABEL, "finetune", "--settings", settings, "--store", study / "c/slices/store.json"]
    call += ["--order", study / "c/draw1.csv", "--state", folder / "training.state", "--device", "cpu"]
    for option, name in (("weights", "weights.safetensors"), ("history", "history.csv"), ("run", "run.json")):
        call += [f"--{option}", folder / name]
    process = subprocess.Popen([str(part) for part in call], stderr=subprocess.DEVNULL)
    yield process, tmp_path / "results"
    process.kill()
    process.wait()


def watched(folder, pattern, process):
    """What another process says of the studies, once it says this."""
    until = time.monotonic() + 600
    while True:
        text = subprocess.run([*FEWLABEL, "watch", folder], capture_output=True, text=True, check=True).stdout
        if re.search(pattern, text):
            return text
        assert time.monotonic() < until and process.poll() is None, text
        time.sleep(0.2)


def test_a_training_is_watched_from_another_process_until_it_is_killed(running):
    process, results = running
    text = watched(results, r"c +scratch +2 +1 +finetune +\d+/1000000 +\d\.\d+ +[\d.e+]+ .* ago", process)
    assert "tiny: 0 of 1 trainings finished, 0 of 1 scored, 1 running" in text
    process.kill()
    process.wait()
    # A killed process ends nothing in good order; only its silence tells.
    long_ago = time.time() - 120
    for name in ("training.live.csv", "training.holder"):
        os.utime(next(results.rglob(name)), (long_ago, long_ago))
    (found,) = study_status(results / "tiny").trainings
    assert (found.condition, found.seconds_left) == ("silent", None) and found.row.step > 0
    assert "no news for 2 min" in plain([study_status(results / "tiny")])


def test_a_training_that_ends_in_good_order_is_interrupted_at_once(running):
    process, results = running
    watched(results, "1 running", process)
    process.terminate()
    assert process.wait(timeout=300) == 128 + signal.SIGTERM
    assert [found.condition for found in study_status(results / "tiny").trainings] == ["interrupted"]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_on_a_terminal_it_goes_on_until_ctrl_c(tmp_path):
    training(tmp_path, "c/finetuned/m/n1/draw1", [(0, 5)])
    main, side = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "150", "LINES": "30"}
    process = subprocess.Popen(
        [*FEWLABEL, "watch", str(tmp_path), "--every", "0.2"],
        stdout=side,
        stderr=side,
        env=environment,
        # Tests that run in a shell's background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(side)
    shown = b""
    while shown.count(b"trainings finished") < 3:  # drawn again and again
        shown += os.read(main, 65536)
    process.send_signal(signal.SIGINT)
    try:
        while data := os.read(main, 65536):
            shown += data
    except OSError:  # the terminal ends with its process
        pass
    assert process.wait(timeout=300) == 0 and b"Traceback" not in shown
