"""Mean Dice and gain of every method at every N, as a grid of a cohort; its numbers as one text for screen readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from fewlabel.config.base import EACH, MEAN
from fewlabel.config.jobs.titles import Titles
from fewlabel.reporting.results_page.answers import signed, significance
from fewlabel.reporting.statistics.classes import View


@dataclass(frozen=True)
class GridCell:
    """One method at one N.

    Attributes:
        dice: mean Dice.
        gain: difference to the control with sign; empty without one.
        interval: of the difference, else of the mean; empty if unknown.
        kind: of the difference, from `answers.significance`; `none` without one.
    """

    dice: str
    gain: str
    interval: str
    kind: str


@dataclass(frozen=True)
class CohortGrid:
    """All methods on one cohort.

    Attributes:
        title: of the cohort.
        counts: N, ascending.
        rows: of each method, its title, its role and a cell for each N (None: not trained with it).
        benchmarks: title, N and cell of the methods that are trained on all labels only.
        pictured: whether figure 3 shows it.
        classes: the same of each class, where the grid is of their mean.
    """

    title: str
    counts: Sequence[int]
    rows: Sequence[tuple[str, str, Sequence[GridCell | None]]]
    benchmarks: Sequence[tuple[str, int, GridCell]]
    pictured: bool = True
    classes: "Sequence[CohortGrid]" = ()


def grids_by_class(
    summary: pd.DataFrame,
    compared: pd.DataFrame,
    shown: Sequence[View],
    titles: Titles,
    roles: Mapping[str, str],
    pictured: str = MEAN,
) -> list[CohortGrid]:
    """The grids of all cohorts; of several classes that of their mean, with those of the classes.

    Args:
        summary: from `summary.summary_table`, with the columns of the views.
        compared: from `comparisons.comparisons`.
        shown: from `classes.by_view`.
        titles: of cohorts and methods.
        roles: `control` or `benchmark`, of the methods that are one.
        pictured: what figure 3 shows of several classes (`FigureOfClasses.classes`).
    """
    found: dict[str, list[CohortGrid]] = {}
    for view in shown:
        title = titles.cohorts[view.cohort]
        own = title.model_copy(update={"title": view.title(title.title)})
        of_view = titles.model_copy(update={"cohorts": {view.cohort: own}})
        (grid,) = cohort_grids(view.of(summary), view.of(compared), of_view, roles)
        first = view.cohort not in found
        seen = pictured in (EACH, view.name) or (pictured == MEAN and first)
        found.setdefault(view.cohort, []).append(replace(grid, pictured=seen))
    return [replace(first, classes=others) for first, *others in found.values()]


def cohort_grids(
    summary: pd.DataFrame, compared: pd.DataFrame, titles: Titles, roles: Mapping[str, str]
) -> list[CohortGrid]:
    """The grids of all cohorts.

    Args:
        summary: from `summary.summary_table`.
        compared: from `comparisons.comparisons`.
        titles: of cohorts and methods.
        roles: `control` or `benchmark`, of the methods that are one.
    """
    grids = []
    for cohort, title in titles.cohorts.items():
        own = summary[summary["cohort"] == cohort].set_index(["method", "n"])
        gains = compared[compared["cohort"] == cohort].set_index(["method", "n"])
        cells = {
            name: {
                int(n): _cell(own.loc[name, n], gains.loc[name, n] if (name, n) in gains.index else None)
                for n in own.loc[[name]].index.get_level_values("n")
            }
            for name in titles.methods
        }
        curves = {name: method for name, method in titles.methods.items() if not method.benchmark}
        counts = sorted({n for name in curves for n in cells[name]})
        rows = [
            (method.title, roles.get(name, ""), [cells[name].get(n) for n in counts]) for name, method in curves.items()
        ]
        wholes = [(titles.methods[name].title, cells[name]) for name in titles.methods if name not in curves]
        benchmarks = [(text, n, cell) for text, own_cells in wholes for n, cell in own_cells.items()]
        grids.append(CohortGrid(title.title, counts, rows, benchmarks))
    return grids


def means_text(grids: Sequence[CohortGrid]) -> str:
    """All means as one text: what a picture of the curves shows."""
    texts = []
    pictured = [part for whole in grids for part in (whole, *whole.classes) if part.pictured]
    for grid in pictured:
        curves = [
            f"{title}: "
            + ", ".join(f"{cell.dice} at N = {n}" for n, cell in zip(grid.counts, cells, strict=True) if cell)
            for title, _, cells in grid.rows
        ]
        wholes = [f"{title}: {cell.dice} at N = {n}" for title, n, cell in grid.benchmarks]
        texts.append(f"{grid.title}: {'; '.join([*curves, *wholes])}.")
    return " ".join(texts)


def _cell(mean: pd.Series, gain: pd.Series | None) -> GridCell:
    if gain is None:
        interval = "" if pd.isna(mean["low"]) else f"{mean['low']:.3f} to {mean['high']:.3f}"
        return GridCell(f"{mean['mean']:.3f}", "", interval, "none")
    interval = "" if pd.isna(gain["low"]) else f"{signed(gain['low'])} to {signed(gain['high'])}"
    return GridCell(f"{mean['mean']:.3f}", signed(gain["difference"]), interval, significance(gain))
