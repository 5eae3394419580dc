"""Measures of de-streaking methods, as a job leaves them and as a table: each method at each signal of the arms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewlabel.destreaking_jobs import NO_SOURCE, DestreakingSettings
from fewlabel.errors import InputError
from fewlabel.files import whole_together
from fewlabel.reporting.tables import Section, Table, between

TITLES = {
    "none": "as acquired",
    "remove_coils": "coils removed",
    "remove_coils_rescaled": "coils removed, rescaled",
    "cactus": "CACTUS, k-space",
    "cactus_images": "CACTUS, coil images",
    "bstar": "B-STAR",
}
"""Of each trial, in their order."""
MEASURES = ("streak_energy", "snr", "similarity", "signal_loss")
COLUMNS = ["subject", "streaks", "method", *MEASURES]

Images = Mapping[str, NDArray[np.float32]]


def save_measures(rows: pd.DataFrame, images: Images, csv: Path, arrays: Path) -> None:
    """Write both, or none.

    Args:
        rows: with `COLUMNS`, a row a subject, strength and trial.
        images: (row, column), `NO_SOURCE` and one of each trial.
    """
    from safetensors.numpy import save

    with whole_together([csv, arrays]) as (csv_partial, arrays_partial):
        rows[COLUMNS].to_csv(csv_partial, index=False, lineterminator="\n", float_format="%.5g")
        # Half precision is finer than any display.
        peak = max(float(image.max()) for image in images.values())
        halves = {name: (image / peak).astype(np.float16) for name, image in images.items()}
        arrays_partial.write_bytes(save(halves))


def read_measures(path: Path) -> pd.DataFrame:
    """The rows again.

    Raises:
        InputError: not such a table, or a strength that lacks a trial.
    """
    accepted = f"accepted: columns {', '.join(COLUMNS)}, and finite numbers; run the rule `destreaking` again"
    try:
        rows = pd.read_csv(path, dtype={"subject": str, "method": str})
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table ({str(error).strip()}); {accepted}") from None
    if list(rows.columns) != COLUMNS or rows.empty:
        raise InputError(f"{path}: columns {', '.join(map(str, rows.columns))}, {len(rows)} rows; {accepted}")
    numbers = rows[["streaks", *MEASURES]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        line = int(np.flatnonzero(~np.isfinite(numbers).all(axis=1))[0]) + 2
        raise InputError(f"{path}, line {line}: no finite number; {accepted}")
    for streaks, group in rows.groupby("streaks"):
        if missing := [name for name in TITLES if name not in set(group["method"])]:
            raise InputError(f"{path}: no {', '.join(missing)} at {streaks:g}; run the rule `destreaking` again")
    return rows


def read_images(path: Path) -> Images:
    """The images again, their brightest pixel 1.

    Raises:
        InputError: not such a file, or one that lacks an image.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    again = "run the rule `destreaking` again"
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


# ----------------------------------------------------------------------------------------------------------- table
def destreaking_table(rows: pd.DataFrame, settings: DestreakingSettings) -> Table:
    """What each method does, mean over subjects and from the smallest to the largest.

    Args:
        rows: as `read_measures` gives them.
        settings: what notes say of the phantom.

    Returns:
        CSV: a row a strength and trial; of each measure its mean, `_least` and `_most`. For readers: a section a
        strength.
    """
    cells = [
        {"streaks": streaks, "method": name, "subjects": len(group), **_summary(group)}
        for streaks, of_strength in rows.groupby("streaks")
        for name in TITLES
        for group in [of_strength[of_strength["method"] == name]]
    ]
    table = pd.DataFrame(cells)
    sections = [
        Section(f"Arms' signal {streaks:g} times the liver's", _body(part), numbers=True)
        for streaks, part in table.groupby("streaks")
    ]
    return Table(table, None, "De-streaking methods on a phantom whose image without streaks is known", sections,
                 _notes(rows, settings))  # fmt: skip


def _summary(group: pd.DataFrame) -> dict[str, float]:
    """Of the streak energy what is removed, which is what is talked of."""
    removed = group.assign(streak_energy_removed=1 - group["streak_energy"])
    named = ["streak_energy_removed", *MEASURES[1:]]
    parts = [(name, removed[name]) for name in named]
    return {
        key: float(value)
        for name, values in parts
        for key, value in (
            (name, values.mean()), (f"{name}_least", values.min()), (f"{name}_most", values.max())
        )
    }  # fmt: skip


def _body(part: pd.DataFrame) -> pd.DataFrame:
    def column(name: str, factor: float, digits: int) -> list[str]:
        return [_cell(row, name, factor, digits) for _, row in part.iterrows()]

    shown = pd.DataFrame(
        {
            "method": part["method"].map(TITLES),
            "streak energy removed, %": column("streak_energy_removed", 100, 1),
            "SNR of the liver": column("snr", 1, 1),
            "SSIM": column("similarity", 1, 3),
            "liver signal lost, %": column("signal_loss", 100, 1),
        }
    )
    return shown.set_index(part["method"])


def _cell(row: Any, name: str, factor: float, digits: int) -> str:
    spread = between(factor * row[f"{name}_least"], factor * row[f"{name}_most"], digits)
    mean = f"{factor * row[name]:.{digits}f}"
    # A negative zero is none.
    cell = mean if spread == mean else f"{mean} ({spread})"
    return cell.replace(f"-{0:.{digits}f}", f"{0:.{digits}f}")


def _notes(rows: pd.DataFrame, settings: DestreakingSettings) -> list[str]:
    return [
        f"{rows['subject'].nunique()} phantoms of {settings.pixel_mm:g} mm pixels, {settings.coils} coils,"
        f" {settings.spokes} spokes; every fourth slice with liver; mean (smallest to largest).",
        "Streak energy: outside the body, between the image with and without arms after the very same remedy, as a"
        " share of that without any. SNR: the liver's mean signal over what noise and streaks add to it. SSIM: to the"
        " image without arms, over the body. Signal lost: by the remedy alone, without arms.",
        "Rescaled: multiplied by the one number that brings the image nearest to the streaked one, as a display would.",
    ]
