"""Places on made GPUs, competed for by real processes: never too many, freed by kill -9, waited for aloud."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from fewlabel.training.devices import gpu_slots
from fewlabel.utils.errors import InputError
from helpers.made_gpus import GIB, install, same

RUN = """
import os, sys, time
from fewlabel.training.devices import gpu_slots
from fewlabel.training.devices.gpus import query_driver, visible_gpus
from fewlabel.utils.log import show_messages
show_messages()
gpu_slots.POLL_SECONDS = 0.02
need, slots, seconds, diary = sys.argv[1:]
def ask():
    return visible_gpus(query_driver() or [], os.environ.get("CUDA_VISIBLE_DEVICES"))
slot = gpu_slots.acquire_slots(ask, None if need == "unknown" else int(need), int(slots))[0]
def note(sign):
    with open(diary, "a") as file:
        print(sign, slot.gpu.index, slot.number, os.getpid(), file=file)
note("+")
print(slot, flush=True)
time.sleep(float(seconds))
note("-")
"""


@pytest.fixture
def machine(tmp_path):
    """Starts runs on a machine with made GPUs; those that are left at the end are killed."""
    processes = []

    def start(need=GIB, slots=2, seconds=600, visible=None, gpus=same(2)):  # noqa: B008
        commands = install(tmp_path / "bin", *gpus)
        env = {**os.environ, "PATH": f"{commands}:/usr/bin:/bin", "TMPDIR": str(tmp_path)}
        env |= {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
        arguments = [str(part) for part in (need, slots, seconds, tmp_path / "diary.txt")]
        call = [sys.executable, "-c", RUN, *arguments]
        process = subprocess.Popen(call, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def diary(folder):
    path = folder / "diary.txt"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def most_at_once(entries, killed=()):
    """By GPU: the largest number of runs that held a place on it at once; a run that was killed held it to the end."""
    now, most = Counter(), Counter()
    for sign, gpu, _, process in entries:
        if process in killed:
            continue
        now[gpu] += 1 if sign == "+" else -1
        most[gpu] = max(most[gpu], now[gpu])
    return most


def test_many_processes_compete_and_no_gpu_has_more_than_its_slots(machine, tmp_path):
    runs = [machine(slots=2, seconds=0.2) for _ in range(14)]
    assert [run.wait() for run in runs] == [0] * 14
    assert most_at_once(diary(tmp_path)) == {"0": 2, "1": 2}
    assert {number for _, _, number, _ in diary(tmp_path)} == {"0", "1"}


def test_with_one_slot_or_an_unknown_need_every_run_has_a_gpu_for_itself(machine, tmp_path):
    runs = [machine(slots=1, seconds=0.1) for _ in range(4)]
    runs += [machine(need="unknown", slots=4, seconds=0.1) for _ in range(4)]
    assert [run.wait() for run in runs] == [0] * 8
    assert most_at_once(diary(tmp_path)) == {"0": 1, "1": 1}


def test_runs_that_do_not_fit_together_do_not_share(machine, tmp_path):
    runs = [machine(need=13 * GIB, slots=4, seconds=0.1, gpus=same(1)) for _ in range(4)]
    assert [run.wait() for run in runs] == [0] * 4
    assert most_at_once(diary(tmp_path)) == {"0": 1}


def test_the_slot_of_a_killed_process_is_free_again_and_the_one_that_waited_says_so(machine):
    first = machine(gpus=same(1), slots=1)
    assert first.stdout.readline() == "GPU 0 (Made 24), slot 1 of 1\n"
    second = machine(gpus=same(1), slots=1)
    said = "".join(second.stderr.readline() for _ in range(2))
    assert "no GPU is free for this run (it needs 1.1 GB); waiting:" in said
    assert f"GPU 0 (Made 24): 25.8 of 25.8 GB free; process {first.pid}" in said
    first.send_signal(signal.SIGKILL)
    assert second.stdout.readline() == "GPU 0 (Made 24), slot 1 of 1\n"


def test_processes_killed_at_random_lose_no_place_and_gain_none(machine, tmp_path):
    chance = random.Random(3914)
    runs = [machine(slots=2) for _ in range(12)]
    killed, most = set(), 0
    while len(killed) < len(runs):
        living = [run for run in runs if str(run.pid) not in killed]
        held = {process for sign, _, _, process in diary(tmp_path)} - killed
        most = max(most, len(held))
        assert all(count <= 2 for count in Counter(
            gpu for _, gpu, _, process in diary(tmp_path) if process in held
        ).values())  # fmt: skip
        if len(held) >= min(4, len(living)):
            # In turns one that holds a place, which another then takes, and any.
            victim = chance.choice(living if len(killed) % 2 else [run for run in living if str(run.pid) in held])
            victim.kill()
            victim.wait()
            killed.add(str(victim.pid))
        time.sleep(0.02)
    assert most == 4
    assert len({process for *_, process in diary(tmp_path)}) > most


def test_cuda_visible_devices_restricts_the_choice(machine, tmp_path):
    runs = [machine(slots=1, seconds=0.05, visible="1") for _ in range(3)]
    assert [run.wait() for run in runs] == [0] * 3
    assert most_at_once(diary(tmp_path)) == {"1": 1}


def test_a_place_whose_holder_said_nothing_readable_is_not_shared(machine, tmp_path):
    first = machine(gpus=same(1))
    first.stdout.readline()
    next(tmp_path.glob("fewlabel-gpus-*/*.use")).write_text("{")
    second = machine(gpus=same(1))
    assert "waiting" in second.stderr.readline()


LIST = """
import sys, torch
from fewlabel.cli.main import main
# There is no GPU: torch is made to say what it would.
torch.version.cuda, torch.cuda.is_available = "made", lambda: True
sys.argv = ["fewlabel", "gpus"]
main()
"""


def test_the_command_lists_gpus_with_their_memory_and_who_is_on_them(machine, tmp_path):
    first = machine(visible="1")
    first.stdout.readline()
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    listed = subprocess.run([sys.executable, "-c", LIST], env=env, capture_output=True, text=True, check=False)
    assert listed.stdout.splitlines() == [
        "GPU 0 (Made 24): 25.8 of 25.8 GB free; used by: nobody",
        f"GPU 1 (Made 24): 25.8 of 25.8 GB free; used by: process {first.pid}",
    ], listed.stderr


def test_locks_of_other_machines_and_other_people_are_never_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    here = gpu_slots.lock_folder()
    assert re.fullmatch(rf"fewlabel-gpus-{os.getuid()}-{os.uname().nodename}", here.name)
    assert here.stat().st_mode & 0o77 == 0
    here.rmdir()
    (tmp_path / "elsewhere").mkdir()
    here.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="belongs to another user; to fix: remove it"):
        gpu_slots.lock_folder()
