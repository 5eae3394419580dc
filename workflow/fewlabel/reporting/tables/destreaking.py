"""The table of de-streaking methods: streaks that each leaves in a phantom, by the signal of the arms."""

from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.jobs.figures.destreaking import MEASURES, DestreakingSettings
from fewlabel.reporting.tables.destreaking_measures import TITLES, read_measures
from fewlabel.reporting.tables.table import Section, Table, between

SHOWN = ("streak_energy_removed", "snr", "similarity", "signal_loss")
"""Columns; of the streak energy the share that is removed."""


def tabulate(results: Path, settings: DestreakingSettings) -> Table:
    """The table of a study, from its folder."""
    return destreaking_table(read_measures(results / MEASURES), settings)


def destreaking_table(rows: pd.DataFrame, settings: DestreakingSettings) -> Table:
    """Measures of each method: mean over subjects, smallest and largest.

    Args:
        rows: as `read_measures` gives them.
        settings: of the phantom, for the notes.

    Returns:
        CSV: a row a strength and trial; of each measure its mean, `_least` and `_most`. For readers: a section a
        strength.
    """
    removed = rows.assign(streak_energy_removed=1 - rows["streak_energy"])
    columns = {"subjects": ("subject", "size")}
    for name in SHOWN:
        columns |= {name: (name, "mean"), f"{name}_least": (name, "min"), f"{name}_most": (name, "max")}
    # In the order of the titles.
    removed["method"] = pd.Categorical(removed["method"], list(TITLES))
    table = removed.groupby(["streaks", "method"], observed=True).agg(**columns).reset_index()
    sections = [
        Section(f"Arms' signal {streaks:g} times the liver's", _body(part), numbers=True)
        for streaks, part in table.groupby("streaks")
    ]
    title = "De-streaking methods on a phantom whose image without streaks is known"
    return Table(table, None, title, sections, _notes(rows, settings))


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
        "Streak energy: of the difference between the images with and without arms after the same method, outside the"
        " body, as a share of that without any method. SNR: mean signal of the liver divided by its noise and streaks."
        " SSIM: with the image without arms, over the body. Signal lost: by the method alone, without arms.",
        "Rescaled: multiplied by the factor that brings the image nearest to the streaked one, as a display would.",
    ]
