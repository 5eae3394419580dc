"""A whole study of several classes, channels and neighbouring slices, beside a cohort of one class."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from helpers.studies import Study

CLASSES = {"left_ventricle": [3, 4], "right_ventricle": [1], "myocardium": [2]}
NUMBERS = {"right_ventricle": 1, "myocardium": 2, "left_ventricle": 3}
COHORT = "heart"
CHANGE = {
    "cohorts": {
        "liver_phantom": None,
        COHORT: {
            "source": {
                "kind": "nifti",
                "folder": "cohort",
                "classes": CLASSES,
                "channels": {"t2w": "_t2w", "adc": "_adc"},
            },
            "grid": {"matrix": [32, 32], "spacing_mm": 2},
            "test": 3,
            "flip": ["columns"],
        },
    },
    "network": {"context": 3},
    "finetuning": {"steps": 12, "loss": "dice_cross_entropy"},
    "evaluation": {"mirror": True, "largest_component": True, "smallest_ml": 0.05},
}
pytestmark = pytest.mark.xdist_group("classes")  # one process runs the study once


def write_cohort(folder, subjects=7, shape=(28, 30, 6)):
    """Balls in shells and a disc beside them, with a T2w image and an ADC map."""
    generator = np.random.default_rng(0)
    x, y, z = np.meshgrid(*map(np.arange, shape), indexing="ij")
    for number in range(subjects):
        centre = np.array(shape) / 2 + generator.uniform(-2, 2, 3) * [1, 1, 0.3]
        radius = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (2 * (z - centre[2])) ** 2)
        mask = np.zeros(shape, np.uint8)
        mask[(np.abs(x - centre[0] + 9) < 3) & (np.abs(y - centre[1]) < 5) & (z > 0)] = 1
        mask[radius < 8], mask[radius < 5] = 2, 3
        mask[(radius < 5) & (z > centre[2])] = 4
        images = {"t2w": np.array([0.1, 0.6, 0.3, 0.9, 0.9]), "adc": np.array([0.2, 0.8, 0.5, 0.4, 0.4])}
        for name, levels in images.items():
            image = 1000 * (levels[mask] + generator.normal(0, 0.05, shape))
            (folder / "images").mkdir(parents=True, exist_ok=True)
            nib.save(
                nib.Nifti1Image(image.astype(np.float32), np.diag([2, 2, 5, 1])),
                folder / "images" / f"s{number}_{name}.nii.gz",
            )
        (folder / "labels").mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(mask, np.diag([2, 2, 5, 1])), folder / "labels" / f"s{number}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("classes"))
    write_cohort(study.folder / "cohort")
    process = study.run(change={**CHANGE, "data_root": str(study.folder)})
    assert process.returncode == 0, process.stdout + process.stderr
    return study.results


def array_of(path):
    return np.asarray(nib.load(path).dataobj).astype(int)


def test_masks_hold_class_numbers_in_the_order_of_values(study):
    truth = array_of(study / COHORT / "native/labels/s0.nii.gz")
    original = array_of(study.parents[1] / "cohort/labels/s0.nii.gz")
    expected = np.zeros_like(original)
    for name, number in NUMBERS.items():
        expected[np.isin(original, CLASSES[name])] = number
    assert np.array_equal(truth, expected)
    images, masks = (np.load(study / COHORT / "slices" / f"{name}.npy") for name in ("images", "masks"))
    assert images.shape == (42, 2, 32, 32) and masks.shape == (42, 32, 32) and set(np.unique(masks)) == {0, 1, 2, 3}


def test_scores_of_each_class_are_those_of_the_masks_on_disk(study):
    scores = pd.read_csv(study / "scores.csv")
    own = scores[scores["cohort"] == COHORT]
    assert len(own) == len(own.drop_duplicates(["method", "n", "draw", "subject", "class"]))
    assert set(own["class"]) == set(NUMBERS) and own["class"].isin(NUMBERS).all()
    assert scores.loc[scores["cohort"] == "prostate_phantom", "class"].isna().all()
    for row in own.itertuples():
        n = f"n{row.n}" if row.method != "supervised" else "nall"
        place = study / COHORT / f"finetuned/{row.method}/{n}/draw{row.draw}/predictions/{row.subject}.nii.gz"
        truth, predicted = (
            array_of(path) == NUMBERS[row[6]]
            for path in (study / COHORT / f"native/labels/{row.subject}.nii.gz", place)
        )
        both = truth.sum() + predicted.sum()
        assert row.dice == pytest.approx(2 * (truth & predicted).sum() / both if both else 1, abs=1e-6)
        assert row.predicted_ml == pytest.approx(predicted.sum() * 0.02, abs=1e-4)
        assert not 0 < predicted.sum() * 0.02 < 0.05


def test_networks_have_inputs_and_outputs_of_channels_context_and_classes(study):
    record = json.loads((study / COHORT / "finetuned/scratch/n1/draw1/run.json").read_text())
    # In the order of the file, whose keys PyYAML has sorted.
    assert record["settings"]["channels"] == ["adc", "t2w"]
    assert record["settings"]["classes"] == CLASSES
    with safe_open(study / COHORT / "finetuned/scratch/n1/draw1/weights.safetensors", framework="pt") as weights:
        assert weights.get_slice("encoder.stages.0.0.weight").get_shape()[1] == 2 * 3
        assert weights.get_slice("output.weight").get_shape()[0] == 1 + 3


def test_tables_have_the_mean_and_each_class(study):
    dice = pd.read_csv(study / "tables/table2_dice.csv")
    own = dice[dice["cohort"] == COHORT]
    assert list(own["class"].unique()) == ["mean", *NUMBERS]
    for _, rows in own.groupby(["method", "n"]):
        by_class = rows.set_index("class")["dice_mean"]
        assert by_class["mean"] == pytest.approx(by_class[list(NUMBERS)].mean(), abs=2e-3)


def test_everything_that_a_study_shows_is_there(study):
    for name in ("index.html", "explorer.html", "report.html", "figures/figure3_label_curves.png"):
        assert (study / name).stat().st_size > 1000
