"""The table that a running training writes, and what is read of it whatever became of it."""

import csv
import os
import subprocess

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fewlabel.config.training import Training
from fewlabel.training.checkpointing.checkpoint import Checkpoint, stage_checkpoint
from fewlabel.training.checkpointing.live_history import HEADER, LiveHistory, read_live
from fewlabel.training.loop import train
from helpers.programs import needs

HEAD = "time,stage,step,steps,loss,learning_rate\n"


class Parabola(nn.Module):
    def __init__(self):
        super().__init__()
        self.x = nn.Parameter(torch.tensor(5.0))

    def forward(self, target):
        return (self.x - target) ** 2


def trained(folder, every, steps=30):
    """The parameter after a training that told of itself, and its history; with the checkpoint."""
    checkpoint = Checkpoint(folder / "training.state", 1e6, {})
    checkpoint.live.every = every
    objective = Parabola()
    budget = Training(steps=steps, augmentation="none", learning_rate=0.1)
    states = stage_checkpoint(checkpoint, "finetune", {}, None)
    history = train(objective, lambda step: (torch.tensor(2.0),), budget, torch.device("cpu"), "f32", "t", states)
    return objective.x.item(), history


def test_a_training_tells_every_step_when_asked_to_and_its_rows_are_those_of_its_history(tmp_path):
    _, history = trained(tmp_path, every=0)
    rows, _ = read_live(tmp_path / "training.live.csv")
    assert [row.step for row in rows] == list(range(31)) and {row.steps for row in rows} == {30}
    assert rows[0].loss is None and {row.stage for row in rows} == {"finetune"}
    assert [row.loss for row in rows[1:]] == pytest.approx([row.loss for row in history], rel=1e-5)
    assert [row.learning_rate for row in rows[1:]] == pytest.approx([row.learning_rate for row in history], rel=1e-5)


def test_between_two_rows_of_the_history_the_mean_loss_since_the_last_is_told(tmp_path):
    objective = Parabola()
    objective.x.requires_grad_(False)
    objective.idle = nn.Parameter(torch.zeros(()))
    checkpoint = Checkpoint(tmp_path / "training.state", 1e6, {})
    checkpoint.live.every = 0
    budget = Training(steps=600, augmentation="none", learning_rate=0.1)  # a row of the history every third step
    train(
        objective,
        lambda step: (torch.tensor(5.0 - step) + 0 * objective.idle,),
        budget,
        torch.device("cpu"),
        "f32",
        "t",
        stage_checkpoint(checkpoint, "finetune", {}, None),
    )
    rows, _ = read_live(tmp_path / "training.live.csv")
    assert [row.loss for row in rows[1:6]] == [
        0,
        (0 + 1) / 2,
        pytest.approx((0 + 1 + 4) / 3, rel=1e-5),
        9,
        (9 + 16) / 2,
    ]


def test_telling_changes_no_number(tmp_path):
    for name in ("often", "never"):
        (tmp_path / name).mkdir()
    assert trained(tmp_path / "often", every=0) == trained(tmp_path / "never", every=1e9)


def test_rows_come_no_more_often_than_they_may(tmp_path):
    trained(tmp_path, every=1e9)
    assert [row.step for row in read_live(tmp_path / "training.live.csv")[0]] == [0]


def test_the_table_is_one_for_any_reader_of_csv(tmp_path):
    trained(tmp_path, every=0)
    with (tmp_path / "training.live.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert HEADER == HEAD and list(rows[0]) == HEAD.strip().split(",") and rows[-1]["step"] == "30"


def test_no_state_no_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LiveHistory(None).add_row("finetune", 1, 2)
    assert not LiveHistory(None).due() and not list(tmp_path.iterdir())


def test_a_table_of_an_earlier_process_is_begun_anew_and_a_second_stage_is_added(tmp_path):
    path = tmp_path / "training.live.csv"
    path.write_text(HEAD + "1,old_stage,7,9,0.1,0.1\n")
    live = LiveHistory(path)
    live.add_row("global_stage", 3, 9)
    live.add_row("local_stage", 0, 4)
    assert [(row.stage, row.step) for row in read_live(path)[0]] == [("global_stage", 3), ("local_stage", 0)]


@given(cut=st.integers(0, 400))
def test_a_table_that_was_cut_anywhere_gives_its_whole_rows(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "training.live.csv"
    lines = [f"{1000 + step}.25,finetune,{step},90,0.{step:04d},0.001\n" for step in range(10)]
    text = (HEAD + "".join(lines))[:cut]
    path.write_text(text)
    rows, _ = read_live(path)
    assert [row.step for row in rows] == list(range(max(0, text.count("\n") - 1)))


@pytest.mark.parametrize(
    "line",
    [
        "x,finetune,1,9,0.1,0.1",
        "1,<b>,1,9,0.1,0.1",
        "1,\x1b[31m,1,9,0.1,0.1",
        "nan,finetune,1,9,0.1,0.1",
        "1,finetune,10,9,0.1,0.1",
        "1,finetune,-1,9,0.1,0.1",
        "1,finetune,1,9,0.1",
        '1,"finetune,1,9,0.1,0.1',
        "1,finetune," + "9" * 5000 + ",9,0.1,0.1",
    ],
)
def test_what_is_no_row_is_passed_over(tmp_path, line):
    path = tmp_path / "training.live.csv"
    path.write_text(f"{HEAD}{line}\n2,finetune,5,9,nan,0.1\n")
    rows, _ = read_live(path)
    assert [row.step for row in rows] == [5]


def test_bytes_that_are_no_text_and_a_missing_table_are_met_with_calm(tmp_path):
    path = tmp_path / "training.live.csv"
    assert read_live(path) is None
    path.write_bytes(b"\x00\xff\xfe" * 50_000)
    assert read_live(path)[0] == []


def test_of_a_long_table_the_end_is_read(tmp_path):
    path = tmp_path / "training.live.csv"
    path.write_text(HEAD + "".join(f"{step},finetune,{step},99999,0.5,0.1\n" for step in range(20_000)))
    assert read_live(path)[0][-1].step == 19_999


@needs("mount", "umount")
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_told_once_and_rows_come_again_when_there_is_room(tmp_path, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "x", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        live = LiveHistory(disk / "training.live.csv")
        for step in range(300):  # fills the disk in the middle of a row
            live.add_row("finetune", step, 300, 0.123456, 0.001)
        filled = len(read_live(live.path)[0])
        subprocess.run(["mount", "-o", "remount,size=64k", disk], check=True)
        live.add_row("finetune", 300, 300, 0.5, 0.001)
        rows, _ = read_live(live.path)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert 0 < filled < 300 and rows[-1].step == 300 and len(rows) == filled + 1
    assert capsys.readouterr().err.count("not written") == 1
