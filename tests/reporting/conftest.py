"""Synthetic tables of scores, and the settings that show them."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from fewlabel.experiment import Intervals, LabelCurves
from fewlabel.jobs import CohortTitle, CollectSettings, CurvesSettings, MethodTitle, Titles

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


def make_settings(cohorts=COHORTS, methods=METHODS, counts=(1, 2, 4, 8), draws=3, **figure):
    return CurvesSettings(
        titles=Titles(cohorts=dict(cohorts), methods=dict(methods)),
        runs=make_runs(cohorts, methods, counts, draws),
        intervals=Intervals(resamples=200),
        figure=LabelCurves(**figure),
    )


@pytest.fixture
def table() -> Callable[..., pd.DataFrame]:
    return make_scores


@pytest.fixture
def scores() -> pd.DataFrame:
    return make_scores()


@pytest.fixture
def settings() -> Callable[..., CurvesSettings]:
    return make_settings


@pytest.fixture
def methods() -> dict[str, MethodTitle]:
    return dict(METHODS)
