"""A workflow that is killed, or whose jobs fail, loses nothing and says what to do."""

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

TRAININGS = ("pretrain", "finetune")

# Trainings long enough to be killed in the middle, and few of them.
SLOW = {
    "cohorts": {"prostate_phantom": None},
    "methods": {
        "contrastive": None,
        "supervised": None,
        "regression": {"training": {"steps": 200, "batch": 8}},
    },
    "labels": [1],
    "draws": 2,
    "finetuning": {"steps": 200, "batch": 8},
    "checkpoint_every": 0.2,
}


def facts(study):
    """The facts of every training, by folder."""
    # `glob` fails on folders that vanish while it looks; jobs write such ones.
    folders = [Path(folder) for folder, _, files in os.walk(study.results) if "run.json" in files]
    found = [folder / "run.json" for folder in folders if folder.name != "training.finished"]
    return {path.parent: json.loads(path.read_text()) for path in found}


def hashes(study):
    return {folder: fact["outputs"]["weights.safetensors"] for folder, fact in facts(study).items()}


def wait_for(condition, process, seconds=600):
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < until, "it ended, or did not get there, in time"
        time.sleep(0.02)


def end_children(process):
    """Everything that the killed process left running ends too: a machine that lost its power."""
    for each in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(each) == process.pid:
                os.kill(each, signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, study_in):
    study = study_in(tmp_path_factory.mktemp("undisturbed"))
    process = study.run(change=SLOW)
    assert process.returncode == 0, process.stdout + process.stderr
    return study


one_process = pytest.mark.xdist_group("undisturbed")  # which runs that study once


@pytest.mark.torture
@one_process
@pytest.mark.parametrize("children", ["survive", "die"])
def test_after_kill_9_the_same_command_finishes_and_trains_nothing_twice(fresh, undisturbed, children):
    # What is drawn beside it loses as little; every study of these tests would take a minute longer with it.
    command = ("--", "results/tiny/figures/figure3_label_curves.png")
    process = fresh.start(*command, change=SLOW)
    # Some trainings are complete, and others are in the middle.
    wait_for(lambda: len(facts(fresh)) >= 1, process)
    wait_for(lambda: any(fresh.results.glob("*/*/**/training.state")), process)
    process.kill()
    process.wait()
    if children == "die":
        end_children(process)
    complete = facts(fresh)
    again = fresh.run(*command, change=SLOW)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (fresh.results / "figures/figure3_label_curves.png").exists()
    after = facts(fresh)
    # Equal to the last digit of its times: it is the very same training.
    assert all(after[folder] == fact for folder, fact in complete.items())
    expected = {folder.relative_to(undisturbed.results): value for folder, value in hashes(undisturbed).items()}
    assert {folder.relative_to(fresh.results): value for folder, value in hashes(fresh).items()} == expected
    assert (fresh.results / "scores.csv").read_bytes() == (undisturbed.results / "scores.csv").read_bytes()
    assert not [path for path in fresh.results.rglob("*") if "training." in path.name or ".partial." in path.name]
    assert not list(fresh.results.glob(".running*"))


def test_a_second_run_of_a_study_is_refused_while_the_first_goes_on(fresh):
    slow = {**SLOW, "draws": 8}
    first = fresh.start(change=slow)
    wait_for((fresh.results / ".running.holder").exists, first)
    second = fresh.run(change=slow)
    assert second.returncode == 1
    text = second.stdout + second.stderr
    assert f"results/tiny: process {first.pid} works on this study already; wait for it or end it" in text
    assert "Traceback" not in text
    assert "Nothing to be done" not in fresh.run("--dry-run", change=slow).stdout  # looking is allowed
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=600) != 0


@one_process
def test_a_failing_run_does_not_stop_the_rest_and_the_end_says_what_failed_why_and_how_to_go_on(fresh, undisturbed):
    shutil.copytree(undisturbed.folder, fresh.folder, dirs_exist_ok=True)
    truth = fresh.results / "liver_phantom/native/labels"
    tested = sorted(path.name for path in truth.parent.parent.glob("finetuned/scratch/n1/draw1/predictions/*.nii.gz"))
    for name in tested[:2]:
        (truth / name).write_bytes(b"not a volume")
    # A new draw: its runs cannot be scored, all others are finished.
    process = fresh.run(change={**SLOW, "draws": 3})
    text = process.stdout + process.stderr
    assert process.returncode == 1 and "Traceback" not in text
    for method in ("scratch", "regression"):
        assert (fresh.results / f"liver_phantom/finetuned/{method}/n1/draw3/weights.safetensors").exists()
    final = text[text.index("2 jobs failed, ") :]
    assert "evaluate {'cohort': 'liver_phantom', 'method': 'scratch', 'n': '1', 'draw': '3'}" in final
    assert "last lines of results/tiny/logs/liver_phantom/evaluate_scratch_n1_draw3.log" in final
    assert "| fewlabel: 2 of 3 test subjects cannot be scored:" in final
    assert all(f"native/labels/{name}: the file was changed after it was made" in final for name in tested[:2])
    assert "give the same command again" in final
    # What was there before is whole, and nothing was drawn of a part.
    assert (fresh.results / "scores.csv").read_bytes() == (undisturbed.results / "scores.csv").read_bytes()
    figure = "figures/figure3_label_curves.png"
    assert (fresh.results / figure).read_bytes() == (undisturbed.results / figure).read_bytes()


@one_process
def test_results_copied_without_snakemakes_records_are_finished(fresh, undisturbed):
    shutil.copytree(undisturbed.folder / "results", fresh.folder / "results")  # with their dates, as `cp -a` does
    assert fresh.planned(change=SLOW)[0] == {}


@one_process
def test_results_copied_without_records_and_dates_are_finished_after_touch(fresh, undisturbed):
    shutil.copytree(undisturbed.folder / "results", fresh.folder / "results")
    long_ago = time.time() - 1e6
    for index, path in enumerate(sorted(fresh.folder.rglob("*"), reverse=True)):
        os.utime(path, (long_ago + index, long_ago + index))
    assert fresh.planned(change=SLOW)[0] != {}
    assert fresh.run("--touch", change=SLOW).returncode == 0
    assert fresh.planned(change=SLOW)[0] == {}
    assert hashes(fresh).keys() == {fresh.results / f.relative_to(undisturbed.results) for f in hashes(undisturbed)}
