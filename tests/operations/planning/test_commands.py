"""The commands as people call them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.operations.planning.calibration import calibration_table, designs
from fewlabel.operations.planning.calibration.calibration_table import (
    SHIPPED,
    SHIPPED_GPUS,
    add_to_table,
    choose,
    read_table,
)
from helpers import preloaded
from helpers.made_gpus import install

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config.yaml"


def fewlabel(folder, *arguments):
    """Run a command in a folder; its exit code, and what it said."""
    process = preloaded.run(*arguments, cwd=folder)
    return process.returncode, process.stdout + process.stderr


def test_the_plan_of_the_demo_tells_jobs_time_memory_disk_and_cuts(tmp_path):
    code, text = fewlabel(tmp_path, "plan", CONFIG, "--workers", 2)
    assert code == 0, text
    assert "2 cohorts x 4 methods" in text
    finetune = next(line.split() for line in text.splitlines() if line.startswith("finetune"))
    assert finetune[1:3] == ["52", "0"]
    for word in ("CPU hours", "wall time", "on 2 cores", "memory", "disk", "checkpoints", "changes that reduce it"):
        assert word in text
    assert "known from its settings" in text


def test_a_plan_for_gpus_without_a_calibration_tells_no_hours(tmp_path):
    code, text = fewlabel(tmp_path, "plan", CONFIG, ROOT / "experiments" / "paper.yaml", "--gpus", 4)
    assert code == 0, text
    assert "such a device was not measured" in text and "fewlabel calibrate" in text
    assert "hours:" not in text and "wall time" not in text
    assert "assumed, since its files are missing" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.yaml"], ["nowhere.yaml", "no such experiment file"]),
        ([CONFIG, "--workers", 0], ["--workers", "greater than or equal to 1"]),
        ([CONFIG, "--device", "abacus"], ["abacus", "accepted: cpu, cuda, mps", "fewlabel calibrate"]),
        ([CONFIG, "--gpus", 2, "--device", "cpu"], ["--gpus 2", "not a GPU; accepted: cuda"]),
        ([CONFIG, "--calibration", "nowhere.json"], ["nowhere.json", "fewlabel calibrate"]),
        ([CONFIG, "--gpus", 1, "--calibration", SHIPPED], ["measured.json", "no measurements of cuda"]),
    ],
)
def test_bad_input_is_told_with_what_is_accepted(tmp_path, arguments, words):
    code, text = fewlabel(tmp_path, "plan", *arguments)
    assert code in (1, 2)
    for word in words:
        assert word in text
    assert "Traceback" not in text


def test_a_file_that_is_no_calibration_is_refused(tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text('[{"device": "cpu"}]')
    code, text = fewlabel(tmp_path, "plan", CONFIG, "--calibration", path)
    assert code == 1
    assert "not a calibration" in text and "Traceback" not in text


def test_a_calibration_of_this_machine_is_written_and_planned_with(tmp_path, monkeypatch):
    """In a few seconds: too short to tell times, long enough to take a small step of each stage."""
    tiny = tmp_path / "tiny.yaml"
    small = [row for row in designs.DESIGN if row[1] == designs.SMALL and row[2] == 64]
    monkeypatch.setattr(designs, "DESIGN", small)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["calibrate", "--seconds", "5", "--device", "cpu", "--precision", "f32"])
    assert done.exit_code == 0, done.output
    (found,) = read_table(tmp_path / "results" / "calibration.json")
    assert (found.device, found.precision, found.threads) == ("cpu", "f32", 1)
    assert all(row.seconds > 0 for row in found.steps)
    assert {row.step.stage for row in found.steps} == {"regression", "global", "local", "finetune", "predict"}
    tiny.write_text(json.dumps({"precision": "f32"}))
    code, text = fewlabel(tmp_path, "plan", CONFIG, tiny, "--calibration", "results/calibration.json")
    assert code == 0, text
    assert f"based on: {found.name} (cpu, f32" in text and "from results/calibration.json" in text


def test_a_newer_calibration_takes_the_place_of_the_older_one_of_its_device_alone(tmp_path):
    first = read_table(SHIPPED)[0]
    path = tmp_path / "calibration.json"
    gpu = first.model_copy(update={"device": "cuda", "name": "A large GPU"})
    newer = first.model_copy(update={"load": 0.0})
    for entry in (first, gpu, newer):
        add_to_table(path, entry)
    assert read_table(path) == [gpu, newer]
    assert choose("cuda", "auto", path).calibration == gpu
    assert choose("large", "auto", path).calibration == gpu
    assert choose(first.device, first.precision, path).calibration == newer


def test_auto_is_the_precision_that_the_device_takes_by_itself(tmp_path):
    first = read_table(SHIPPED)[0]
    path = tmp_path / "calibration.json"
    for precision, automatic in (("bf16", True), ("f32", False)):
        entry = first.model_copy(update={"precision": precision, "automatic": automatic})
        add_to_table(path, entry)
    for wanted, found in (("auto", "bf16"), ("bf16", "bf16"), ("f32", "f32")):
        chosen = choose("cpu", wanted, path)
        assert chosen is not None
        assert chosen.calibration.precision == found


def gpu_calibration(name, **changes):
    """Step times of the package, as if a GPU had taken them."""
    changes = {"device": "cuda", "name": name, "automatic": True, **changes}
    return read_table(SHIPPED)[0].model_copy(update=changes)


def made_machine(folder, name):
    """Environment variables of a machine with one GPU of this model."""
    return {"PATH": f"{install(folder / 'bin', (0, 'GPU-0', name, 10**10, 10**10))}:/usr/bin:/bin"}


def plan_gpus(folder, *arguments, env=preloaded.NONE):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in env.items():
            patch.setenv(name, value)
        done = CliRunner().invoke(app, ["plan", str(CONFIG), *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_table_of_gpus_has_gpus_alone():
    assert {entry.device for entry in read_table(SHIPPED_GPUS)} <= {"cuda"}


def test_a_plan_for_gpus_says_where_to_measure_them(tmp_path):
    assert "srun --gpus=1 fewlabel calibrate" in plan_gpus(tmp_path, "--gpus", 2, env={"PATH": "/usr/bin:/bin"})
    here = plan_gpus(tmp_path, "--gpus", 2, env=made_machine(tmp_path, "A large GPU"))
    assert "run `fewlabel calibrate` here, with A large GPU" in here and "GPU hours" not in here


def test_hours_are_those_of_a_gpu_of_this_machine_where_several_were_measured(tmp_path):
    table = tmp_path / "results" / "calibration.json"
    for name in ("A large GPU", "A small GPU"):
        add_to_table(table, gpu_calibration(name))
    text = plan_gpus(tmp_path, "--gpus", 2, env=made_machine(tmp_path, "A large GPU"))
    assert "GPU hours: " in text and "based on: A large GPU (cuda" in text and "from results/calibration.json" in text
    assert "also measured: A small GPU; to plan with one: `--device`" in text
    other = plan_gpus(tmp_path, "--gpus", 2, "--device", "small", env=made_machine(tmp_path, "A large GPU"))
    assert "based on: A small GPU" in other and "this machine has another GPU (A large GPU)" in other


def test_a_gpu_in_the_table_of_the_package_has_hours_whatever_the_processor_is(tmp_path, monkeypatch):
    shipped = tmp_path / "gpus.json"
    monkeypatch.setattr(calibration_table, "SHIPPED_GPUS", shipped)
    monkeypatch.chdir(tmp_path)
    for precision in ("bf16", "f32"):
        gpu = gpu_calibration("A large GPU", precision=precision)
        shipped.unlink(missing_ok=True)
        add_to_table(shipped, gpu)
        chosen = choose("cuda", "auto", None)
        assert (chosen.calibration, chosen.origin) == (gpu, "the table of the package")
    add_to_table(tmp_path / "results" / "calibration.json", gpu_calibration("Mine"))
    assert choose("cuda", "auto", None).calibration.name == "Mine"


def test_only_a_gpu_is_measured_with_trainings_beside(tmp_path):
    code, text = fewlabel(tmp_path, "calibrate", "--slots-per-gpu", 2, "--device", "cpu")
    assert code == 1 and "--slots-per-gpu 2 on cpu: accepted: 1, or more on a GPU" in text


def gpu_hours(text):
    return float(text.partition("GPU hours: ")[2].partition(";")[0])


def test_trainings_that_share_a_gpu_gain_what_was_measured_and_otherwise_nothing(tmp_path):
    table = tmp_path / "results" / "calibration.json"
    single = gpu_calibration("A large GPU")
    add_to_table(table, single)
    alone, assumed = plan_gpus(tmp_path, "--gpus", 1), plan_gpus(tmp_path, "--gpus", 1, "--slots-per-gpu", 4)
    assert "4 trainings share a GPU; not measured" in assumed and "share a GPU" not in alone
    assert 0.5 * gpu_hours(alone) < gpu_hours(assumed) < gpu_hours(alone)  # starts overlap
    # Four at once, each as fast as one alone.
    add_to_table(table, single.model_copy(update={"slots": 4}))
    measured = plan_gpus(tmp_path, "--gpus", 1, env={"FEWLABEL_SLOTS_PER_GPU": "4"})
    assert "not measured" not in measured and "4 trainings at once" in measured
    assert gpu_hours(measured) == pytest.approx(gpu_hours(alone) / 4, abs=0.01)
    assert gpu_hours(plan_gpus(tmp_path, "--gpus", 1)) == gpu_hours(alone)


def test_step_times_of_another_processor_are_told_as_such(tmp_path):
    other = read_table(SHIPPED)[0].model_copy(update={"name": "An abacus", "automatic": True})
    add_to_table(tmp_path / "results" / "calibration.json", other)
    code, text = fewlabel(tmp_path, "plan", CONFIG)
    assert code == 0, text
    assert "based on: An abacus" in text and "another processor" in text


# --------------------------------------------------------------------------------- what a run would refuse, before it
def overlay(folder, text, name="mine.yaml"):
    (folder / name).write_text(text)
    return folder / name


def problem_lines(text):
    return [line.removeprefix("problem  ") for line in text.splitlines() if line.startswith("problem  ")]


def own_cohort(folder, labelled):
    """Files of a cohort, which no listing opens."""
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
        for index in range(labelled):
            (folder / kind / f"s{index}.nii.gz").touch()


REFUSED = """
study: mine
labels: [1, 30]
cohorts:
  liver_phantom: {source: {labelled: 8}, test: 10}
  prostate_phantom: {test: [pelvis_001, nobody]}
  absent: {source: {kind: nifti, folder: nowhere}}
  small: {source: {kind: nifti, folder: small}, test: 4}
"""


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_what_a_run_would_refuse_is_told_at_once_without_it(tmp_path, monkeypatch, command):
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    own_cohort(tmp_path / "small", labelled=3)
    code, text = fewlabel(tmp_path, command, overlay(tmp_path, REFUSED))
    assert code == 1 and "Traceback" not in text, text
    absent, liver, prostate, small = problem_lines(text)
    assert absent.startswith("cohorts.absent.source: ") and "nowhere: no such folder" in absent and "to fix:" in absent
    assert liver.startswith("cohorts.liver_phantom.test: 10 test subjects of 8 labelled ones leave none to train on")
    assert prostate.startswith("cohorts.prostate_phantom.test: no subject 'nobody' in the cohort")
    assert small.startswith("cohorts.small.test: 4 test subjects of 3 labelled ones")


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_pool_smaller_than_the_largest_n_is_a_problem(tmp_path, command):
    text = "labels: [1, 200]\ncohorts: {prostate_phantom: null}\n"
    code, said = fewlabel(tmp_path, command, overlay(tmp_path, text))
    (line,) = problem_lines(said)
    assert code == 1 and line.startswith("labels: N = 200, but the pool of cohorts.liver_phantom has")


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_mistakes_of_the_experiment_are_problems_too(tmp_path, command):
    code, said = fewlabel(tmp_path, command, overlay(tmp_path, "labls: [1]\ndraws: 0\n"))
    assert code == 1
    assert [line.rpartition("mine.yaml")[2][:9] for line in problem_lines(said)] == [":2: draws", ":1: labls"]


def test_a_cohort_that_was_checked_elsewhere_or_can_be_downloaded_is_no_problem(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    text = "study: mine\ncohorts: {absent: {source: {kind: nifti, folder: nowhere}}}\n"
    mine = overlay(tmp_path, text)
    assert fewlabel(tmp_path, "validate", mine)[0] == 1
    record = tmp_path / "results/mine/absent/splits/source.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    assert fewlabel(tmp_path, "validate", mine)[0] == 0
    url = "cohorts: {far: {source: {kind: decathlon, url: 'https://example.org/t.tar', md5: " + "a" * 32 + "}}}\n"
    assert fewlabel(tmp_path, "validate", overlay(tmp_path, url))[0] == 0


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_cohorts_of_other_people_are_not_split_alike(tmp_path, command):
    twin = "{source: {kind: phantom, anatomy: abdomen, labelled: 20}, test: 12, grid: {matrix: [64, 64]}, "
    text = "cohorts: {prostate_phantom: null, twin: " + twin + "split_as: liver_phantom}}\nlabels: [1]\n"
    code, said = fewlabel(tmp_path, command, overlay(tmp_path, text))
    assert code == 1
    assert any("split_as: liver_phantom has other subjects" in line for line in problem_lines(said)), said


def test_overlays_are_planned_and_validated_over_config_yaml_by_themselves(tmp_path):
    mine = overlay(tmp_path, "study: mine\ndraws: 2\n")
    for asked in ("validate", "plan"):
        alone, both = fewlabel(tmp_path, asked, mine), fewlabel(tmp_path, asked, CONFIG, mine)
        assert alone == both and alone[0] == 0
    assert "prostate_phantom" in alone[1]
