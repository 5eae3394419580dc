"""Learning curves: the loss of every training against its step, a small panel for each cohort and stage."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fewlabel.config.figure_options import Panels
from fewlabel.config.jobs.figures.learning_curves import LearningSettings
from fewlabel.config.pretexts.registry import PRETEXTS
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.figures import legends, style
from fewlabel.reporting.figures.canvas import text_width, wrapped
from fewlabel.reporting.figures.panels import SUBTITLE, TITLE, notice
from fewlabel.reporting.results.histories import read_histories

STAGES = {
    **{key: (stage.title, stage.loss) for pretext in PRETEXTS.values() for key, stage in pretext.stages.items()},
    "finetune": ("Finetuning", "Dice"),
}
"""Title and loss of each stage, in the order of panels."""
NAME = 7.0
"""Size of type of a panel's title, in points."""


@dataclass(frozen=True)
class LossPanel:
    """One panel.

    Attributes:
        cohort, stage: which trainings it shows.
        labels: of a finetuning, a number or `all`; '' of a pretraining.
        rows: of the table of histories.
    """

    cohort: str
    stage: str
    labels: str
    rows: pd.DataFrame


def draw(results: Path, settings: LearningSettings) -> Figure:
    """The figure of a study, from its folder; a published study may have no histories."""
    history = results / LAYOUT.history
    return learning_curves(read_histories(history) if history.is_file() else None, settings)


def learning_curves(histories: pd.DataFrame | None, settings: LearningSettings) -> Figure:
    """Draw the curves.

    A panel for each stage of pretraining, and for each N of finetuning. Each method has its colour: a faint line for
    every draw (of each test fold), and their mean, both as running means over a share of the steps.

    Args:
        histories: as `histories.read_histories` gives it; None: the study has none.
        settings: what to show and in which order, smoothing, sizes in inches.

    Returns:
        A figure to be written with `style.save`; a notice if there are no histories.
    """
    there = [] if histories is None else list(_panels(histories, settings))
    with style.applied():
        return _draw(there, settings) if there else notice(_nothing(), Panels())


def smoothed(loss: pd.Series, share: float) -> pd.Series:
    """Centred running mean over that share of the rows, shorter at both ends; NaN is skipped."""
    window = max(1, round(share * len(loss)))
    return loss.rolling(window + (window % 2 == 0), center=True, min_periods=1).mean()


def mean_of_draws(draws: list[pd.DataFrame]) -> pd.DataFrame:
    """The mean loss at the steps of the first draw; others are interpolated at these."""
    steps = draws[0]["step"].to_numpy()
    losses = [np.interp(steps, draw["step"], draw["loss"]) for draw in draws]
    return pd.DataFrame({"step": steps, "loss": np.mean(losses, axis=0)})


def _panels(histories: pd.DataFrame, settings: LearningSettings) -> Iterator[LossPanel]:
    """In the order in which they are drawn: cohorts as in the experiment, pretraining first, then N."""
    known = histories[histories["method"].isin(list(settings.titles.methods))]
    order = [*STAGES, *sorted(set(known["stage"]) - set(STAGES))]
    for cohort in settings.titles.cohorts:
        rows = known[known["cohort"] == cohort]
        for stage in order:
            of = rows[rows["stage"] == stage]
            for labels in sorted(of["labels"].unique(), key=lambda n: (n == "all", int(n) if n.isdigit() else 0)):
                yield LossPanel(cohort, stage, labels, of[of["labels"] == labels])


def _nothing() -> list[str]:
    return [
        "Learning curves are not drawn",
        "The study has no histories of its trainings; published studies leave out large ones.",
    ]


# ------------------------------------------------------------------------------------------------------- drawing
def _draw(panels: list[LossPanel], settings: LearningSettings) -> Figure:
    sizes, methods = settings.figure, settings.titles.methods
    cohorts = [name for name in settings.titles.cohorts if any(panel.cohort == name for panel in panels)]
    columns = min(sizes.columns, max(sum(panel.cohort == name for panel in panels) for name in cohorts))
    width = columns * sizes.panel_width_in
    rows = {name: -(-sum(panel.cohort == name for panel in panels) // columns) for name in cohorts}
    heads = {name: wrapped(settings.titles.cohorts[name].title, width - 0.6, TITLE, bold=True) for name in cohorts}
    shown = [str(name) for panel in panels for name in panel.rows["method"].unique()]
    several = settings.figure.show_draws and bool(_averaged(panels))
    entries = legends.of_methods(methods, shown, "line") + ([legends.single_draw("line")] if several else [])
    foot = wrapped(_foot(panels, settings), width - 0.2, SUBTITLE)
    above = {name: len(lines) * TITLE * 1.25 / 72 for name, lines in heads.items()}
    high = sum(rows.values()) * sizes.panel_height_in + sum(above.values()) + 0.15 * len(cohorts)
    figure = style.new_figure(width, high + legends.height_in(entries, width, foot))
    # Beside its ticks and titles a panel keeps about this height.
    inner = sizes.panel_height_in - 0.55
    ratios = [part for name in cohorts for part in (above[name], *[inner] * rows[name])]
    grid = figure.add_gridspec(len(ratios), columns, height_ratios=ratios)
    first = 0
    colours = style.method_colours(methods)
    for name in cohorts:
        own = [panel for panel in panels if panel.cohort == name]
        drawn = []
        _head(figure.add_subplot(grid[first, :]), heads[name])
        first += 1
        for index, panel in enumerate(own):
            axes = figure.add_subplot(grid[first + index // columns, index % columns])
            _panel(axes, panel, settings, colours)
            if index + columns >= len(own):
                axes.set_xlabel("Step", labelpad=1.5, fontsize=6.5)
            drawn.append(axes)
        tuned = [axes for axes, panel in zip(drawn, own, strict=True) if panel.stage == "finetune"]
        for axes in tuned:
            axes.set_ylim(0, max(one.get_ylim()[1] for one in tuned))
        first += rows[name]
    legends.draw(figure, entries, foot)
    return figure


def _head(axes: Axes, lines: list[str]) -> None:
    """The cohort's title above its panels, in a row of its own."""
    axes.set_axis_off()
    title = axes.text(0, 0, "\n".join(lines), fontsize=TITLE, fontweight="bold", transform=axes.transAxes)
    title.set_in_layout(False)


def _panel(axes: Axes, panel: LossPanel, settings: LearningSettings, colours: dict[str, str]) -> None:
    """The losses of one stage, of all methods that have it."""
    shown = settings.figure
    lines = style.line_styles(settings.titles.methods)
    for name in [name for name in settings.titles.methods if (panel.rows["method"] == name).any()]:
        rows = panel.rows[panel.rows["method"] == name]
        draws = [
            draw.assign(loss=smoothed(draw["loss"], shown.smoothing))
            for _, draw in rows.sort_values("step").groupby(["fold", "draw"])
        ]
        if shown.show_draws and len(draws) > 1:
            for draw in draws:
                axes.plot(draw["step"], draw["loss"], color=colours[name], linewidth=0.6, alpha=0.4, zorder=2)
        mean = mean_of_draws(draws)
        label = settings.titles.methods[name].title
        axes.plot(
            mean["step"], mean["loss"], color=colours[name], linestyle=lines[name], linewidth=1.1, label=label,
            zorder=3,
        )  # fmt: skip
    title, loss = STAGES.get(panel.stage, (panel.stage.replace("_", " "), ""))
    loss = settings.loss if panel.stage == "finetune" else loss
    many = "all labels" if panel.labels == "all" else f"N = {panel.labels}"
    text = f"{title}, {many}" if panel.labels else title
    size = NAME * min(1, (shown.panel_width_in - 0.35) / text_width(text, NAME))
    axes.set_title(text, fontsize=size, fontweight="normal", pad=11)
    axes.annotate(f"{loss} loss".strip(), (0, 1), (0, 3), "axes fraction", "offset points", fontsize=6, color="#666666")
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.tick_params(labelsize=6, length=2.5, pad=1.5)
    axes.set_xlim(left=0)


def _averaged(panels: list[LossPanel]) -> list[str]:
    """Whether some line is a mean over `test folds`, `draws`, both or neither."""
    words = {"fold": "test folds", "draw": "draws"}
    return [word for column, word in words.items() if any(len(panel.rows[column].unique()) > 1 for panel in panels)]


def _foot(panels: list[LossPanel], settings: LearningSettings) -> str:
    """Smoothing and averaging of the lines, and missing trainings."""
    share = settings.figure.smoothing
    averaged = " and ".join(_averaged(panels))
    lines = "loss as recorded" if share == 0 else f"running mean over {share * 100:g} % of the steps"
    found = {
        (panel.cohort, *key)
        for panel in panels
        for key in panel.rows[["fold", "method", "labels", "draw"]].drop_duplicates().itertuples(index=False)
    }
    absent = settings.trainings - len(found)
    return "; ".join(
        [
            f"Lines: {lines}{', mean over ' + averaged if averaged else ''}",
            *([f"no history of {absent} of {settings.trainings} trainings"] if absent > 0 else []),
        ]
    ) + "."  # fmt: skip
