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

from helpers.studies import Study

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


# What is drawn beside it loses as little; every study of these tests would take a minute longer with it.
PICTURE = ("--", "results/tiny/figures/figure3_label_curves.png")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("undisturbed"))
    process = study.run(*PICTURE, change=SLOW)
    assert process.returncode == 0, process.stdout + process.stderr
    return study


@pytest.mark.torture
@pytest.mark.xdist_group("undisturbed")  # one process runs that study once
@pytest.mark.parametrize("children", ["survive", "die"])
def test_after_kill_9_the_same_command_finishes_and_trains_nothing_twice(fresh, undisturbed, children):
    process = fresh.start(*PICTURE, change=SLOW)
    # Some trainings are complete, and others are in the middle.
    wait_for(lambda: len(facts(fresh)) >= 1, process)
    wait_for(lambda: any(fresh.results.glob("*/*/**/training.state")), process)
    process.kill()
    process.wait()
    if children == "die":
        end_children(process)
    complete = facts(fresh)
    again = fresh.run(*PICTURE, change=SLOW)
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


def test_a_failing_run_does_not_stop_the_rest_and_the_end_says_what_failed_why_and_how_to_go_on(finished, tmp_path):
    study = finished.copy_to(tmp_path)
    truth = study.results / "liver_phantom/native/labels"
    tested = sorted(path.name for path in truth.parent.parent.glob("finetuned/scratch/n1/draw1/predictions/*.nii.gz"))
    for name in tested[:2]:
        (truth / name).write_bytes(b"not a volume")
    # A new method: its runs on one cohort cannot be scored, all others are finished.
    process = study.run("--retries", "0", change={"methods": {"more": {"pretext": "none", "labels": [1]}}})
    text = process.stdout + process.stderr
    assert process.returncode == 1 and "Traceback" not in text
    for draw in (1, 2):
        run = f"finetuned/more/n1/draw{draw}"
        assert (study.results / f"liver_phantom/{run}/weights.safetensors").exists()
        assert (study.results / f"prostate_phantom/{run}/scores.csv").exists()
    final = text[text.index("2 jobs failed, ") :]
    assert "evaluate {'cohort': 'liver_phantom', 'method': 'more', 'n': '1', 'draw': '1'}" in final
    assert "last lines of results/tiny/logs/liver_phantom/evaluate_more_n1_draw1.log" in final
    assert "| fewlabel: 2 of 3 test subjects cannot be scored:" in final
    assert all(f"native/labels/{name}: the file was changed after it was made" in final for name in tested[:2])
    assert "give the same command again" in final
    # What was there before is whole, and nothing was drawn of a part.
    for name in ("scores.csv", "figures/figure3_label_curves.png"):
        assert (study.results / name).read_bytes() == (finished.results / name).read_bytes()


@pytest.mark.torture
@pytest.mark.xdist_group("undisturbed")  # a study whose dates no other test changes
def test_results_copied_without_snakemakes_records_are_finished(fresh, undisturbed):
    shutil.copytree(undisturbed.folder / "results", fresh.folder / "results")  # with their dates, as `cp -a` does
    jobs, text = fresh.planned(*PICTURE, change=SLOW)
    assert jobs == {}, text


def test_results_copied_without_records_and_dates_are_finished_after_touch(fresh, finished):
    shutil.copytree(finished.folder / "results", fresh.folder / "results")
    long_ago = time.time() - 1e6
    for index, path in enumerate(sorted(fresh.folder.rglob("*"), reverse=True)):
        os.utime(path, (long_ago + index, long_ago + index))
    assert fresh.planned()[0] != {}
    assert fresh.run("--touch").returncode == 0
    assert fresh.planned()[0] == {}
    assert hashes(fresh).keys() == {fresh.results / f.relative_to(finished.results) for f in hashes(finished)}
