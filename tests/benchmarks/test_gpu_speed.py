"""The benchmark of a GPU, whose code also runs on a CPU."""

import pytest

pytest.importorskip("monai")

from benchmarks import gpu_speed


def test_quick_mode_runs_on_a_cpu_and_fills_all_tables():
    section = gpu_speed.measure(quick=True)
    assert len(section.tables) == 4 and all(section.tables.values())
    *parts, whole = section.tables["The paper's grid, extrapolated"]
    # Two tasks of equal steps; each has five draws of six N with three methods.
    assert {row["stage"]: row["runs"] for row in parts} == {"finetune": 180, "regression": 2, "global": 2, "local": 2}
    assert all(row["steps"] == 10_000 for row in parts)
    assert whole["hours"] == pytest.approx(sum(row["hours"] for row in parts), rel=0.01)
