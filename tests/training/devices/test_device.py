"""Where a training runs: the place on a GPU is taken before torch is asked, by what finished runs needed."""

import json
import os
import platform
import subprocess
import sys

import pytest
import torch

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.training import finetune_settings, pretrain_settings
from fewlabel.training.checkpointing.checkpoint import Checkpoint
from fewlabel.training.checkpointing.training_run import TrainingRun, run_record
from fewlabel.training.devices.device import acquire_device, choose_device, slots_per_gpu
from fewlabel.training.devices.gpu_memory import CONTEXT_BYTES, STORE, measured_gpu_bytes
from fewlabel.training.devices.gpu_slots import Slot
from fewlabel.training.devices.gpus import Gpu
from fewlabel.utils.atomic_files import sha256
from fewlabel.utils.errors import InputError
from helpers.made_gpus import install, same

EXPERIMENT = Experiment.model_validate(
    {
        "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}},
        "methods": {
            "scratch": {"pretext": "none"},
            "other": {"pretext": "regression"},
            "larger": {"pretext": "none", "finetuning": {"batch": 32}},
        },
    }
)


def settings(method="scratch", labels=1, draw=1):
    return finetune_settings(EXPERIMENT, "c", method, labels, draw)


@pytest.fixture
def study(tmp_path):
    """A cohort's folder; the function notes a finished run in it."""
    store = tmp_path / "store.json"
    store.write_text("{}")

    def finish(method="scratch", labels=1, draw=1, reserved=10**9, gpu="Made 24", **changes):
        run = run_file(tmp_path, method, labels, draw)
        run.parent.mkdir(parents=True)
        facts = {
            "settings": settings(method, labels, draw).model_dump(mode="json"),
            "inputs": {STORE: sha256(store)},
            "hardware": {"gpu": gpu},
            "memory": {"reserved_gpu_bytes": reserved},
            **changes,
        }
        run.write_text(json.dumps(facts))

    return tmp_path, {STORE: store}, finish


def run_file(folder, method="scratch", labels=1, draw=1):
    return folder / "finetuned" / method / f"n{labels}" / f"draw{draw}" / "run.json"


def need(study, method="scratch", labels=1, draw=7, gpu="Made 24"):
    folder, inputs, _ = study
    return measured_gpu_bytes(run_file(folder, method, labels, draw), settings(method, labels, draw), inputs, gpu)


def test_a_first_run_of_its_kind_has_no_measurement(study):
    assert need(study) is None


def test_a_finished_run_with_other_n_draw_or_initialisation_is_of_the_same_kind(study):
    study[2]("other", labels=4, draw=2, reserved=3 * 10**9)
    assert need(study) == need(study, "other") == need(study, labels=8) == 3 * 10**9 + CONTEXT_BYTES


@pytest.mark.parametrize(
    "changes",
    [
        {"gpu": "Another model"},
        {"inputs": {STORE: "of another cohort"}},
        {"hardware": {}},  # on a CPU
        {"memory": {"peak_gpu_bytes": 1}},  # by a version that did not measure it
        {"settings": None},
        {"method": "larger"},
    ],
)
def test_what_was_measured_of_another_kind_says_nothing(study, changes):
    study[2](**changes)
    assert need(study) is None


def test_a_file_that_cannot_be_read_is_passed_over(study):
    study[2](draw=1)
    study[2](draw=2)
    for draw, text in ((1, "{"), (3, "[]")):
        run_file(study[0], draw=draw).parent.mkdir(exist_ok=True)
        run_file(study[0], draw=draw).write_text(text)
    assert need(study) == 10**9 + CONTEXT_BYTES


def test_of_a_pretraining_nothing_is_known_before_it(study):
    pretraining = pretrain_settings(EXPERIMENT, "c", "other")
    assert measured_gpu_bytes(study[0] / "pretrained/other/run.json", pretraining, study[1], "Made 24") is None


def test_on_a_cpu_no_place_is_taken_and_the_log_says_where_it_runs(capsys):
    assert acquire_device("cpu", lambda gpu: pytest.fail("nobody asks what it needs")) == (torch.device("cpu"), None)
    assert capsys.readouterr().err == "device: cpu\n"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_with_what_to_do():
    with pytest.raises(InputError, match=r"--device cuda: not available here .*profiles/default.*fewlabel doctor"):
        acquire_device("cuda", lambda gpu: None)
    assert choose_device("auto").type != "cuda"


@pytest.mark.parametrize("text", ["0", "-1", "two", ""])
def test_a_number_of_slots_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("FEWLABEL_SLOTS_PER_GPU", text)
    with pytest.raises(InputError, match="accepted: a whole number from 1"):
        slots_per_gpu()


def test_the_facts_of_a_run_tell_which_gpu_it_had_and_who_may_have_shared_it(study):
    slot = Slot(Gpu(3, "GPU-secret", "Made 24", 0, 0), 1, 2)
    trained = TrainingRun("finetune", settings(), ["a"], study[1], torch.device("cpu"), "f32", 1, slot)
    facts = run_record(trained, {}, Checkpoint(None, 60, {}))
    assert {key: facts["hardware"][key] for key in ("gpu_index", "gpu_slot", "gpu_slots")} == {
        "gpu_index": 3,
        "gpu_slot": 1,
        "gpu_slots": 2,
    }
    assert "GPU-secret" not in json.dumps(facts)  # it would tell one machine from all others


TAKE = """
import os, torch
from fewlabel.training.devices import device
from fewlabel.utils.log import show_messages
show_messages()
torch.version.cuda = torch.version.cuda or "made"  # a CPU build would not look for GPUs
try:
    device.acquire_device(os.environ["FEWLABEL_DEVICE"], lambda gpu: 2 * 10**9)
except device.InputError as error:
    print(error)
print(os.environ["CUDA_VISIBLE_DEVICES"])
"""


@pytest.mark.parametrize(("name", "visible", "taken"), [("auto", "3,2", 3), ("cuda", "3,2", 3), ("cuda:1", "3,2", 2)])
def test_torch_sees_the_gpu_alone_whose_place_was_taken(tmp_path, name, visible, taken):
    env = {
        **os.environ,
        "PATH": f"{install(tmp_path / 'bin', *same(4))}:/usr/bin:/bin",
        "TMPDIR": str(tmp_path),
        "CUDA_VISIBLE_DEVICES": visible,
        "FEWLABEL_DEVICE": name,
        "FEWLABEL_SLOTS_PER_GPU": "2",
    }
    process = subprocess.run([sys.executable, "-c", TAKE], env=env, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert f"device: GPU {taken} (Made 24), slot 1 of 2" in process.stderr
    # There is no such GPU: torch refuses it, and by then it was told of this one alone.
    assert "--device cuda: not available here" in process.stdout
    assert process.stdout.splitlines()[-1] == f"GPU-{taken:08d}-made"


FAULTS = """
import resource, sys, torch
from fewlabel.training.devices.device import use_threads
if sys.argv[1] == "kept":
    use_threads(1)
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)  # 64 MiB, freed at once
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="glibc alone gives memory back so that it can be told not to"
)
def test_memory_that_a_tensor_freed_is_not_asked_of_the_system_again():
    kept, given_back = (
        int(subprocess.run([sys.executable, "-c", FAULTS, way], capture_output=True, text=True, check=True).stdout)
        for way in ("kept", "given back")
    )
    assert kept < 100 < given_back
