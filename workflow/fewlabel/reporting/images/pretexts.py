"""Figure 1: slices that a regression restores, and similarities that a contrastive encoder learns; a part a pretext."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from fewlabel.config.extensions import implementation
from fewlabel.config.jobs.figures.pretexts import PretextsSettings, shown_part
from fewlabel.config.pretexts.registry import PRETEXTS
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.store.slice_store import Store, open_store
from fewlabel.reporting.figures import style
from fewlabel.reporting.images.pretext_cases import Compared, Restored, compared, restored, shown_subjects
from fewlabel.training.pretexts.restore import RestoredPretext, restore_pretext

COLUMNS = 5
HEAD, FOOT = 0.42, 0.17
"""Inches: above the pictures of a part, and below each row of them."""
NOTE = 6.5
ERROR = 0.3
"""End of the scale of errors; images are about 0 to 1."""
TITLES = {
    "view 1": "View 1 of a slice",
    "view 2": "View 2 of it",
    "neighbour": "Same part, other subject",
    "dissimilar": "Other part, other subject",
}


@dataclass(frozen=True, kw_only=True)
class PretextPicture:
    """The part of figure 1 that shows one pretext.

    Attributes:
        task: what the network learns, for the title of the part.
        case: what is shown, from the trained objectives, the cohort's slices, its subjects (those to show first), and
            the settings of the figure.
        height: inches of the part, from the case and the width of a fifth of the figure.
        draw: draws the case into its part of the figure.
    """

    task: str
    case: Callable[[RestoredPretext, Store, Sequence[str], PretextsSettings], Any]
    height: Callable[[Any, float], float]
    draw: Callable[[SubFigure, Any], None]


def draw(results: Path, settings: PretextsSettings) -> Figure:
    """The figure of a study, from its folder."""
    part = shown_part(settings.cohort, settings.title)
    store = open_store(results / LAYOUT.store(settings.cohort))
    roles = read_subjects(results / LAYOUT.roles(part), "role")
    subjects = shown_subjects(roles, [settings.figure.subject], "pretexts.subject")
    cases = {}
    for name, method in settings.shown.items():
        pretext = restore_pretext(results / LAYOUT.pretext(Run(part, method)))
        cases[name] = _picture_of(name).case(pretext, store, subjects, settings)
    return pretexts(cases, settings)


def _picture_of(name: str) -> PretextPicture:
    picture_of: PretextPicture = implementation(PRETEXTS[name].picture, f"pretext {name}")
    return picture_of


def pretexts(cases: Mapping[str, Any], settings: PretextsSettings) -> Figure:
    """Draw the figure.

    Args:
        cases: what is shown of each pretext; a part each, in this order.
        settings: titles, colours, and the width in inches; the height follows.

    Returns:
        A figure for `style.save`.
    """
    side = settings.figure.width_in / COLUMNS
    heights = [_picture_of(name).height(case, side) for name, case in cases.items()]
    with style.applied():
        figure = style.new_figure(settings.figure.width_in, sum(heights))
        parts = np.ravel(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False))
        colours = style.method_colours(settings.methods)
        for part, (name, case) in zip(parts, cases.items(), strict=True):
            _title(part, settings, settings.shown[name], _picture_of(name).task, colours)
            _picture_of(name).draw(part, case)
    return figure


def _title(part: SubFigure, settings: PretextsSettings, method: str, task: str, colours: dict[str, str]) -> None:
    text = f"{settings.methods[method].title}: {task} · {settings.title.title}"
    text += f" ({settings.shown_input})" if settings.shown_input else ""
    part.suptitle(text, x=0.01, ha="left", fontsize=8.5, fontweight="bold", color=colours[method])


def number(value: float) -> str:
    """A number with two decimals and a real minus sign."""
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def picture(axes: Axes, image: Any, **look: Any) -> Any:
    """Draw an image without ticks, grid or frame; grey from 0 to 1 by default."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes.imshow(image, **{"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest", **look})


def _regression(part: SubFigure, shown: Sequence[Restored]) -> None:
    grid = part.subplots(len(shown), COLUMNS, squeeze=False)
    heads = ("Slice", "Corrupted pixels", "Input", "Output", "Absolute error")
    for row, (axes, case) in enumerate(zip(grid, shown, strict=True)):
        picture(axes[0], case.image, gid="image").axes.set_ylabel(f"slice {case.number}", fontsize=NOTE)
        picture(axes[1], case.mask, gid="mask")
        picture(axes[2], case.corrupted, gid="corrupted")
        picture(axes[3], case.restored, gid="restored")
        error = picture(axes[4], case.error, cmap="magma", vmax=ERROR, gid="error")
        axes[1].set_xlabel(f"{100 * case.mask.mean():.3g} % of the pixels", fontsize=NOTE, labelpad=2)
        axes[4].set_xlabel(f"L1 loss {case.loss:.3f}", fontsize=NOTE, labelpad=2)
        if row == 0:
            for place, head in zip(axes, heads, strict=True):
                place.set_title(head, fontsize=7, fontweight="normal", loc="center", pad=3)
    bar = part.colorbar(error, ax=list(grid[:, -1]), fraction=0.06, pad=0.03, extend="max")
    bar.set_ticks([0, ERROR])
    bar.ax.tick_params(labelsize=6)
    bar.outline.set_visible(False)


def _contrast(part: SubFigure, shown: Compared) -> None:
    left, right = part.subfigures(1, 2, width_ratios=[2, 2.7], squeeze=False)[0]
    pictures = np.ravel(left.subplots(2, 2))
    for axes in pictures[len(shown.images) :]:
        axes.set_visible(False)
    for index, (axes, name, image) in enumerate(zip(pictures, shown.names, shown.images, strict=False)):
        picture(axes, image, gid=name)
        axes.set_title(TITLES[name], fontsize=7, fontweight="normal", loc="center", pad=3)
        text = f"cosine {number(shown.cosines[index])}" if index else "compared with this view"
        axes.set_xlabel(text, fontsize=NOTE, labelpad=2)
    axes = right.subplots()
    drawn = picture(axes, shown.matrix, cmap="RdBu_r", vmin=-1, gid="matrix")
    each = len(shown.matrix) // shown.parts
    for part_number in range(1, shown.parts):
        axes.axhline(part_number * each - 0.5, color="white", linewidth=1.2)
        axes.axvline(part_number * each - 0.5, color="white", linewidth=1.2)
    middles = [(number + 0.5) * each - 0.5 for number in range(shown.parts)]
    names = [f"part {number + 1}" for number in range(shown.parts)]
    axes.set_xticks(middles, names, fontsize=6.5)
    axes.set_yticks(middles, names, fontsize=6.5, rotation=90, va="center")
    axes.tick_params(length=0)
    volumes = "1 subject" if shown.volumes == 1 else f"{shown.volumes} subjects"
    axes.set_title(
        f"Similarities in a batch: {volumes}, two views of each part",
        fontsize=7,
        fontweight="normal",
        loc="center",
        pad=3,
    )
    bar = right.colorbar(drawn, ax=axes, fraction=0.05, pad=0.03)
    bar.set_ticks([-1, 0, 1])
    bar.ax.tick_params(labelsize=6)
    bar.set_label("cosine similarity", fontsize=NOTE, labelpad=2)
    bar.outline.set_visible(False)


REGRESSION = PretextPicture(
    task="restore corrupted pixels",
    case=lambda pretext, store, subjects, settings: restored(
        pretext, store, subjects[0], settings.figure.slices, settings.seed
    ),
    height=lambda shown, side: HEAD + len(shown) * (0.86 * side + 1.1 * FOOT),
    draw=_regression,
)
CONTRASTIVE = PretextPicture(
    task="tell views of one slice from other slices",
    case=lambda pretext, store, subjects, settings: compared(pretext, store, subjects, settings.seed),
    height=lambda shown, side: HEAD + 2 * (side + 2 * FOOT),
    draw=_contrast,
)
