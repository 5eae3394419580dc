"""Small finished studies without training: volumes, truth, predictions and scores that a hand can check."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.figures.explorer import explorer_settings
from fewlabel.config.jobs.grid import finetunings
from fewlabel.config.study_layout import Run
from fewlabel.inference.evaluate import score, score_row
from fewlabel.utils.atomic_files import write_text

HOSTILE = "<img src=x onerror=window.pwned=1>"
"""A name of a subject that would be code, were it ever read as HTML. (`fetch` refuses it; tables can be edited.)"""
TITLE = "</script><script>window.pwned=1</script><b>Liver</b> & 'co' <!--"
SUBJECTS = ("ann", "bob", "eve", HOSTILE)
AFFINE = np.diag([-2.0, -2.0, 5.0, 1.0])
"""Radiological: the file's first axis grows to the left, the second to the back, the third to the head."""

METHODS = {
    "scratch": {"pretext": "none"},
    "regression": {"pretext": "regression", "title": "Regression <i>x</i>"},
    "supervised": {"pretext": "none", "labels": ["all"]},
}


def experiment(cohorts=("liver", "prostate"), titles=(TITLE,), **changes):
    """An experiment on cohorts of phantoms; the first cohorts have titles."""
    named = dict(zip(cohorts, titles, strict=False))
    source = {"kind": "phantom", "anatomy": "abdomen", "labelled": 8}
    cohort = {"source": source, "grid": {"matrix": [24, 24], "spacing_mm": 2}, "test": 4}
    base = {
        "study": "explored",
        "cohorts": {name: {**cohort, "title": named.get(name), "stands_for": "liver"} for name in cohorts},
        "methods": METHODS,
        "labels": [1, 2],
        "draws": 2,
        "network": {"widths": [4, 8]},
        "intervals": {"resamples": 100},
    }
    return Experiment.model_validate({**base, **changes})


def truth_of(shape):
    """A block in the middle of the volume, not in its first and last slice."""
    mask = np.zeros(shape, np.uint8)
    mask[shape[0] // 4 : 3 * shape[0] // 4, shape[1] // 4 : 3 * shape[1] // 4, 1:-1] = 1
    return mask


def predicted_of(truth, loss):
    """The truth without its first `loss` of columns, so that errors are all on one side."""
    inside = np.flatnonzero(truth.any(axis=(1, 2)))
    mask = truth.copy()
    mask[inside[: round(loss * len(inside))]] = 0
    return mask


def make(folder: Path, study: Experiment, subjects=SUBJECTS, shape=(24, 20, 6), pool=5):
    """What the page reads of a study's results: predictions get better with N, and from subject to subject."""
    random = np.random.default_rng(0)
    for cohort in study.cohorts:
        native = folder / cohort / "native"
        for subject in subjects:
            truth = truth_of(shape)
            save(native / "labels" / f"{subject}.nii.gz", truth)
            save(native / "images" / f"{subject}.nii.gz", (truth * 0.5 + random.random(shape) * 0.3).astype(np.float32))
    rows = []
    settings = explorer_settings(study)
    for run in finetunings(settings.runs):
        cohort, method, draw = run.cohort, run.method, run.draw
        n = pool if run.n == "all" else run.n
        for at, subject in enumerate(subjects):
            truth = truth_of(shape)
            loss = (0.7 - 0.15 * at) / n + (0.1 if method == "scratch" else 0) + 0.02 * draw
            mask = predicted_of(truth, min(loss, 1))
            save(folder / run / "predictions" / f"{subject}.nii.gz", mask)
            spacing = np.abs(np.diag(AFFINE)[:3])
            rows.append(score_row(cohort, method, n, draw, subject, score(mask, truth, spacing)))
        facts = {"device": "cpu", "subjects": [f"pool{i}" for i in range(n)], "time": {"seconds": 61.0 + n}}
        write_text(folder / run / "run.json", json.dumps(facts))
    for cohort in study.cohorts:
        for name, method in study.methods.items():
            if method.pretext != "none":
                write_text(folder / cohort / "pretrained" / name / "run.json", json.dumps({"device": "cpu"}))
    write_text(folder / "scores.csv", pd.DataFrame(rows).to_csv(index=False))
    return folder


CLASSES = {"right_ventricle": [1], "myocardium": [2], "left_ventricle": [3]}


def make_classes(folder: Path, study: Experiment, subjects=SUBJECTS, shape=(24, 20, 6), pool=5):
    """As `make`, of a study whose cohorts have named classes: the block in rows, its parts as different classes.

    Predictions lack the first columns, so that the first class is worst.
    """
    make(folder, study, subjects, shape, pool)
    scores = pd.read_csv(folder / "scores.csv")
    tables = []
    for cohort, source in ((name, each.source) for name, each in study.cohorts.items()):
        names = list(source.classes)
        parts = np.zeros(shape, np.uint8)
        for number, rows in enumerate(np.array_split(np.arange(shape[0]), len(names)), 1):
            parts[rows] = number
        for path in sorted((folder / cohort).rglob("*.nii.gz")):
            if path.parent.name != "images":
                save(path, np.asarray(nib.load(path).dataobj) * parts)
        for row in scores[scores["cohort"] == cohort].to_dict("records"):
            n = "all" if row["method"] == "supervised" else row["n"]
            run = Run(cohort, row["method"], n, row["draw"])
            paths = (folder / run / "predictions", folder / cohort / "native/labels")
            mask, truth = (np.asarray(nib.load(path / f"{row['subject']}.nii.gz").dataobj) for path in paths)
            spacing = np.abs(np.diag(AFFINE)[:3])
            for number, name in enumerate(names, 1):
                found = score((mask == number).astype(np.uint8), (truth == number).astype(np.uint8), spacing)
                own = score_row(cohort, row["method"], row["n"], row["draw"], row["subject"], found)
                tables.append({**own, "class": name})
    write_text(folder / "scores.csv", pd.DataFrame(tables).to_csv(index=False))
    return folder


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, AFFINE), path)


def page_of(results: Path, study: Experiment):
    """What the command says, and the page that it writes."""
    page = results / "explorer.html"
    settings = canonical(explorer_settings(study))
    arguments = ["explorer", "--settings", settings, "--results", str(results), "--page", str(page)]
    return CliRunner().invoke(app, arguments), page
