"""The figure of de-streaking methods: a slice after each of them, and the measures over the arms' signal."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure

from fewlabel.config.jobs.figures.destreaking import IMAGES, MEASURES, NO_SOURCE, DestreakingSettings, shown
from fewlabel.reporting.figures import style
from fewlabel.reporting.tables.destreaking_measures import TITLES, Images, read_images, read_measures

PANELS = {
    "streak_energy": "Streak energy left",
    "snr": "SNR, liver",
    "similarity": "SSIM, body",
    "signal_loss": "Liver signal lost, %",
}
COLOURS = dict(
    zip(TITLES, (style.GREY, style.BLUE, style.FURTHER[4], style.ORANGE, style.FURTHER[0], style.INK), strict=True)
)
GOALS = {"streak_energy": 0.1, "signal_loss": 5}
"""Dashed lines: 10 % of the energy left, 5 % of the signal lost."""
FAINTEST = 1e-4
"""Least streak energy on the axis; smaller values are drawn there."""
DIFFERENCE = 5
"""Factor by which differences are brighter than images."""


def draw(results: Path, settings: DestreakingSettings) -> Figure:
    """The figure of a study, from its folder."""
    return destreaking_figure(read_measures(results / MEASURES), read_images(results / IMAGES), settings)


def destreaking_figure(rows: pd.DataFrame, images: Images, settings: DestreakingSettings) -> Figure:
    """Draw slices after each method, and below them the measures.

    Args:
        rows: as `destreaking.read_measures` gives them.
        images: as `destreaking.read_images` gives them.
        settings: size, and which strength the images are of.
    """
    with style.applied():
        figure = style.new_figure(settings.figure.width_in, 0.7 * settings.figure.width_in)
        above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(2.6, 2.2))).flat
        _images(above, images, shown(settings.figure))
        _measures(below, rows)
    return figure


def _images(place: SubFigure, images: Images, streaks: float) -> None:
    clean = images[NO_SOURCE].T
    bright = float(np.percentile(clean, 99.5))
    names = [NO_SOURCE, *TITLES]
    axes = place.subplots(2, len(names))
    for column, name in enumerate(names):
        image, title = images[name].T, TITLES.get(name, "no arms")
        axes[0, column].imshow(image, cmap="gray", vmin=0, vmax=bright)
        axes[0, column].set_title(title.replace(", ", ",\n"), fontsize=6.5, fontweight="normal", loc="center", pad=3)
        if name != NO_SOURCE:
            axes[1, column].imshow(DIFFERENCE * np.abs(image - clean), cmap="gray", vmin=0, vmax=bright)
        for each in axes[:, column]:
            each.set_axis_off()
    text = f"{DIFFERENCE} × difference\nto no arms\n(arms' signal\n{streaks:g} × liver's)"
    axes[1, 0].text(0.5, 0.5, text, ha="center", va="center", fontsize=6.5, transform=axes[1, 0].transAxes)


def _measures(place: SubFigure, rows: pd.DataFrame) -> None:
    strengths = sorted(rows["streaks"].unique())
    plots = place.subplots(1, len(PANELS))
    for axes, (measure, title) in zip(plots, PANELS.items(), strict=True):
        for number, (name, method) in enumerate(TITLES.items()):
            values = rows[rows["method"] == name].groupby("streaks")[measure].mean()
            values = values.clip(lower=FAINTEST) if measure == "streak_energy" else values
            values = 100 * values if measure == "signal_loss" else values
            axes.plot(
                strengths,
                values,
                color=COLOURS[name],
                marker=style.MARKERS[number],
                markersize=3,
                linewidth=1,
                label=method,
            )
        if measure in GOALS:
            axes.axhline(GOALS[measure], color="#aaaaaa", linewidth=0.8, linestyle="--")
        axes.set_xscale("log", base=2)
        axes.set_xticks(strengths, [f"{each:g}" for each in strengths])
        axes.minorticks_off()
        axes.set_title(title, fontsize=7.5)
        axes.set_xlabel("Arms' signal / liver's", fontsize=7)
    plots[0].set_yscale("log")
    plots[0].set_yticks([1, 0.1, 0.01, 0.001], ["100 %", "10 %", "1 %", "0.1 %"])
    plots[0].minorticks_off()
    handles, labels = plots[0].get_legend_handles_labels()
    handles.append(plots[0].get_lines()[-1])
    labels.append("goals: 10 % of the streak energy left, 5 % of the signal lost")
    place.legend(handles, labels, loc="outside lower center", ncols=3)
