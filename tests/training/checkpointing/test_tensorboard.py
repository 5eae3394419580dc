"""TensorBoard logs, read back by TensorBoard itself: each row of the history once, also after an interruption."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.training import finetune_settings
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.store.slice_store import pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.training.checkpointing.state import HistoryRow
from fewlabel.training.checkpointing.tensorboard import Scalars
from fewlabel.utils.errors import InputError


def read_back(folder):
    """Tag, step and value of all scalars of one stage."""
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def rows(*steps):
    return [HistoryRow(step, 1 / step, 0.1 * step) for step in steps]


def test_a_stage_that_goes_on_holds_each_step_once(tmp_path):
    first = Scalars(tmp_path)
    first.begin("training", [])
    for row in rows(1, 2, 3, 4):
        first.add(row)
    first.close()
    # Killed after a state at step 2.
    second = Scalars(tmp_path)
    second.begin("training", rows(1, 2))
    for row in rows(3, 4, 5):
        second.add(row)
    second.close()
    found = read_back(tmp_path / "training")
    assert found.keys() == {"loss", "learning_rate"}
    assert [step for step, _ in found["loss"]] == [1, 2, 3, 4, 5]
    assert [value for _, value in found["learning_rate"]] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_a_stage_does_not_touch_the_logs_of_another(tmp_path):
    logs = Scalars(tmp_path)
    logs.begin("global_stage", rows(1))
    logs.begin("local_stage", rows(1, 2))
    logs.close()
    assert [len(read_back(tmp_path / stage)["loss"]) for stage in ("global_stage", "local_stage")] == [1, 2]


def test_a_folder_that_cannot_be_made_costs_the_logs_alone(tmp_path, capsys):
    (tmp_path / "tensorboard").write_text("a file")
    logs = Scalars(tmp_path / "tensorboard")
    logs.begin("training", rows(1, 2))
    logs.add(rows(3)[0])
    logs.close()
    assert capsys.readouterr().err.count("training continues without") == 1


def test_where_it_is_not_installed_nothing_starts(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert Scalars.of_run(tmp_path / "run.json", False).folder is None
    with pytest.raises(InputError, match=r"not installed; to fix: install it .*tensorboard"):
        Scalars.of_run(tmp_path / "run.json", True)


EXPERIMENT = Experiment.model_validate(
    {
        "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}},
        "methods": {"scratch": {"pretext": "none"}},
        "network": {"widths": [4, 8]},
        "finetuning": {"steps": 30, "batch": 4, "schedule": "cosine"},
    }
)


def bright(subject):
    image = np.random.default_rng(ord(subject.subject)).random((16, 16, 4)).astype(np.float32)
    return Volume(image, np.diag([1.0, 1.0, 3.0, 1.0]), (image > 0.7).astype(np.uint8))


def test_a_training_logs_its_history_and_its_weights_stay_what_they_are(tmp_path):
    pack(
        [Subject(name, name, True) for name in "ab"],
        bright,
        Grid(matrix=(16, 16), spacing_mm=1),
        tmp_path / "slices",
        tmp_path / "native",
    )
    pd.DataFrame({"rank": [1, 2], "subject": list("ab"), "patient": list("ab")}).to_csv(
        tmp_path / "draw.csv", index=False
    )
    settings = canonical(finetune_settings(EXPERIMENT, "c", "scratch", 2, 1))
    for name, extra in (("plain", []), ("logged", ["--tensorboard"])):
        out = tmp_path / name
        command = [
            sys.executable,
            "-c",
            "from fewlabel.cli.main import main; main()",
            "finetune",
            "--settings",
            settings,
        ]
        command += ["--store", tmp_path / "slices/store.json", "--order", tmp_path / "draw.csv", "--device", "cpu"]
        command += ["--weights", out / "weights.safetensors", "--history", out / "history.csv"]
        command += ["--run", out / "run.json", "--state", out / "training.state", *extra]
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
    for file in ("weights.safetensors", "history.csv"):
        assert (tmp_path / "plain" / file).read_bytes() == (tmp_path / "logged" / file).read_bytes()
    assert not (tmp_path / "plain/tensorboard").exists()
    history, logged = pd.read_csv(out / "history.csv"), read_back(out / "tensorboard/finetune")
    for column in ("loss", "learning_rate"):
        assert [step for step, _ in logged[column]] == history["step"].tolist()
        assert [value for _, value in logged[column]] == pytest.approx(history[column].tolist(), rel=1e-6)
