"""The disk that a study takes, against what its trainings write."""

import pytest
import torch

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.training import pretrain_settings
from fewlabel.operations.planning.calibration.step_times import synthetic_store
from fewlabel.operations.planning.cohort_sizes import CohortSize
from fewlabel.operations.planning.costs import FLOAT_BYTES
from fewlabel.operations.planning.disk import WEIGHTS_FACTS, study_disk
from fewlabel.operations.planning.step_work import unet_work
from fewlabel.training.pretrain import pretrain

SCRATCH = {"pretext": "none"}
HEAD = {"steps": 1, "batch": 4, "warmup": 0, "head": [16, 8]}
METHODS = {
    "regression": {"pretext": "regression", "training": {"steps": 1, "batch": 2, "warmup": 0, "augmentation": "none"}},
    "global": {"pretext": "contrastive", "global_stage": HEAD, "local_stage": None},
    "local": {
        "pretext": "contrastive",
        "global_stage": HEAD,
        "local_stage": {**HEAD, "decoder_stages": 1, "regions": 2, "region_size": 1},
    },
    "joint": {"pretext": "joint", "joint_stage": HEAD},
}


def experiment(method):
    source = {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}
    return Experiment.model_validate(
        {
            "study": "disk",
            "cohorts": {"liver": {"source": source, "grid": {"matrix": [16, 16], "spacing_mm": 20}, "test": 2}},
            "methods": {"scratch": SCRATCH, "pretrained": method},
            "labels": [1],
            "draws": 1,
            "network": {"widths": [4, 8]},
        }
    )


@pytest.mark.parametrize("method", METHODS)
def test_objectives_take_what_pretraining_writes(method):
    planned = experiment(METHODS[method])
    store = synthetic_store((16, 16))
    settings = pretrain_settings(planned, "liver", "pretrained")
    subjects = sorted(set(store.index["subject"]))
    written = pretrain(store, subjects, settings, torch.device("cpu"), "f32").objectives
    numbers = sum(tensor.numel() for stage in written.values() for tensor in stage.values())
    size = CohortSize(subjects=6, labelled=6, tested=2, slices=60, voxels=600_000, source="made up")
    networks = 3 * (FLOAT_BYTES * unet_work([4, 8], 1).parameters + WEIGHTS_FACTS)
    disk = study_disk(planned, {"liver": size}, 1)
    assert disk.weights == networks + FLOAT_BYTES * numbers + WEIGHTS_FACTS
