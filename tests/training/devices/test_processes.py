"""Trainings in several processes, for real: with gloo on CPUs."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import pytest
import torch

from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.training import pretrain_settings
from fewlabel.data.store.slice_store import pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.training.devices import processes
from fewlabel.training.devices.launcher import NODES
from fewlabel.training.pretrain import refuse_uneven
from fewlabel.utils.errors import InputError
from helpers import shared_batches
from helpers.made_gpus import install, same
from helpers.trainings import EXPERIMENT, command, read

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(not torch.distributed.is_available(), reason="needs torch.distributed"),
]
FEWLABEL = [sys.executable, "-c", "from fewlabel.cli.main import main; main()"]
TRAINING = EXPERIMENT.model_copy(update={"precision": "f32"})
PAIR = ("--processes", "2")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    grid = Grid(matrix=(32, 32), spacing_mm=1)
    pack([Subject(name, name, True) for name in "abcd"], read, grid, folder / "slices", folder / "native")
    roles = {"subject": list("abcd"), "patient": list("abcd"), "labelled": 1, "role": "pool"}
    pd.DataFrame(roles).to_csv(folder / "roles.csv", index=False)
    return folder


def start(arguments, **env):
    words = [*FEWLABEL, *(str(word) for word in arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **env}
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process):
    error = process.communicate(timeout=500)[1]
    assert "Traceback" not in error, error
    return process.returncode, error


def of_rank(process, rank):
    for child in psutil.Process(process.pid).children(recursive=True):
        if child.environ().get("RANK") == str(rank) and child.environ().get("TORCHELASTIC_RUN_ID"):
            return child
    raise AssertionError("no such process")


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)


def test_two_processes_give_the_loss_curves_of_one_with_the_same_batch(inputs, tmp_path):
    store, out = inputs / "slices/store.json", tmp_path / "histories.json"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = [*torchrun, shared_batches.__file__, store, out]
    subprocess.run([str(word) for word in words], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    found, expected = json.loads(out.read_text()), shared_batches.histories(store)
    assert found.keys() == expected.keys() and len(found) == 5
    for stage, rows in expected.items():
        for key, tolerance in (("step", 0), ("loss", 2e-5), ("learning_rate", 0), ("spread", 5e-4)):
            curves = [[row[key] for row in table if row[key] is not None] for table in (found[stage], rows)]
            np.testing.assert_allclose(*curves, rtol=tolerance, err_msg=f"{stage}: {key}")


def test_what_is_killed_or_signalled_resumes_and_equals_an_uninterrupted_training(inputs, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    code, error = finish(start(command(inputs, whole, "contrastive", *PAIR, experiment=TRAINING)))
    assert code == 0 and error.count("device: cpu") == 1, error
    assert json.loads((whole / "run.json").read_text())["processes"] == 2

    arguments = command(inputs, broken, "contrastive", *PAIR, "--checkpoint-every", "0", experiment=TRAINING)
    process = start(arguments)
    wait_for(broken / "training.state", process)
    of_rank(process, 1).kill()
    code, error = finish(process)
    assert code == 1 and "process 2 of this training was ended by SIGKILL" in error

    # A signal to any process ends all, after the first has saved once.
    (broken / "training.live.csv").unlink(missing_ok=True)
    arguments[arguments.index("--checkpoint-every") + 1] = "1e6"
    process = start(arguments)
    wait_for(broken / "training.live.csv", process)
    before = (broken / "training.state").stat().st_mtime_ns
    of_rank(process, 1).send_signal(signal.SIGUSR1)
    while (broken / "training.state").stat().st_mtime_ns == before:
        assert process.poll() is None, finish(process)
        time.sleep(0.05)
    of_rank(process, 1).send_signal(signal.SIGTERM)
    code, error = finish(process)
    assert code == 128 + signal.SIGTERM and "ended by SIGTERM; the state is saved" in error, error
    assert not (broken / "weights.safetensors").exists()

    code, error = finish(start(arguments))
    assert code == 0, error
    assert json.loads((broken / "run.json").read_text())["time"]["resumed"] == 2
    tables = [pd.read_csv(folder / "history.csv") for folder in (broken, whole)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-6)
    assert not (broken / "training.state").exists() and not list(broken.glob(".*partial*"))


def test_processes_on_two_machines_find_each_other(inputs, tmp_path):
    """Two launchers on one machine."""
    there = {NODES: "2", "PET_RDZV_BACKEND": "c10d", "PET_RDZV_ENDPOINT": "localhost:29417", "PET_RDZV_ID": "7"}
    arguments = command(inputs, tmp_path, "regression", experiment=TRAINING)
    both = [start(arguments, **there) for _ in range(2)]
    for process in both:
        code, error = finish(process)
        assert code == 0, error
    assert json.loads((tmp_path / "run.json").read_text())["processes"] == 2


def test_an_error_ends_all_processes_with_its_message_alone(inputs, tmp_path):
    arguments = command(inputs, tmp_path, "regression", *PAIR, experiment=TRAINING)
    arguments[arguments.index("--device") + 1] = "mps"
    code, error = finish(start(arguments))
    assert code == 1 and error.count("fewlabel: ") == 1 and "--device mps: not available here" in error, error


TAKE = """
import os, sys, torch
from fewlabel.training.devices import device, gpu_slots, processes
from fewlabel.utils.errors import InputError
torch.version.cuda = torch.version.cuda or "made"  # a CPU build would not look for GPUs
with processes.joined():
    try:
        device.acquire_device("cuda", lambda gpu: None)
    except InputError as error:
        if "each process needs a GPU" in str(error):
            raise SystemExit(str(error))
    visible, folder = os.environ["CUDA_VISIBLE_DEVICES"], gpu_slots.lock_folder()
    found = processes.gather_numbers([int(visible.split("-")[1]), len(list(folder.glob("*.holder")))])
    pids = {path.read_text() for path in folder.glob("*.holder")}
    if processes.is_first():
        print(found, pids == {f"process {os.getpid()}"})
    processes.wait_for_all()
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("gpus", [1, 3])
def test_each_process_takes_a_gpu_of_its_own_and_the_first_holds_the_slots(tmp_path, gpus):
    script = tmp_path / "take.py"
    script.write_text(TAKE)
    path = f"{install(tmp_path / 'bin', *same(gpus))}:/usr/bin:/bin"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path, "TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "2,0"}
    env |= {"CUDA_VISIBLE_DEVICES": "0"} if gpus == 1 else {}
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    process = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    if gpus == 1:
        assert process.returncode == 1
        assert (
            "--processes 2: each process needs a GPU, and --device cuda leaves 1 here; accepted: up to 1"
            in process.stderr
        )
    else:
        assert process.stdout.strip() == "[[2, 2], [0, 2]] True", process.stderr


def test_a_batch_that_processes_cannot_share_is_refused_before_they_start(inputs, tmp_path):
    code, error = finish(start(command(inputs, tmp_path, "contrastive", "--processes", "3", experiment=TRAINING)))
    assert code == 1
    assert "method.global_stage.batch: 8 slices" in error
    assert (
        "method.local_stage.batch: 4 slices cannot be shared equally by 3 processes; accepted: a multiple of 3" in error
    )


def test_a_pretext_that_does_not_split_batches_is_refused(monkeypatch):
    from fewlabel.training.pretexts import regression
    from fewlabel.training.pretexts.base import StageImplementation

    stage = regression.STAGES["training"]
    plain = {"training": StageImplementation(stage.objective, stage.sampler)}
    monkeypatch.setattr(regression, "STAGES", plain)
    settings = pretrain_settings(TRAINING, "c", "regression")
    refuse_uneven(settings, 1)
    with pytest.raises(
        InputError, match=r"method.training: the pretext regression does not split .* accepted: 1 process"
    ):
        refuse_uneven(settings, 2)


def test_one_process_has_the_whole_batch():
    rows = np.arange(6)
    assert processes.share(rows) is rows and processes.count() == 1 and processes.is_first()
    drawn = processes.uniform((2, 3), torch.Generator().manual_seed(1))
    assert torch.equal(drawn, torch.rand(2, 3, generator=torch.Generator().manual_seed(1)))
    assert processes.gather(drawn) is drawn and processes.mean(drawn) is drawn
    assert processes.parallel(model := torch.nn.Linear(1, 1)) is model
    assert processes.from_first(lambda: "own") == processes.one_each(lambda: ["own"]) == "own"
    assert processes.gather_numbers([1, 2]) == [[1, 2]]
