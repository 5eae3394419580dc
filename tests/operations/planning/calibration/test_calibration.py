"""From measured steps to others."""

import subprocess
from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from fewlabel.operations.planning.calibration.calibration import Calibration, MeasuredStep, cost, fit
from fewlabel.operations.planning.calibration.calibration_table import SHIPPED, read_table
from fewlabel.operations.planning.calibration.designs import designed
from fewlabel.operations.planning.calibration.shared_gpu import other_trainings
from fewlabel.operations.planning.step_work import StepWork, Work, step_work
from fewlabel.utils.errors import InputError

COSTS = Work(multiply_adds=2e-11, activations=1e-9, parameters=5e-9, pixels=3e-9, calls=5e-5)


def rows(costs=COSTS, noise=0.0):
    chance = np.random.default_rng(0)
    steps = [planned.step for planned in designed()]
    times = [(step, cost(step, costs) * (1 + noise * chance.uniform(-1, 1))) for step in steps]
    return [MeasuredStep(step=step, seconds=seconds) for step, seconds in times]


def calibration(steps):
    return Calibration(
        device="cpu",
        name="A processor",
        precision="f32",
        automatic=True,
        measured=datetime(2026, 1, 2, tzinfo=UTC),
        software={},
        steps=steps,
        volume_seconds={},
        start_seconds={},
    )


def test_a_machine_whose_times_are_sums_is_found_again():
    assert fit(rows()).counts() == pytest.approx(COSTS.counts(), rel=1e-6)


def test_no_cost_is_below_zero_however_the_measurements_scatter():
    assert min(fit(rows(noise=0.5)).counts()) >= 0


def test_a_step_left_out_of_noisy_measurements_is_told_within_the_noise():
    measured = rows(noise=0.1)
    for place, row in enumerate(measured):
        others = fit(measured[:place] + measured[place + 1 :])
        assert cost(row.step, others) == pytest.approx(cost(row.step, COSTS), rel=0.3)


def test_a_measured_step_is_told_as_measured():
    step = designed()[0].step
    assert calibration([MeasuredStep(step=step, seconds=12.5), *rows()[1:]]).step_seconds(step) == 12.5


def test_other_trainings_take_steps_beside_the_measured_one_and_end_with_it(monkeypatch):
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    with other_trainings(2, torch.device("cpu"), "f32"):
        assert [process.poll() for process in started] == [None, None]
    assert all(process.poll() is not None for process in started)


def test_a_training_beside_that_fails_is_told(monkeypatch):
    with (
        pytest.raises(InputError, match=r"--slots-per-gpu 2: .* failed .*; to fix: lower it"),
        other_trainings(1, torch.device("meta"), "f32"),
    ):
        pass


def test_twice_as_slow_a_machine_takes_twice_as_long():
    slow = [MeasuredStep(step=row.step, seconds=2 * row.seconds) for row in rows()]
    step = StepWork(stage="finetune", widths=[8, 16], matrix=(48, 48), batch=5)
    assert calibration(slow).step_seconds(step) == pytest.approx(2 * calibration(rows()).step_seconds(step))


def test_memory_of_a_gpu_is_told_from_its_peaks_and_unknown_without_them():
    def peak(step):
        work = step_work(step)
        return round(2e8 + 3 * work.activations + 16 * work.parameters)

    measured = [row.model_copy(update={"peak_gpu_bytes": peak(row.step)}) for row in rows()]
    step = StepWork(stage="finetune", widths=[8, 16, 32], matrix=(96, 96), batch=6)
    assert calibration(measured).gpu_bytes(step) == pytest.approx(peak(step), rel=1e-3)
    assert calibration(rows()).gpu_bytes(step) is None


@pytest.mark.parametrize("entry", read_table(SHIPPED), ids=lambda entry: f"{entry.device} {entry.precision}")
def test_shipped_times_say_where_and_when_and_larger_steps_take_longer(entry):
    assert entry.name in entry.describe() and str(entry.measured.date()) in entry.describe()
    assert [row.step for row in entry.steps] == [planned.step for planned in designed()]
    small = StepWork(stage="finetune", widths=[8, 16, 32], matrix=(64, 64), batch=8)
    for change in ({"batch": 16}, {"matrix": (128, 128)}, {"widths": [16, 32, 64]}):
        assert entry.step_seconds(small.model_copy(update=change)) > entry.step_seconds(small)


@pytest.mark.parametrize("entry", read_table(SHIPPED), ids=lambda entry: f"{entry.device} {entry.precision}")
def test_shipped_times_follow_from_each_other(entry):
    """Half of them are told from the others within 30 %, none is off by more than a factor of two."""
    steps = entry.steps
    errors = [
        abs(cost(row.step, fit(steps[:place] + steps[place + 1 :])) / row.seconds - 1)
        for place, row in enumerate(steps)
    ]
    assert np.median(errors) < 0.3
    assert max(errors) < 1
