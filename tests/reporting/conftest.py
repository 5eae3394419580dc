"""Synthetic tables of scores, the settings that show them, and whole results folders."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from fewlabel.config.jobs.figures.label_curves import CurvesSettings
from fewlabel.config.jobs.titles import MethodTitle
from helpers.synthetic_results import METHODS, make_scores, make_settings, make_study


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


@pytest.fixture
def study() -> Callable[..., Path]:
    return make_study
