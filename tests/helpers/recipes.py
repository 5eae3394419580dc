"""What each stage makes of a tiny fixed input: numbers that say whether its results have changed.

recipes.json holds them as of each recipe number (RECIPES below). After an intended change, raise
the number and write the record anew:

    PYTHONPATH=tests python -m helpers.recipes
"""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs import base as base_jobs
from fewlabel.config.jobs.data import draw_settings, split_settings
from fewlabel.config.jobs.training import finetune_settings, pretrain_settings
from fewlabel.config.pretexts.registry import BUILT_IN
from fewlabel.data.labelled_pool import order_pool
from fewlabel.data.phantoms.source import list_subjects, read_volume
from fewlabel.data.splits import split_roles
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.inference.evaluate import evaluate_subject, score_row
from fewlabel.training.devices.device import hardware_precision, use_threads
from fewlabel.training.finetune import finetune
from fewlabel.training.network import UNet, seeded
from fewlabel.training.pretrain import pretrain
from fewlabel.training.sampling import Slices

BF16 = "finetune, bf16"
"""On processors that compute it: a step that moves into autocast, or out of it, changes its results alone."""
RECIPES = {
    **base_jobs.RECIPES,
    BF16: base_jobs.RECIPES["finetune"],
    **{f"pretrain, {name}": pretext.recipe for name, pretext in BUILT_IN.items()},
}
"""Of jobs (fewlabel.config.jobs.base), and of pretrainings (fewlabel.config.pretexts)."""
RECORD = Path(__file__).with_name("recipes.json")
CPU = torch.device("cpu")
HAS_BF16 = hardware_precision(CPU) == "bf16"
STEPS = {"steps": 3, "batch": 4, "warmup": 1, "learning_rate": 0.01, "weight_decay": 0.1}
CONTRAST = {**STEPS, "batch": 8, "head": [16, 8]}
SETTINGS = {
    "cohorts": {
        "c": {
            "source": {
                "kind": "phantom",
                "anatomy": "pelvis",
                "labelled": 7,
                "unlabelled": 2,
                "pixel_mm": 4,
                "slice_mm": 8,
            },
            "grid": {"matrix": [32, 32], "spacing_mm": 5},
            "test": 3,
            "flip": ["columns"],
        }
    },
    "methods": {
        "regression": {"pretext": "regression", "training": {**STEPS, "augmentation": "geometry"}},
        "contrastive": {
            "pretext": "contrastive",
            "global_stage": CONTRAST,
            "local_stage": {**STEPS, "head": [8, 8], "decoder_stages": 1, "region_size": 2},
        },
        "joint": {"pretext": "joint", "joint_stage": CONTRAST},
        "scratch": {"pretext": "none"},
    },
    "network": {"widths": [4, 8, 12]},
    "finetuning": {**STEPS, "augmentation": "extensive"},
    "precision": "f32",
}


def of_arrays(*arrays):
    """Sums that a change of any entry moves, and that the order of summation does not."""
    flat = np.concatenate([np.asarray(array, dtype=np.float64).ravel() for array in arrays])
    return [float(flat.sum()), float(np.abs(flat).sum()), float((flat * np.cos(np.arange(flat.size))).sum())]


def of_network(network, experiment):
    """How far training moved the parameters, in all and on average, and along eight fixed directions (-1 to 1)."""
    start = seeded(lambda: UNet(experiment.network.widths), experiment.seed, "network").state_dict()
    moved = np.concatenate(
        [(after - start[name]).detach().double().numpy().ravel() for name, after in network.state_dict().items()]
    )
    size = np.linalg.norm(moved)
    waves = np.cos(np.outer(np.arange(1, 9), np.arange(moved.size)) * 0.7)
    along = waves @ moved / size / np.linalg.norm(waves, axis=1)
    return [float(size), float(np.abs(moved).mean()), *along.tolist()]


def of_history(rows):
    return [row.loss for row in rows]


def splits(experiment):
    """Who is tested, and in which order the pool is drawn: exact."""
    listed = list_subjects(experiment.cohorts["c"].source)
    table = pd.DataFrame([(one.subject, one.patient, int(one.labelled), one.use) for one in listed])
    table.columns = ["subject", "patient", "labelled", "use"]
    roles = split_roles(table, split_settings(experiment, "c"))
    settings = draw_settings(experiment, "c", 1)
    return roles, order_pool(roles, settings.cohort, settings.seed, settings.draw)


def measure(folder, settings=SETTINGS):
    """Each stage's numbers, or names.

    Args:
        folder: for slices, masks and predictions.
        settings: of the experiment.
    """
    use_threads(1)
    experiment = Experiment.model_validate(settings)
    cohort = experiment.cohorts["c"]
    roles, order = splits(experiment)
    listed = list_subjects(cohort.source)
    pack(listed, lambda subject: read_volume(cohort.source, subject), cohort.grid, folder / "slices", folder / "native")
    store = open_store(folder / "slices" / "store.json")
    seen = roles.loc[roles["role"].isin(["pool", "unlabelled"]), "subject"].tolist()
    found = {
        "split": roles["role"].tolist(),
        "draw": order["subject"].tolist(),
        "prepare": of_arrays(store.images, store.masks),
    }
    for method in ("regression", "contrastive", "joint"):
        made = pretrain(store, seen, pretrain_settings(experiment, "c", method), CPU, "f32")
        losses = [loss for rows in made.history.values() for loss in of_history(rows)]
        found[f"pretrain, {method}"] = [*losses, *of_network(made.network, experiment)]
    labelled, wanted = order["subject"].tolist()[:2], finetune_settings(experiment, "c", "scratch", 2, 1)
    for stage, precision in {"finetune": "f32", **({BF16: "bf16"} if HAS_BF16 else {})}.items():
        network, rows, _ = finetune(store, labelled, wanted, None, CPU, precision)
        found[stage] = [*of_history(rows), *of_network(network, experiment)]
    found["evaluate"] = evaluated(folder, store, roles, experiment)
    return found


def evaluated(folder, store, roles, experiment):
    """Scores and masks of a network that was never trained: its predictions are smooth, and many."""
    network, slices = seeded(lambda: UNet(experiment.network.widths), 1, "network"), Slices(store, CPU)
    tested, scores, masks = roles.loc[roles["role"] == "test", "subject"].tolist(), [], []
    for subject in tested:
        truth = folder / "native" / "labels"
        (result,) = evaluate_subject(network, slices, experiment.cohorts["c"].grid, subject, truth, folder, "f32")
        row = score_row("c", "scratch", 1, 1, subject, result)
        scores += [value for value in row.values() if isinstance(value, float)]
        masks.append(nib.load(folder / f"{subject}.nii.gz").get_fdata())
    return [*scores, *(of_arrays(*masks)[:1])]


def same(stage, one, other):
    """Whether a stage made the same but for what processors round differently: in f32, 1e-6 was seen between them."""
    if isinstance(one[0], str):
        return one == other
    if stage == BF16:
        # Losses, and how far parameters moved; directions depend on the processor. Measured over processors and
        # kernels: losses differ by up to 0.00012 of their size, the others by up to 0.005.
        steps = STEPS["steps"]
        return np.allclose(one[:steps], other[:steps], rtol=4e-4) and np.allclose(
            one[steps : steps + 2], other[steps : steps + 2], rtol=0.015
        )
    return len(one) == len(other) and np.allclose(one, other, rtol=1e-3, atol=1e-4)


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        kept = {} if HAS_BF16 else {BF16: json.loads(RECORD.read_text())[BF16]}
        made = measure(Path(name)).items()
        record = {**{stage: {"recipe": RECIPES[stage], "made": numbers} for stage, numbers in made}, **kept}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
