"""What interrupted work left over: found, told, removed when asked, and never taken from under a process."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.operations.hooks import stale_files
from fewlabel.utils.atomic_files import host_id
from fewlabel.utils.errors import InputError

DEAD = 2**22 + 1  # above the largest number of a process


@pytest.fixture
def results(tmp_path):
    """A folder of results with one leftover of each kind, and results beside them."""
    run = tmp_path / "demo/liver/finetuned/scratch/n1/draw1"
    (run / "training.finished").mkdir(parents=True)
    (run / "training.evaluated").mkdir()
    (run / "predictions").mkdir()
    for name, size in {
        "weights.safetensors": 10,
        "training.state": 1000,
        "training.refused": 500,
        "training.live.csv": 60,
        "training.lock": 0,
        "training.holder": 9,
        "training.finished/weights.safetensors": 10,
        "training.evaluated/scores.csv": 20,
        f".{DEAD}.partial.scores.csv": 70,
        "predictions/s1.nii.gz": 5,
    }.items():
        (run / name).write_bytes(b"x" * size)
    prepared = tmp_path / "demo/liver/.slices.prepared/s1"
    prepared.mkdir(parents=True)
    (prepared / "images.npy").write_bytes(b"x" * 80)
    os.utime(run / f".{DEAD}.partial.scores.csv", (0, 0))
    return tmp_path


def kinds(folder):
    return {leftover.kind: leftover for leftover in stale_files.find(folder)}


def test_every_kind_is_found_with_its_size_and_no_result_is_taken_for_one(results):
    found = {kind: leftover.size for kind, leftover in kinds(results).items()}
    assert found == {
        "state": 1000,
        "refused state": 500,
        "live history": 60,
        "lock": 0,
        "finished": 0,
        "evaluated": 20,
        "prepared subjects": 80,
        "partial file": 70,
    }
    assert all(leftover.in_use is None for leftover in stale_files.find(results))


def test_folders_that_are_called_like_a_state_are_left_alone(results):
    before = len(stale_files.find(results))
    (results / "training.lock").mkdir()
    (results / "training.state").mkdir()
    assert len(stale_files.find(results)) == before
    stale_files.forget_finished(results, set(), set())


def test_removal_leaves_the_results_alone(results):
    for leftover in stale_files.find(results):
        stale_files.remove(leftover)
    left = sorted(path.name for path in results.rglob("*") if path.is_file())
    assert left == ["s1.nii.gz", "weights.safetensors"]


HOLDER = """
import sys, time
from pathlib import Path
from fewlabel.utils.locks import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_what_a_process_works_on_is_told_and_not_removed(results):
    state = next(results.rglob("training.state"))
    process = subprocess.Popen([sys.executable, "-c", HOLDER, state], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        found = kinds(results)
        assert {found[kind].in_use for kind in ("state", "live history", "lock")} == {f"process {process.pid}"}
        listed = CliRunner().invoke(app, ["stale-files", str(results)]).output
        assert f"training.lock  (lock: in use by process {process.pid})" in listed and "works on it" not in listed
        assert "of a killed process" not in listed
        for leftover in found.values():
            stale_files.remove(leftover)
        assert state.exists()
    finally:
        process.kill()
        process.wait()
    assert kinds(results)["state"].in_use is None  # the system freed the lock of the killed process


def test_a_partial_file_of_a_living_process_or_of_just_now_is_in_use(results):
    mine = results / "demo" / f".{os.getpid()}.partial.a"
    fresh = results / "demo" / f".{DEAD}.partial.b"
    for path in (mine, fresh):
        path.write_text("x")
    os.utime(mine, (0, 0))
    found = {leftover.path: leftover.in_use for leftover in stale_files.find(results)}
    assert found[mine] == f"process {os.getpid()}"
    assert (
        f"(partial file: in use by process {os.getpid()})"
        in CliRunner().invoke(app, ["stale-files", str(results)]).output
    )
    assert found[fresh] == "possibly another process"


def test_a_partial_file_of_a_dead_process_of_this_place_is_free_at_once_and_of_another_place_when_it_is_old(results):
    here, elsewhere = f"{DEAD}-{host_id()}", f"{os.getpid()}-0123abcd"
    names = {name: results / "published" / f".{name}.partial.study" for name in (here, elsewhere)}
    for path in names.values():
        path.mkdir(parents=True)
    found = {leftover.path: leftover.in_use for leftover in stale_files.find(results)}
    assert found[names[here]] is None
    assert found[names[elsewhere]] == "possibly another process"  # its number means nothing here
    outcome = CliRunner().invoke(app, ["stale-files", str(results), "--remove"])
    assert not names[here].exists() and names[elsewhere].exists(), outcome.output
    os.utime(names[elsewhere], (0, 0))
    assert "1 removed" in CliRunner().invoke(app, ["stale-files", str(results), "--remove"]).output


def test_a_process_that_is_killed_while_it_writes_leaves_what_can_be_removed_at_once(tmp_path):
    writer = (
        "import os, sys\nfrom pathlib import Path\nfrom fewlabel.utils.atomic_files import atomic_file, atomic_folder\n"
        "with atomic_folder(Path(sys.argv[1]) / 'mask'), atomic_file(Path(sys.argv[1]) / 'a.csv') as part:\n"
        "    part.write_text('x')\n    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", writer, tmp_path], check=False)
    assert [leftover.in_use for leftover in stale_files.find(tmp_path)] == [None, None]
    assert "2 removed" in CliRunner().invoke(app, ["stale-files", str(tmp_path), "--remove"]).output
    assert list(tmp_path.iterdir()) == []


def test_a_workflow_forgets_finished_trainings_and_evaluations_that_it_knows_of_and_only_those(results):
    run = next(results.rglob("training.finished")).parent
    stale_files.forget_finished(results, {run}, {run})
    assert (run / "training.finished").exists() and (run / "training.evaluated").exists()
    stale_files.forget_finished(results, set(), {run})
    assert not (run / "training.finished").exists() and (run / "training.evaluated").exists()
    stale_files.forget_finished(results, set(), set())
    assert not (run / "training.evaluated").exists()
    assert (run / "training.state").exists()


def test_the_command_lists_sizes_and_removes_only_when_asked(results):
    listed = CliRunner().invoke(app, ["stale-files", str(results)])
    assert listed.exit_code == 0
    assert "1 kB" in listed.output and "training.state" in listed.output
    assert "an interrupted training resumes from it" in listed.output
    assert "8 files or folders, 2 kB; 8 not in use" in listed.output
    assert len(stale_files.find(results)) == 8
    assert "8 removed, 2 kB" in CliRunner().invoke(app, ["stale-files", str(results), "--remove"]).output
    assert stale_files.find(results) == []
    assert "0 files or folders" in CliRunner().invoke(app, ["stale-files", str(results)]).output


def test_a_folder_that_is_not_there_is_named(tmp_path):
    outcome = CliRunner().invoke(app, ["stale-files", str(tmp_path / "nothing")])
    assert isinstance(outcome.exception, InputError) and "nothing: no such folder; accepted:" in str(outcome.exception)


def test_thousands_of_runs_are_looked_through(tmp_path):
    for index in range(2_000):
        (tmp_path / f"c/finetuned/m/n{index}/draw1/predictions").mkdir(parents=True)
    state = tmp_path / "c/finetuned/m/n7/draw1/training.state"
    state.write_text("x")
    assert [leftover.path for leftover in stale_files.find(tmp_path)] == [state]
