"""Settings of the jobs that draw galleries of predictions."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fewlabel.config.base import Draw, LabelCount, Settings
from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Gallery
from fewlabel.config.folds import part_of, parts_of
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.jobs.specification import FigureSpecification, Inputs, ReportItem
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, titles
from fewlabel.config.sources.registry import Source
from fewlabel.config.study_layout import LAYOUT, Run

FIGURES = {"liver": "figure4_liver", "prostate": "figure5_prostate"}
MOST = 6
"""Columns of predictions that fit on a page, unless the settings name the methods."""


class Column(Settings):
    """One finetuned network of the draw."""

    method: str
    labels: LabelCount


class GallerySettings(Settings):
    """A gallery of one cohort."""

    cohort: str
    title: CohortTitle
    methods: dict[str, MethodTitle]
    """All methods of the study, for their colours."""
    columns: list[Column]
    """Columns of predictions, in their order."""
    draws: Draw
    """Number of draws, of which one is shown."""
    source: Source
    grid: Grid
    figure: Gallery


# ------------------------------------------------------------------------------------------- from an experiment
def galleries(experiment: Experiment) -> dict[str, str]:
    """The cohort of each gallery, by the name of the figure.

    Figure 4 shows the first cohort that represents the paper's liver, figure 5 its prostate; other galleries are named
    by their cohort.
    """
    found: dict[str, str] = {}
    for name, cohort in experiment.cohorts.items():
        figure = FIGURES.get(cohort.stands_for or "", "")
        found[f"gallery_{name}" if not figure or figure in found else figure] = name
    return found


def gallery_settings(experiment: Experiment, cohort: str) -> GallerySettings:
    """Settings of a cohort's gallery."""
    known, figure = titles(experiment), experiment.figures.galleries.get(cohort, Gallery())
    return GallerySettings(
        cohort=cohort,
        title=known.cohorts[cohort],
        methods=known.methods,
        columns=list(_columns(experiment, figure)),
        draws=experiment.draws,
        source=experiment.cohorts[cohort].source,
        grid=experiment.cohorts[cohort].grid,
        figure=figure,
    )


def run_of(settings: GallerySettings, column: Column, fold: int | None = None) -> Run:
    """The finetuning of a column (of one test fold)."""
    return _run(part_of(settings.cohort, fold), settings, column)


def runs_of(settings: GallerySettings) -> list[Run]:
    """The finetunings of all columns, of all test folds."""
    parts = parts_of(settings.cohort, settings.title.folds)
    return [_run(part, settings, column) for column in settings.columns for part in parts]


def _run(part: str, settings: GallerySettings, column: Column) -> Run:
    return Run(part, column.method, column.labels, settings.figure.draw)


def gallery_labels(settings: GallerySettings) -> dict[str, str]:
    """Columns of the report's list: cohort, methods, N and draw."""
    methods = dict.fromkeys(settings.methods[column.method].title for column in settings.columns)
    counts = dict.fromkeys(str(column.labels) for column in settings.columns)
    draw = str(settings.figure.draw)
    return {"cohort": settings.title.title, "method": ", ".join(methods), "N": ", ".join(counts), "draw": draw}


def gallery_problems(experiment: Experiment) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield settings of galleries that the experiment cannot fulfil, with their places."""
    for cohort, gallery in experiment.figures.galleries.items():
        place = ("figures", "galleries", cohort)
        if cohort not in experiment.cohorts:
            yield place, f"unknown cohort {cohort!r}; accepted: {', '.join(experiment.cohorts)}"
            continue
        if gallery.draw > experiment.draws:
            yield (*place, "draw"), f"draw {gallery.draw} of {experiment.draws}; accepted: 1 to {experiment.draws}"
        benchmarks = {name for name, method in titles(experiment).methods.items() if method.benchmark}
        for method in gallery.methods or _methods(experiment, gallery.labels or []):
            if method not in experiment.methods:
                accepted = ", ".join(experiment.methods)
                yield (*place, "methods"), f"unknown method {method!r}; accepted: {accepted}"
                continue
            counts = label_counts(experiment, method)
            if method not in benchmarks and (absent := [n for n in gallery.labels or [] if n not in counts]):
                accepted = ", ".join(map(str, counts))
                yield (*place, "labels"), f"{method} is not trained with N = {absent[0]}; accepted: {accepted}"


def _columns(experiment: Experiment, figure: Gallery) -> Iterator[Column]:
    """Each method at the budgets of the settings, or at one N; benchmarks at their own."""
    known, budgets = titles(experiment).methods, figure.labels or [_one_n(experiment)]
    for method in figure.methods or _methods(experiment, budgets):
        counts = label_counts(experiment, method)
        shown = counts if known[method].benchmark else budgets if figure.labels else [n for n in budgets if n in counts]
        for labels in shown or counts[:1]:
            yield Column(method=method, labels=labels)


def _one_n(experiment: Experiment) -> LabelCount:
    """The N of most methods; of several 2, then 4, then the smallest."""
    known = titles(experiment).methods
    methods: Counter[LabelCount] = Counter(
        n for name in known if not known[name].benchmark for n in label_counts(experiment, name)
    )
    return max(methods, key=lambda n: (methods[n], n == 2, n == 4, -math.inf if n == "all" else -n), default="all")


def _methods(experiment: Experiment, budgets: Sequence[LabelCount]) -> list[str]:
    """At most `MOST` methods with these budgets, the first of each pretext before others, and the first benchmark."""
    known = titles(experiment).methods
    benchmarks = [name for name, method in known.items() if method.benchmark][:1]
    curves = [name for name, method in known.items() if not method.benchmark]
    curves = [name for name in curves if set(budgets) <= set(label_counts(experiment, name))] or curves
    firsts = {known[name].pretext: name for name in reversed(curves)}.values()
    chosen = sorted(curves, key=lambda name: name not in firsts)[
        : max(1, MOST // max(1, len(budgets)) - len(benchmarks))
    ]
    return [*(name for name in curves if name in chosen), *benchmarks]


def gallery_item(specification: FigureSpecification, experiment: Experiment, figure: str, cohort: str) -> ReportItem:
    """A cohort's gallery."""
    settings = gallery_settings(experiment, cohort)
    predictions = map(LAYOUT.predictions, runs_of(settings))
    return ReportItem(
        specification=specification,
        stem=figure,
        title=figure.replace("_", ": ", 1).replace("figure", "Figure ").replace("gallery", "Gallery"),
        settings=settings,
        inputs=Inputs([LAYOUT.scores, LAYOUT.native(cohort), *predictions]),
        cohort=cohort,
        labels=gallery_labels(settings),
    )


@dataclass(frozen=True, kw_only=True)
class GallerySpecification(FigureSpecification):
    """A gallery of each cohort."""

    def items(self, experiment: Experiment) -> list[ReportItem]:
        """One of each cohort."""
        return [gallery_item(self, experiment, *each) for each in galleries(experiment).items()]


SPECIFICATION = GallerySpecification(
    kind="figure",
    name="gallery",
    title="Gallery",
    summary="Slices of a test subject with truth and predictions.",
    settings_class=GallerySettings,
    settings=lambda experiment: None,
    inputs=lambda experiment: Inputs(),
    implementation="fewlabel.reporting.images.gallery:draw",
    needs_volumes=True,
)
