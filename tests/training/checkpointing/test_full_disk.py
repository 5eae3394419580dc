"""Trainings on a full disk: what is lost, what is kept, and that outputs never appear in part."""

import os
import subprocess
import time
from contextlib import suppress

import pytest

from fewlabel.training.checkpointing.disk_reserve import FULL, Reserve
from helpers.forked import Command
from helpers.programs import skip_without
from helpers.trainings import STEPS, command, run, same

pytestmark = pytest.mark.xdist_group("resume")  # one process makes the undisturbed runs once


@pytest.fixture
def disk(tmp_path):
    """A disk of 256 kB."""
    skip_without("mount", "umount")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_costs_the_state_and_not_the_training(inputs, undisturbed, tmp_path, disk):
    (disk / "filler").write_bytes(b"x" * 256_000)
    arguments = command(inputs, tmp_path, "regression", "--checkpoint-every", "0")
    arguments[arguments.index("--state") + 1] = disk / "training.state"
    process = run(arguments)
    assert process.returncode == 0, process.stderr
    assert "not saved" in process.stderr and "free some space" in process.stderr
    assert "training.live.csv: not written" in process.stderr
    assert sorted(path.name for path in disk.iterdir()) == ["filler"]
    assert same(tmp_path, undisturbed["regression"])


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_without_room_for_the_outputs_ends_a_run_before_its_first_step(inputs, undisturbed, tmp_path, disk):
    (disk / "filler").write_bytes(b"x" * 256_000)
    arguments = command(inputs, disk, "regression", "--checkpoint-every", "0")
    arguments[arguments.index("--state") + 1] = tmp_path / "training.state"
    process = run(arguments)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "No space left on device" in process.stderr and "free some space" in process.stderr
    assert sorted(path.name for path in disk.iterdir()) == ["filler"]
    assert not (tmp_path / "training.state").exists()
    (disk / "filler").unlink()
    process = run(arguments)
    assert process.returncode == 0, process.stderr
    assert same(disk, undisturbed["regression"])


def fill(disk):
    """Write to a disk until it is full."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (65536, 4096, 64, 1):
            with suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass


def begun(process, disk):
    """Wait until a training holds room for its outputs; its file."""
    while not (found := list(disk.glob(".*room"))) or not found[0].stat().st_size:
        assert process.poll() is None, process.finish()
        time.sleep(0.01)
    return found[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("method", ["scratch", "regression"])
def test_a_disk_that_fills_while_a_run_is_under_way_costs_neither_outputs_nor_training(
    inputs, undisturbed, disk, method
):
    """Outputs and state lie on one disk, and no state was ever written: all that is left is in memory."""
    arguments = command(inputs, disk, method, "--checkpoint-every", "1000")
    process = Command(arguments)
    begun(process, disk)
    fill(disk)
    said = process.finish().stderr
    assert process.returncode == 0, said
    assert same(disk, undisturbed[method])
    assert not [path for path in disk.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_outputs_that_find_no_room_do_not_appear_in_part_and_the_finished_training_is_kept(
    inputs, undisturbed, tmp_path, disk
):
    arguments = command(inputs, disk, "regression", "--checkpoint-every", "1000")
    arguments[arguments.index("--state") + 1] = str(tmp_path / "training.state")
    process = Command(arguments)
    begun(process, disk).unlink()
    fill(disk)
    said = process.finish().stderr
    assert process.returncode == 1 and "Traceback" not in said
    assert "the state of the finished training is kept; to fix: run the same command again to write its outputs" in said
    assert sorted(path.name for path in disk.iterdir()) == ["filler"]
    (disk / "filler").unlink()
    again = run(arguments)
    assert again.returncode == 0 and f"resumes after step {STEPS}" in again.stderr, again.stderr
    assert same(disk, undisturbed["regression"])


def test_room_that_no_disk_has_is_refused_and_leaves_nothing(tmp_path):
    reserve = Reserve(tmp_path)
    with pytest.raises(OSError) as error:
        reserve.hold(2**60)
    assert error.value.errno in FULL
    assert list(tmp_path.iterdir()) == []


def test_room_is_held_in_blocks_and_more_of_it_never_ends_a_training(tmp_path, capsys):
    reserve = Reserve(tmp_path)
    reserve.hold(1_000_000)
    (held,) = tmp_path.iterdir()
    assert held.stat().st_blocks * 512 >= 1_000_000
    reserve.hold(2**60)
    assert "no disk space is reserved" in capsys.readouterr().err
    assert held.stat().st_blocks * 512 >= 1_000_000
    reserve.release()
    assert list(tmp_path.iterdir()) == []
