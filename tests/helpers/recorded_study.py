"""A finished study whose jobs recorded what they read and wrote, as those of a run do."""

import json
from pathlib import Path

from fewlabel.config.jobs.histories import study_trainings
from fewlabel.reporting.results.folder import read_experiment
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import sha256, write_text

TABLES = ("experiment.yaml", "scores.csv", "knee/splits/roles.csv", "knee/splits/draw1.csv", "knee/splits/draw2.csv")


def add_records(folder: Path) -> Path:
    """Add weights (of no network) and all records to a study that `make_study` made."""
    store = {"slices": 63, "matrix": [64, 64], "sha256": {"subjects.csv": sha256(folder / "knee/slices/subjects.csv")}}
    write_text(folder / "knee/slices/store.json", json.dumps(store))
    write_text(folder / "knee/native/labels/zoe.nii.gz", "a mask")
    recorded_hashes.seal(folder / "knee/native")
    for run in study_trainings(read_experiment(folder)):
        _train(folder, str(run))
        if run.kind == "finetuned":
            _evaluate(folder, str(run))
    for name in TABLES:
        recorded_hashes.record_hash(folder / name)
    return folder


def _train(folder, run):
    place = folder / run
    cohort, kind, method, *rest = run.split("/")
    write_text(place / "weights.safetensors", f"weights of {run}")
    table = "roles.csv" if kind == "pretrained" else f"{rest[1]}.csv"
    read = {
        "slices/store.json": folder / cohort / "slices/store.json",
        f"splits/{table}": folder / cohort / "splits" / table,
    }
    if kind == "finetuned" and method == "regression":
        read["initial weights"] = folder / cohort / "pretrained/regression/weights.safetensors"
    facts = json.loads((place / "run.json").read_text())
    facts["inputs"] = {name: sha256(path) for name, path in read.items()}
    facts["outputs"] = {name: sha256(place / name) for name in ("weights.safetensors", "history.csv")}
    write_text(place / "run.json", json.dumps(facts))


def _evaluate(folder, run):
    place, cohort = folder / run, run.split("/")[0]
    write_text(place / "predictions/zoe.nii.gz", f"a mask of {run}")
    read = {
        "weights.safetensors": place / "weights.safetensors",
        "slices/store.json": folder / cohort / "slices/store.json",
        "splits/roles.csv": folder / cohort / "splits/roles.csv",
    }
    made = {"scores.csv": place / "scores.csv", "predictions/zoe.nii.gz": place / "predictions/zoe.nii.gz"}
    facts = {"inputs": read, "outputs": made}
    hashes = {kind: {name: sha256(path) for name, path in files.items()} for kind, files in facts.items()}
    write_text(place / "predictions" / recorded_hashes.EVALUATION, json.dumps(hashes))
