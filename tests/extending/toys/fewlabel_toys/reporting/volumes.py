"""Draws the figure of volumes."""

from pathlib import Path

from matplotlib.figure import Figure

from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.figures import style
from fewlabel.reporting.statistics.scores import read_scores
from fewlabel_toys.config.volumes import VolumesSettings


def draw(results: Path, settings: VolumesSettings) -> Figure:
    """The figure of a study, from its folder."""
    scores, colours = read_scores(results / LAYOUT.scores), style.method_colours(settings.titles.methods)
    with style.applied():
        side = settings.figure.panel_in
        figure = style.new_figure(side * len(settings.titles.cohorts), side)
        panels = figure.subplots(1, len(settings.titles.cohorts), squeeze=False)[0]
        for axes, (cohort, title) in zip(panels, settings.titles.cohorts.items(), strict=True):
            for method, its_title in settings.titles.methods.items():
                rows = scores[(scores["cohort"] == cohort) & (scores["method"] == method)]
                axes.scatter(rows["truth_ml"], rows["predicted_ml"], color=colours[method], label=its_title.title)
            axes.axline((0, 0), slope=1, color=style.GREY)
            axes.set(title=title.title, xlabel="True volume, ml", ylabel="Predicted volume, ml")
        panels[0].legend()
    return figure
