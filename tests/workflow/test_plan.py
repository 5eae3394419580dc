"""`fewlabel plan` against what the workflow plans, and against a study that really ran."""

import shutil
from collections import Counter

import pytest
import yaml

from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.operations.planning.calibration.calibration_table import SHIPPED, read_table
from fewlabel.operations.planning.plan import make_plan, savings
from fewlabel.operations.planning.schedule import Machine
from fewlabel.operations.planning.tasks import pretext_figures, reports
from helpers.missing_packages import needs_radial
from helpers.studies import ROOT, TINY, merged

SPEED = read_table(SHIPPED)[0]


def experiment(folder, change=None):
    overlay = folder / "plan.yaml"
    overlay.write_text(yaml.safe_dump(merged(TINY, change or {})))
    files = [ROOT / "config.yaml", overlay]
    return load(read_config(files), files)


def planned(folder, results, change=None, whole=False, machine=None):
    return make_plan(experiment(folder, change), machine or Machine(2), SPEED, results, whole)


def size_of(folder, pattern="*"):
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


# Starts from the network of `regression`.
SLOWER = {"slower": {"pretext": "regression", "finetuning": {"learning_rate": 1e-4}, "labels": [1]}}


@pytest.mark.parametrize("methods", [{}, SLOWER], ids=["demo", "shared pretraining"])
def test_the_jobs_of_a_plan_are_those_of_the_workflow(fresh, tmp_path, methods):
    recipe = read_config([ROOT / "config.yaml"])["methods"]["regression"]
    of_regression = {
        "training": merged(recipe["training"], TINY["methods"]["regression"]["training"]),
        "corrupted": 0.25,
    }
    change = {"methods": {name: {**of_regression, **method} for name, method in methods.items()}}
    counts, _ = fresh.planned(change=change)
    plan = planned(tmp_path, tmp_path / "results", change)
    found = Counter(task.rule for task in plan.left)
    assert {rule: count for rule, count in found.items() if rule not in ("record", "report", "results_page")} == counts
    assert counts["pretrain"] == 4


@needs_radial
def test_what_is_measured_of_streaks_is_planned_as_the_workflow_runs_it(fresh, tmp_path):
    change = {
        "cohorts": {"liver_phantom": {"source": {"radial": {}}}},
        "figures": {"destreaking": {}},
    }
    counts, _ = fresh.planned(change=change)
    plan = planned(tmp_path, tmp_path / "results", change)
    found = Counter(task.rule for task in plan.left)
    assert {rule: count for rule, count in found.items() if rule not in ("record", "report", "results_page")} == counts
    assert [counts[rule] for rule in ("destreaking", "figure_destreaking", "table_destreaking")] == [1, 1, 1]


def test_test_folds_are_planned_as_the_workflow_runs_them(fresh, tmp_path):
    change = {"cohorts": {"liver_phantom": {"test": None, "folds": 3}}}
    counts, _ = fresh.planned(change=change)
    plan = planned(tmp_path, tmp_path / "results", change)
    found = Counter(task.rule for task in plan.left)
    assert {rule: count for rule, count in found.items() if rule not in ("record", "report", "results_page")} == counts
    # The cohort as a whole and its folds; the other cohort.
    assert (counts["split"], counts["prepare"], counts["pretrain"]) == (5, 2, 8)


def test_nothing_of_a_finished_study_is_left_and_all_of_it_when_asked(finished, tmp_path):
    results = finished.folder / "results"
    assert planned(tmp_path, results).left == []
    again = planned(tmp_path, results, whole=True)
    assert len(again.left) == sum(planned(tmp_path, results).done.values())


def test_what_a_change_makes_again_is_left(finished, tmp_path):
    results = finished.folder / "results"
    study = experiment(tmp_path)
    made_again = reports(study).keys() - pretext_figures(study).keys()
    more = Counter(task.rule for task in planned(tmp_path, results, {"draws": 3}).left)
    assert more == {
        "draw": 2,
        "finetune": 14,
        "evaluate": 14,
        **dict.fromkeys(made_again, 1),
    }
    other = Counter(task.rule for task in planned(tmp_path, results, {"finetuning": {"steps": 5}}).left)
    assert other["pretrain"] == 0
    assert other["finetune"] > 0


def test_the_disk_of_a_plan_is_the_disk_of_the_study(finished, tmp_path):
    disk, folder = planned(tmp_path, finished.folder / "results").disk, finished.results
    cohorts = ("liver_phantom", "prostate_phantom")
    slices = sum(size_of(folder / cohort / "slices") for cohort in cohorts)
    native = sum(size_of(folder / cohort / "native") for cohort in cohorts)
    weights = size_of(folder, "weights.safetensors") + size_of(folder, "pretext.safetensors")
    assert disk.slices == pytest.approx(slices, rel=0.05)
    assert disk.native == pytest.approx(native, rel=0.2)
    assert disk.weights == pytest.approx(weights, rel=0.2)


def test_cohorts_on_disk_are_told_from_headers_and_prepared_ones_from_their_slices(finished, tmp_path):
    data = tmp_path / "data" / "mine"
    shutil.copytree(finished.results / "liver_phantom" / "native", data)
    config = merged(read_config([ROOT / "config.yaml"]), TINY)
    config["cohorts"]["liver_phantom"]["source"] = {"kind": "nifti", "folder": str(data)}
    study = load(config)
    unknown = make_plan(study, Machine(2), SPEED, tmp_path / "results", whole=True).costs.sizes["liver_phantom"]
    prepared = make_plan(study, Machine(2), SPEED, finished.folder / "results", whole=True).costs.sizes["liver_phantom"]
    made = planned(tmp_path, tmp_path / "results").costs.sizes["liver_phantom"]
    assert "headers" in unknown.source and "prepared" in prepared.source and "settings" in made.source
    for found in (unknown, prepared):
        assert (found.subjects, found.labelled, found.slices, found.voxels) == (8, 6, made.slices, made.voxels)


def test_half_the_steps_save_half_of_the_steps_time(tmp_path):
    few, half, plan = (
        planned(tmp_path, tmp_path / "results", {"finetuning": {"steps": steps}}) for steps in (1, 500, 1000)
    )
    saved = {cut.change: cut for cut in savings(plan)}
    own = ("scratch", "regression", "contrastive")  # the benchmark has steps of its own
    one, training = (sum(each.seconds(rule="finetune", method=name) for name in own) for each in (few, plan))
    assert saved["finetuning.steps: 500 (not 1000)"].work == pytest.approx(plan.seconds() - half.seconds())
    # All but one of the steps; starts and evaluations are the same.
    assert saved["finetuning.steps: 500 (not 1000)"].work == pytest.approx((training - one) * 500 / 999)


def test_what_saves_most_comes_first_and_more_workers_wait_no_longer(tmp_path):
    plan = planned(tmp_path, tmp_path / "results", machine=Machine(100))
    saved = [cut.work for cut in savings(plan)]
    assert saved == sorted(saved, reverse=True)
    walls = [planned(tmp_path, tmp_path / "results", machine=Machine(cores)).wall_seconds for cores in (1, 2, 4, 100)]
    assert walls == sorted(walls, reverse=True)
    assert walls[-1] >= plan.shortest_seconds * (1 - 1e-9)


def test_a_gpu_trains_and_cores_do_the_rest(tmp_path):
    plan = planned(tmp_path, tmp_path / "results", machine=Machine(2, gpus=1))
    assert {task.rule for task in plan.left if task.place == "gpu"} == {"pretrain", "finetune", "evaluate"}
    assert plan.seconds("gpu") + plan.seconds("core") == pytest.approx(plan.seconds())
