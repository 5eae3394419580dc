"""Files of measured de-streaking methods: a table, and the images of the figure."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewlabel.config.jobs.figures.destreaking import NO_SOURCE
from fewlabel.data.csv_tables import numbers, read_csv_table
from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError

TITLES = {
    "none": "as acquired",
    "remove_coils": "coils removed",
    "remove_coils_rescaled": "coils removed, rescaled",
    "cactus": "CACTUS, k-space",
    "cactus_images": "CACTUS, coil images",
    "bstar": "B-STAR",
}
"""Titles of the trials, in their order."""
MEASURES = ("streak_energy", "snr", "similarity", "signal_loss")
COLUMNS = ["subject", "streaks", "method", *MEASURES]

Images = Mapping[str, NDArray[np.float32]]


def save_measures(rows: pd.DataFrame, images: Images, csv: Path, arrays: Path) -> None:
    """Write both files, or none.

    Args:
        rows: `COLUMNS`, a row a subject, strength and trial.
        images: (row, column), of `NO_SOURCE` and of each trial.
    """
    from safetensors.numpy import save

    with recorded_hashes.recorded_files([csv, arrays]) as (csv_partial, arrays_partial):
        rows[COLUMNS].to_csv(csv_partial, index=False, lineterminator="\n", float_format="%.5g")
        # Half precision is finer than any display.
        peak = max(float(image.max()) for image in images.values())
        halves = {name: (image / peak).astype(np.float16) for name, image in images.items()}
        arrays_partial.write_bytes(save(halves))


def read_measures(path: Path) -> pd.DataFrame:
    """Read the table.

    Raises:
        InputError: the file is not such a table, or a strength lacks a trial.
    """
    accepted = f"accepted: columns {', '.join(COLUMNS)}, and finite numbers; run the rule `destreaking` again"
    rows = read_csv_table(path, COLUMNS, accepted, kinds={"subject": str, "method": str})
    if rows.empty:
        raise InputError(f"{path}: no rows; {accepted}")
    values = numbers(rows, ("streaks", *MEASURES)).to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        line = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0]) + 2
        raise InputError(f"{path}, line {line}: no finite number; {accepted}")
    for streaks, group in rows.groupby("streaks"):
        if missing := [name for name in TITLES if name not in set(group["method"])]:
            raise InputError(f"{path}: no {', '.join(missing)} at {streaks:g}; run the rule `destreaking` again")
    return rows


def read_images(path: Path) -> Images:
    """Read the images; their brightest pixel is 1.

    Raises:
        InputError: the file has another format, or lacks an image.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    again = "run the rule `destreaking` again"
    recorded_hashes.check(path)
    try:
        images = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a safetensors file ({error}); {again}") from None
    if missing := [name for name in (NO_SOURCE, *TITLES) if name not in images]:
        raise InputError(f"{path}: no image {', '.join(missing)}; {again}")
    if len({image.shape for image in images.values()}) > 1 or any(image.ndim != 2 for image in images.values()):
        shapes = ", ".join(f"{name} {image.shape}" for name, image in images.items())
        raise InputError(f"{path}: images of shapes {shapes}; accepted: one shape (row, column); {again}")
    return {name: np.asarray(image, dtype=np.float32) for name, image in images.items()}
