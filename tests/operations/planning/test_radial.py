"""What reconstructing radial k-space costs a plan, against acquisitions that are made and hand numbers."""

from dataclasses import replace
from datetime import UTC, datetime

import nibabel as nib
import numpy as np
import pytest

from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Figures
from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.data.phantoms.source import list_subjects, read_acquisition
from fewlabel.operations.planning.calibration.calibration import Calibration, MeasuredStep
from fewlabel.operations.planning.calibration.calibration_table import SHIPPED, read_table
from fewlabel.operations.planning.cohort_sizes import cohort_size
from fewlabel.operations.planning.costs import (
    ACQUIRED_GRIDDINGS,
    ECHO_GRIDDINGS,
    GRIDDING_PACKS,
    GRIDDINGS,
    MEASURED_GRIDDINGS,
    PREPARE_BYTES,
    Costs,
)
from fewlabel.operations.planning.plan import make_plan, savings
from fewlabel.operations.planning.schedule import Machine
from fewlabel.operations.planning.step_work import StepWork
from helpers.studies import ROOT, merged

h5py = pytest.importorskip("h5py", reason="the extra `radial` is not installed")

PHANTOM = {
    "kind": "phantom", "anatomy": "abdomen", "labelled": 4, "pixel_mm": 10, "slice_mm": 20,
    "radial": {"spokes": 16, "coils": 8, "echoes": 2},
}  # fmt: skip
ONE_STEP = MeasuredStep(step=StepWork(stage="finetune", widths=[4, 8], matrix=(32, 32), batch=4), seconds=1)
SPEED = Calibration(
    device="cpu", name="made", precision="f32", automatic=True, measured=datetime.now(UTC), software={},
    steps=[ONE_STEP], volume_seconds={"pack": 1e6}, start_seconds=dict.fromkeys(("prepare", "fetch", "figure"), 0),
)  # fmt: skip
"""A second for each voxel that is packed, nothing for anything else."""


def experiment(source):
    cohorts = {"one": {"source": source, "grid": {"matrix": [32, 32], "spacing_mm": 10}, "test": 1}}
    made = load({**read_config([ROOT / "config.yaml"]), "cohorts": cohorts, "labels": [1]}, [])
    assert isinstance(made, Experiment)
    return made


def costs(source, folder):
    made = experiment(source)
    return Costs(made, {"one": cohort_size(made, "one", folder)}, SPEED)


def write_scans(folder, shape=(3, 8, 16, 64)):
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for name in "abc":
        with h5py.File(folder / "images" / f"{name}.h5", "w") as file:
            file["kspace"], file["matrix"] = np.ones(shape, np.complex64), 32
            file["trajectory"] = np.stack([np.stack([np.arange(-32, 32) / 64, np.zeros(64)], -1)] * 16)
        (folder / "labels" / f"{name}.nii.gz").write_bytes(b"")


def test_the_samples_of_a_phantom_are_those_that_are_made_of_it(tmp_path):
    made = experiment(PHANTOM)
    size = cohort_size(made, "one", tmp_path)
    source = made.cohorts["one"].source
    assert size.samples == sum(read_acquisition(source, one)[0].kspace.size for one in list_subjects(source))
    assert size.coils == 8


def test_the_samples_of_files_are_told_by_their_headers_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    write_scans(tmp_path / "scans")
    found = cohort_size(experiment({"kind": "radial", "folder": "scans"}), "one", tmp_path / "results")
    assert (found.samples, found.coils, found.voxels) == (3 * 3 * 8 * 16 * 64, 8, 3 * 3 * 32 * 32)
    absent = cohort_size(experiment({"kind": "radial", "folder": "nowhere"}), "one", tmp_path / "results")
    assert absent.samples == absent.slices * 16 * 192 * 64 and "of 16 coils and 192 spokes" in absent.source


@pytest.mark.parametrize("method", list(GRIDDINGS))
@pytest.mark.parametrize(("image", "echoes"), [("composite", 0), ("echo", 1), ("t2_map", 8)])
def test_a_plan_counts_how_often_kspace_is_gridded(tmp_path, monkeypatch, method, image, echoes):
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    write_scans(tmp_path / "scans")
    source = {"kind": "radial", "folder": "scans", "destreak": {"method": method}, "input": image}
    reported = costs(source, tmp_path / "results")
    samples, voxels = 3 * 3 * 8 * 16 * 64, 3 * 3 * 32 * 32
    gridded = GRIDDINGS[method] + ECHO_GRIDDINGS * echoes
    assert reported.prepare("one") == pytest.approx(voxels + GRIDDING_PACKS * gridded * samples)
    assert reported.fetch("one") == 0  # nothing is reconstructed to be checked
    wide = 3 * 64 * 64 if method in ("cactus", "bstar") else 0  # pixels
    held = 8 * 8 * wide + 28 * wide + (method == "bstar") * 2 * 8 * 8**2 * 32 * 32
    assert reported.prepare_memory("one") == pytest.approx(PREPARE_BYTES + held)


@pytest.mark.parametrize("method", ["cactus", "bstar", "remove_coils"])
def test_masks_of_the_interference_save_what_is_gridded_wide(tmp_path, monkeypatch, method):
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    write_scans(tmp_path / "scans")
    source = {"kind": "radial", "folder": "scans", "destreak": {"method": method}}
    found = costs(source, tmp_path / "results")
    masked = costs({**source, "interference": "streaks"}, tmp_path / "results")
    samples, pixels = 3 * 3 * 8 * 16 * 64, 3 * 32 * 32
    wide = method != "remove_coils"
    less = 0.2 * GRIDDING_PACKS * samples if wide else 0
    assert masked.prepare("one") == pytest.approx(found.prepare("one") - less)
    more = (8 * 8 + 28) * (pixels - 4 * pixels * wide)
    assert masked.prepare_memory("one") == pytest.approx(found.prepare_memory("one") + more)


def test_finished_coil_images_are_counted_by_their_headers(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    write_scans(tmp_path / "scans")
    images = tmp_path / "scans" / "images"
    for path in images.iterdir():
        path.unlink()
    for name in "ab":
        np.save(images / f"{name}.npy", np.ones((32, 24, 3, 8), np.complex64))
    for part in ("real", "imaginary"):
        nib.save(nib.Nifti1Image(np.ones((32, 24, 3, 6), np.float32), np.eye(4)), images / f"c_{part}.nii.gz")
    source = {"kind": "radial", "folder": "scans", "destreak": {"method": "cactus"}}
    reported = costs(source, tmp_path / "results")
    size = reported.sizes["one"]
    assert (size.samples, size.coils, size.voxels) == (0, 8, 3 * 32 * 24 * 3)
    assert reported.prepare_memory("one") == pytest.approx(PREPARE_BYTES + (8 * 8 + 28) * 32 * 24 * 3)
    assert reported.prepare("one") == pytest.approx(size.voxels)


def test_coil_images_are_kept_for_a_second_look_as_far_as_memory_is_meant_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    write_scans(tmp_path / "scans")
    reported = costs({"kind": "radial", "folder": "scans", "destreak": {"method": "cactus"}}, tmp_path / "results")
    size = replace(reported.sizes["one"], voxels=3 * 40 * 320**2, coils=16)
    # 2.1 GB of coil images, of which 512 MB are kept.
    held = 512e6 + 28 * 40 * 640**2
    assert replace(reported, sizes={"one": size}).prepare_memory("one") == pytest.approx(PREPARE_BYTES + held)


def test_a_phantom_that_is_acquired_takes_longer_than_one_that_is_not(tmp_path):
    plain = costs({key: value for key, value in PHANTOM.items() if key != "radial"}, tmp_path)
    acquired, mapped = (
        costs(merged(PHANTOM, {"radial": {"input": image}}), tmp_path) for image in ("composite", "t2_map")
    )
    assert plain.prepare("one") < acquired.prepare("one") < mapped.prepare("one")
    assert plain.prepare_memory("one") == PREPARE_BYTES < acquired.prepare_memory("one")


def test_measuring_streaks_costs_by_strengths_and_by_how_fine_the_phantom_is(tmp_path):
    def seconds(figure):
        reported = costs(PHANTOM, tmp_path)
        made = reported.experiment.model_copy(update={"figures": Figures(destreaking=figure)})
        reported = Costs(made, reported.sizes, SPEED)
        return reported.destreaking(), reported.destreaking_memory()

    few = {"strengths": [1, 2], "subjects": 1}
    base, memory = seconds(few)
    samples = costs(PHANTOM, tmp_path).sizes["one"].samples / 4
    assert base == pytest.approx(GRIDDING_PACKS * samples * (4 * ACQUIRED_GRIDDINGS + 2 * MEASURED_GRIDDINGS))
    assert seconds({**few, "subjects": 3})[0] == pytest.approx(3 * base)
    assert seconds({**few, "pixel_mm": 5, "slice_mm": 10})[0] == pytest.approx(4 * base)
    assert seconds({**few, "pixel_mm": 5})[1] > memory > PREPARE_BYTES
    assert seconds(None) == (0, PREPARE_BYTES)


def test_a_cut_that_something_else_of_the_experiment_forbids_is_not_offered(tmp_path):
    files = [ROOT / "config.yaml", ROOT / "experiments/destreaking.yaml"]
    plan = make_plan(load(read_config(files), files), Machine(2), read_table(SHIPPED)[0], tmp_path, whole=True)
    offered = [cut.change for cut in savings(plan)]
    # Others are split as `clean`, which is measured as well.
    assert "cohorts.bstar: null" in offered and "cohorts.clean: null" not in offered
