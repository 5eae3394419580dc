"""Synthetic tables of scores, the settings that show them, and whole results folders."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, LabelCurves
from fewlabel.config.jobs.figures.label_curves import CurvesSettings
from fewlabel.config.jobs.grid import CollectSettings
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, Titles
from fewlabel.config.loading.load import as_yaml
from fewlabel.reporting.results.completeness import settings_of_run
from fewlabel.utils.atomic_files import write_text
from helpers.class_scores import by_class

POOL = 12
METHODS = {
    "scratch": MethodTitle(title="scratch", pretext="none", benchmark=False),
    "regression": MethodTitle(title="regression", pretext="regression", benchmark=False),
    "contrastive": MethodTitle(title="contrastive", pretext="contrastive", benchmark=False),
    "supervised": MethodTitle(title="supervised", pretext="none", benchmark=True),
}
COHORTS = {
    "liver": CohortTitle(title="Liver, phantom", stands_for="liver"),
    "prostate": CohortTitle(title="Prostate, phantom", stands_for="prostate"),
}


def curve(method: int, n: int) -> float:
    """A plausible mean Dice: rises with N, and less is to be gained with a better start."""
    return 0.88 - (0.42 - 0.07 * method) / n**0.75


def make_scores(cohorts=COHORTS, methods=METHODS, counts=(1, 2, 4, 8), draws=3, subjects=6, pool=POOL, seed=0):
    """A table of scores with effects of draw, subject and their interaction."""
    random = np.random.default_rng(seed)
    rows = []
    for cohort in cohorts:
        easy = random.normal(0, 0.03, subjects)
        for index, (method, title) in enumerate(methods.items()):
            for n in (pool,) if title.benchmark else counts:
                for draw in range(1, draws + 1):
                    luck = random.normal(0, 0.05 / n)
                    for subject in range(subjects):
                        dice = np.clip(curve(index, n) + luck + easy[subject] + random.normal(0, 0.02), 0, 1)
                        rows.append(
                            (
                                cohort,
                                method,
                                n,
                                draw,
                                f"s{subject:02d}",
                                dice,
                                20 * (1 - dice),
                                5 * (1 - dice),
                                900.0,
                                880.0,
                            )
                        )
    columns = ["cohort", "method", "n", "draw", "subject", "dice", "hd95_mm", "assd_mm", "truth_ml", "predicted_ml"]
    return pd.DataFrame(rows, columns=columns)


def make_runs(cohorts=COHORTS, methods=METHODS, counts=(1, 2, 4, 8), draws=3):
    """All runs of the study that `make_scores` plays."""
    labels = {name: ["all"] if method.benchmark else list(counts) for name, method in methods.items()}
    return CollectSettings(cohorts=list(cohorts), labels=labels, draws=draws)


def make_settings(cohorts=COHORTS, methods=METHODS, counts=(1, 2, 4, 8), draws=3, paper=None, left_out=(), **figure):
    curves = [name for name, method in methods.items() if not method.benchmark]
    return CurvesSettings(
        titles=Titles(cohorts=dict(cohorts), methods=dict(methods)),
        runs=make_runs(cohorts, methods, counts, draws),
        intervals=Intervals(resamples=200),
        control="scratch" if "scratch" in curves else None,
        curves=curves,
        left_out=list(left_out),
        paper=[name for name, cohort in cohorts.items() if cohort.stands_for] if paper is None else paper,
        figure=LabelCurves(**figure),
    )


# ------------------------------------------------------------------------------------------------- whole studies
EXPERIMENT = {
    "study": "mine",
    "cohorts": {"knee": {"source": {"kind": "nifti", "folder": "mine"}, "grid": {"matrix": [64, 64]}, "test": 4}},
    "methods": {"scratch": {"pretext": "none"}, "regression": {"pretext": "regression"}},
    "labels": [1, 2],
    "draws": 2,
    "network": {"widths": [4, 8]},
}
POOL_IDS = ["ann", "bob", "007"]
TEST_IDS = ["zoe", "NA", "eve", "max"]


def make_study(folder: Path, seed: int = 0, shift: float = 0, facts=None, **change) -> Path:
    """A finished study as a run leaves it, with dice made by `seed` and moved by `shift`; `facts` of its runs."""
    experiment = Experiment.model_validate({**EXPERIMENT, **change})
    random = np.random.default_rng(seed)
    write_text(folder / "experiment.yaml", as_yaml(experiment.model_dump(mode="json")))
    for name, cohort in experiment.cohorts.items():
        _make_cohort(folder / name, experiment.draws, list(cohort.source.classes))
    tables = []
    for run in study_trainings(experiment):
        settings = settings_of_run(experiment, run)
        subjects = POOL_IDS[: settings.get("labels")]
        run_facts = {"settings": settings, "subjects": subjects, "threads": 1, "time": {"seconds": random.random()}}
        write_text(folder / run / "run.json", json.dumps({**run_facts, **(facts or {})}))
        write_text(folder / run / "history.csv", "stage,step,loss,learning_rate\ntraining,1,0.5,0.001\n")
        if run.kind == "finetuned":
            dice = np.clip(random.uniform(0.4, 0.6, len(TEST_IDS)) + shift, 0, 1)
            rows = {"cohort": run.cohort, "method": run.method, "n": run.n, "draw": run.draw, "subject": TEST_IDS}
            rows |= {"dice": dice, "hd95_mm": 3.5, "assd_mm": np.nan, "truth_ml": 10.0, "predicted_ml": 10 * dice}
            table, names = pd.DataFrame(rows), list(experiment.cohorts[run.cohort].source.classes)
            tables.append(by_class(table, {run.cohort: names}) if names else table)
            write_text(folder / run / "scores.csv", tables[-1].to_csv(index=False))
    key = ["cohort", "method", "n", "draw", "subject"]
    scores = pd.concat(tables).sort_values(key, kind="stable")
    write_text(folder / "scores.csv", scores.to_csv(index=False))
    return folder


def _make_cohort(folder: Path, draws: int, classes: list[str]) -> None:
    ids = [*POOL_IDS, *TEST_IDS]
    patients = [f"patient of {name}" for name in ids]
    roles = ["pool"] * len(POOL_IDS) + ["test"] * len(TEST_IDS)
    table = pd.DataFrame({"subject": ids, "patient": patients, "labelled": 1})
    write_text(folder / "splits" / "roles.csv", table.assign(role=roles).to_csv(index=False))
    pool = pd.DataFrame({"rank": [1, 2, 3], "subject": POOL_IDS, "patient": patients[:3]})
    for draw in range(1, draws + 1):
        write_text(folder / "splits" / f"draw{draw}.csv", pool.to_csv(index=False))
    size = {"slices": 9, "rows": 64, "columns": 64, "slice_mm": 5.0, "row_mm": 1.0, "column_mm": 1.0, "target_ml": 10.0}
    size |= {f"ml_{name}": 10.0 / len(classes) for name in classes}
    facts = table.assign(**size, affine=json.dumps(np.eye(4).tolist()), shape="[64, 64, 9]")
    write_text(folder / "slices" / "subjects.csv", facts.to_csv(index=False))
    write_text(folder / "slices" / "store.json", json.dumps({"slices": 63, "sha256": {"images.npy": "ab" * 32}}))
