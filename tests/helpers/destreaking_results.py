"""Measures and images of de-streaking methods, made by hand."""

import numpy as np
import pandas as pd

from fewlabel.config.figure_options import Destreaking
from fewlabel.config.jobs.figures.destreaking import NO_SOURCE, DestreakingSettings
from fewlabel.reporting.tables.destreaking_measures import COLUMNS, TITLES

SETTINGS = DestreakingSettings(pixel_mm=4, coils=16, spokes=192, figure=Destreaking(strengths=[1, 4], shown=4))


def rows(strengths=(1, 4)):
    """Two subjects, of which the second keeps twice the energy."""
    return pd.DataFrame(
        [
            (
                f"s{number}",
                streaks,
                name,
                number * 0.1 * place,
                10.0 * number,
                0.5,
                -0.0001 * (place == 0) + 0.02 * place,
            )
            for number in (1, 2)
            for streaks in strengths
            for place, name in enumerate(TITLES)
        ],
        columns=COLUMNS,
    )


def images():
    shape = (6, 4)
    return {
        name: np.full(shape, 2.0 + place, np.float32) for place, name in enumerate((NO_SOURCE, *TITLES))
    }  # fmt: skip
