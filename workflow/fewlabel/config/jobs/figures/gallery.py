"""Settings of the jobs that draw galleries of predictions."""

from collections.abc import Iterator
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
PRETEXTS = {"liver": ("regression",), "prostate": ("contrastive",), None: ("regression", "contrastive")}
"""Whose predictions the paper shows of each; of any other cohort both are shown."""


class Column(Settings):
    """One finetuning of the draw that is shown."""

    method: str
    labels: LabelCount


class GallerySettings(Settings):
    """A gallery of one cohort."""

    cohort: str
    title: CohortTitle
    methods: dict[str, MethodTitle]
    """All of the study, for their colours."""
    columns: list[Column]
    """Columns of predictions, right of the truth, in their order."""
    draws: Draw
    """How many there are, of which one is shown."""
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
        columns=[
            Column(method=method, labels=labels)
            for method in figure.methods or _methods(experiment, cohort)
            for labels in figure.labels or _labels(experiment, method)
        ],
        draws=experiment.draws,
        source=experiment.cohorts[cohort].source,
        grid=experiment.cohorts[cohort].grid,
        figure=figure,
    )


def run_of(settings: GallerySettings, column: Column, fold: int | None = None) -> Run:
    """The finetuning of a column (of one fold, where there are folds)."""
    return _run(part_of(settings.cohort, fold), settings, column)


def runs_of(settings: GallerySettings) -> list[Run]:
    """The finetunings of all columns; scores say of which fold the shown subject is."""
    parts = parts_of(settings.cohort, settings.title.folds)
    return [_run(part, settings, column) for column in settings.columns for part in parts]


def _run(part: str, settings: GallerySettings, column: Column) -> Run:
    return Run(part, column.method, column.labels, settings.figure.draw)


def gallery_labels(settings: GallerySettings) -> dict[str, str]:
    """What the report says of a gallery: its cohort, whose predictions it shows, and of which finetunings."""
    methods = dict.fromkeys(settings.methods[column.method].title for column in settings.columns)
    counts = dict.fromkeys(str(column.labels) for column in settings.columns)
    draw = str(settings.figure.draw)
    return {"cohort": settings.title.title, "method": ", ".join(methods), "N": ", ".join(counts), "draw": draw}


def gallery_problems(experiment: Experiment) -> Iterator[tuple[tuple[str, ...], str]]:
    """What galleries ask for and the experiment does not have, with its place."""
    for cohort, gallery in experiment.figures.galleries.items():
        place = ("figures", "galleries", cohort)
        if cohort not in experiment.cohorts:
            yield place, f"unknown cohort {cohort!r}; accepted: {', '.join(experiment.cohorts)}"
            continue
        if gallery.draw > experiment.draws:
            yield (*place, "draw"), f"draw {gallery.draw} of {experiment.draws}; accepted: 1 to {experiment.draws}"
        named = gallery.methods or _methods(experiment, cohort)
        for method in named:
            if method not in experiment.methods:
                accepted = ", ".join(experiment.methods)
                yield (*place, "methods"), f"unknown method {method!r}; accepted: {accepted}"
            elif absent := [n for n in gallery.labels or [] if n not in label_counts(experiment, method)]:
                had = ", ".join(map(str, label_counts(experiment, method)))
                yield (*place, "labels"), f"{method} is not trained with N = {absent[0]}; accepted: {had}"


def _methods(experiment: Experiment, cohort: str) -> list[str]:
    """The first method of each pretext that the paper shows of such a cohort, else the first that is no benchmark."""
    known = titles(experiment).methods
    firsts = {method.pretext: name for name, method in reversed(known.items())}
    wanted = PRETEXTS[experiment.cohorts[cohort].stands_for]
    curves = [name for name, method in known.items() if not method.benchmark]
    pretrained = [name for name in curves if known[name].pretext != "none"]
    return [firsts[pretext] for pretext in wanted if pretext in firsts] or (pretrained or curves or list(known))[:1]


def _labels(experiment: Experiment, method: str) -> list[LabelCount]:
    counts = label_counts(experiment, method)
    numbers: list[LabelCount] = [*sorted(n for n in counts if n != "all")]
    shown: list[LabelCount] = [n for n in numbers if n == 2 or n == 4]
    return shown or numbers[:2] or counts


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
