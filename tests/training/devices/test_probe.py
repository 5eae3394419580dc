"""The probe of the CPU: what is chosen from timings, and how one probe serves all jobs of a machine."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import torch

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.training import finetune_settings
from fewlabel.training.checkpointing.checkpoint import Checkpoint
from fewlabel.training.checkpointing.training_run import TrainingRun, run_record
from fewlabel.training.devices import probe_cache
from fewlabel.training.devices.device import choose_precision, hardware_precision, probe_device
from fewlabel.training.devices.probe import Probe, faster_precision, fastest_threads, is_quiet, thread_counts
from fewlabel.training.devices.probe_cache import (
    cache_folder,
    probe_all,
    probe_key,
    probe_machine,
    processor_digest,
    read_probe,
)

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("FEWLABEL_CACHE", str(tmp_path))
    return tmp_path / "probes"


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(key, f32=0.1, bf16=0.05, walls=None):
    times = {"f32": f32, "bf16": bf16}
    return Probe(key=key, cpu_seconds=times, wall_seconds=walls or {}, measured=datetime(2026, 1, 2, tzinfo=UTC))


def keep(folder, probe):
    folder.mkdir(exist_ok=True)
    file = probe_cache._file(folder, probe.key)
    file.write_text(probe.model_dump_json())
    return file


@pytest.mark.parametrize(
    ("f32", "bf16", "chosen"),
    [(1.0, 0.5, "bf16"), (1.0, 0.9, "bf16"), (1.0, 0.91, "f32"), (1.0, 1.0, "f32"), (1.0, 6.0, "f32")],
)
def test_bf16_is_chosen_where_it_is_a_tenth_faster(f32, bf16, chosen):
    assert faster_precision({"f32": f32, "bf16": bf16}) == chosen


@pytest.mark.parametrize(
    ("walls", "chosen"),
    [
        ({16: 1.0, 8: 0.5, 4: 0.8, 2: 1.2, 1: 2.0}, 8),
        ({16: 1.0, 8: 0.95, 4: 1.5, 2: 2.5, 1: 4.0}, 16),  # by less than a tenth
        ({16: 1.0, 8: 1.9, 4: 3.5, 2: 7.0, 1: 13.0}, 16),
        ({16: 8.0, 8: 6.0, 4: 3.0, 2: 1.0, 1: 1.5}, 2),  # more threads than cores
        ({}, 16),  # not measured
    ],
)
def test_fewer_threads_are_chosen_where_they_are_a_tenth_faster(walls, chosen):
    assert fastest_threads(walls, 16) == chosen


def test_threads_are_halved_down_to_one():
    assert (thread_counts(1), thread_counts(6), thread_counts(16)) == ([1], [6, 3, 1], [16, 8, 4, 2, 1])


@pytest.mark.parametrize(
    ("threads", "load", "cores", "quiet"),
    [(8, 0.2, 16, True), (8, 8.0, 16, True), (8, 12.0, 16, False), (8, 0.0, 2, True), (8, 1.5, 2, False)],
)
def test_wall_times_count_where_other_load_leaves_enough_cores(threads, load, cores, quiet):
    assert is_quiet(threads, load, cores) == quiet


def test_a_machine_is_probed_once_and_always_chooses_the_same(folder, one_thread):
    assert read_probe(1) is None
    first = probe_machine(1)
    assert first is not None and set(first.cpu_seconds) == {"f32", "bf16"}
    assert choose_precision("auto", CPU) == first.precision == faster_precision(first.cpu_seconds)
    assert probe_machine(1) == probe_device("auto", CPU) == read_probe(1) == first
    assert [file.suffix for file in sorted(folder.iterdir()) if file.suffix != ".lock"] == [".json"]


def test_a_probe_leaves_the_generator_and_the_threads_as_they_were(folder, one_thread):
    torch.manual_seed(5)
    probe_machine(1)
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3)) and torch.get_num_threads() == 1


def test_a_precision_that_is_set_needs_no_probe(folder):
    assert choose_precision("f32", CPU) == "f32" and choose_precision("bf16", CPU) == "bf16"
    assert probe_device("f32", CPU) is None and not folder.exists()


def test_the_kept_probe_decides_and_not_the_instructions_of_the_processor(folder, one_thread):
    for bf16, chosen in ((0.05, "bf16"), (0.4, "f32")):
        keep(folder, made(probe_key(1), bf16=bf16))
        assert choose_precision("auto", CPU) == chosen


def test_threads_are_those_of_their_own_probe_and_the_precision_is_that_of_one_thread(folder):
    keep(folder, made(probe_key(1), bf16=0.4))
    keep(folder, made(probe_key(4), bf16=0.05, walls={4: 1.0, 2: 0.5, 1: 0.9}))
    found = probe_machine(4)
    assert (found.precision, found.threads) == ("f32", 2)
    assert "2 of 4 threads (1: 900 ms, 2: 500 ms, 4: 1e+03 ms)" in found.describe()
    assert [probe.key.threads for probe in probe_all()] == [1, 4]


def test_threads_are_not_probed_beside_other_load(folder, monkeypatch):
    keep(folder, made(probe_key(1)))
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0, 1000.0, 1000.0))
    found = probe_machine(4)
    assert (found.threads, found.wall_seconds) == (4, {}) and read_probe(4) is None


def test_threads_are_probed_and_kept_on_a_quiet_machine(folder, monkeypatch):
    keep(folder, made(probe_key(1)))
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    found = probe_machine(2)
    assert set(found.wall_seconds) == {2, 1} and found.threads in (1, 2)
    assert probe_machine(2) == read_probe(2) == found


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', "\0" * 50, '{"cpu_seconds": {"f32": -1}}'])
def test_a_damaged_probe_is_replaced(folder, text):
    file = keep(folder, made(probe_key(1)))
    file.write_text(text)
    found = probe_machine(1)
    assert found is not None and json.loads(file.read_text()) == found.model_dump(mode="json")


@pytest.mark.parametrize("change", [{"torch": "1.0"}, {"code": "0"}, {"processor_digest": "0"}, {"processor": "x"}])
def test_a_probe_of_another_machine_or_other_code_is_not_used(folder, change):
    key = probe_key(1)
    file = keep(folder, made(key))
    assert read_probe(1) is not None
    file.write_text(made(key.model_copy(update=change)).model_dump_json())
    assert read_probe(1) is None


def test_a_probe_is_repeated_on_request(folder):
    keep(folder, made(probe_key(1), f32=900.0, bf16=800.0))
    assert probe_machine(1).cpu_seconds["f32"] == 900
    assert probe_machine(1, repeat=True).cpu_seconds["f32"] < 900
    assert read_probe(1).cpu_seconds["f32"] < 900


def test_without_a_cache_the_instructions_of_the_processor_decide(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("FEWLABEL_CACHE", "")
    assert cache_folder() is None and probe_machine(1) is None
    assert choose_precision("auto", CPU) == hardware_precision(CPU)
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("FEWLABEL_CACHE", str(file))  # a folder that cannot be made, also by root
    with caplog.at_level("INFO"):
        assert choose_precision("auto", CPU) == hardware_precision(CPU)
    assert "no probe can be kept (Not a directory); to fix: set FEWLABEL_CACHE" in caplog.text
    assert probe_all() == []


def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.setenv("FEWLABEL_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own" / "probes"
    monkeypatch.delenv("FEWLABEL_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    for base, found in ((str(tmp_path / "xdg"), tmp_path / "xdg"), ("relative", tmp_path / ".cache")):
        monkeypatch.setenv("XDG_CACHE_HOME", base)
        assert cache_folder() == found / "fewlabel" / "probes"


CPUINFO = "processor\t: 0\nmodel\t\t: 17\ncpu MHz\t\t: {}\nflags\t\t: fpu {}\n\nprocessor\t: 1\nflags\t\t: other\n"


def test_processors_of_one_name_differ_by_their_instructions_and_not_by_their_clock():
    one, other, faster = (processor_digest(CPUINFO.format(*facts)) for facts in ((1, "amx"), (1, "avx"), (2, "amx")))
    assert one == faster != other


PROBE = "from fewlabel.training.devices.probe_cache import probe_machine; print(probe_machine(1).model_dump_json())"


def test_jobs_that_start_at_once_share_one_probe(folder):
    command = [sys.executable, "-c", PROBE]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) for _ in range(3)]
    outputs = {process.communicate()[0] for process in processes}
    assert len(outputs) == 1 and read_probe(1) == Probe.model_validate_json(outputs.pop())


READ = """
import sys
from fewlabel.training.devices.probe_cache import read_probe
print(read_probe(1).precision, "torch" in sys.modules)
"""


def test_the_kept_probe_is_read_without_torch(folder):
    keep(folder, made(probe_key(1)))
    process = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["bf16", "False"]


EXPERIMENT = Experiment.model_validate(
    {
        "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}},
        "methods": {"scratch": {"pretext": "none"}},
    }
)


@pytest.mark.parametrize("precision", ["auto", "bf16"])
def test_a_training_takes_what_the_probe_chose_and_its_record_says_so(folder, tmp_path, one_thread, precision):
    keep(folder, made(probe_key(1), bf16=0.4))
    keep(folder, made(probe_key(4), walls={4: 1.0, 2: 0.5, 1: 0.9}))
    settings = finetune_settings(EXPERIMENT.model_copy(update={"precision": precision}), "c", "scratch", 1, 1)
    here = TrainingRun.on_this_machine("finetune", settings, ["a"], {}, "cpu", 4, tmp_path / "run.json")
    record = run_record(here, {}, Checkpoint(None, 60, {}))
    if precision == "auto":
        assert (here.precision, here.threads, torch.get_num_threads()) == ("f32", 2, 2)
        assert record["probe"]["cpu_seconds"] == {"f32": 0.1, "bf16": 0.4}
        assert record["probe"]["wall_seconds"] == {"1": 0.9, "2": 0.5, "4": 1.0}
    else:
        assert (here.precision, here.threads, "probe" in record) == ("bf16", 4, False)
    assert (record["precision"], record["threads"]) == (here.precision, here.threads)
    json.dumps(record)
