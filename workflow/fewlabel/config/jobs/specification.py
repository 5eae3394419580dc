"""What a figure or table of a study is: its name, files, settings, inputs and words; torch-free, for the workflow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.grid import split_parts
from fewlabel.config.study_layout import LAYOUT

Kind = Literal["figure", "table"]
FORMATS: dict[Kind, tuple[str, ...]] = {"figure": ("png", "pdf"), "table": ("csv", "md", "tex", "html")}
"""Endings of the files of each kind; the report shows the PNG of a figure and the HTML of a table."""


@dataclass(frozen=True)
class Inputs:
    """Files that a figure or table is made from, relative to the study's folder.

    Attributes:
        files: tables, and files and folders whose change makes it again.
        large: read in place, and no inputs of the job unless the run has a storage.
        optional: a published study may lack them.
    """

    files: Sequence[str] = ()
    large: Sequence[str] = ()
    optional: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ReportItem:
    """One figure or table of one study.

    Attributes:
        specification: of which it is.
        stem: of its files, in `figures/` or `tables/`.
        title: in the report's list.
        settings: of its job.
        inputs: of its job.
        cohort: whose it is; empty if it is the whole study's.
        labels: further columns of the report's list.
    """

    specification: "FigureSpecification"
    stem: str
    title: str
    settings: Settings
    inputs: Inputs
    cohort: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def rule(self) -> str:
        """Of the workflow that makes it."""
        return f"{self.specification.full_name}_{self.cohort}" if self.cohort else self.specification.full_name

    @property
    def caption(self) -> Path:
        """File below it in the report; a relative path is of `workflow/report/`."""
        return self.specification.caption or Path(f"{self.specification.full_name}.rst")

    @property
    def command(self) -> str:
        """Of the command line, without options."""
        return f"{self.specification.kind} {self.specification.name}"

    @property
    def outputs(self) -> list[str]:
        """Its files, relative to the study's folder."""
        kind = self.specification.kind
        path = LAYOUT.figure if kind == "figure" else LAYOUT.table
        return [path(self.stem, ending) for ending in FORMATS[kind]]


@dataclass(frozen=True, kw_only=True)
class FigureSpecification:
    """A figure or table that every study has, or those studies for which it has settings.

    Attributes:
        kind: `figure` or `table`.
        name: for `fewlabel figure NAME` or `fewlabel table NAME`; lower case letters, digits and _.
        title: in the report's list.
        summary: one sentence: what it shows.
        settings_class: of its job.
        settings: of an experiment; None: this study has none.
        inputs: what it is made from in an experiment.
        implementation: `module:attribute`, a function of the study's folder and the settings that returns a matplotlib
            figure or a `fewlabel.reporting.tables.table.Table`; imported only when it is made.
        caption: file in reStructuredText, shown below it in the report; none: `workflow/report/<kind>_<name>.rst`.
        stem: of its files; default: `name`.
        labels: further columns of the report's list, from the settings.
        options: its settings in an experiment file, `figures: {<name>: …}`, all with defaults; read as
            `experiment.figures.<name>`. None: it has none, or is one of FewLabel's (`fewlabel.config.figure_options`).
        needs_volumes: it needs volumes, weights or predictions: a published study cannot make it.
    """

    kind: Kind
    name: str
    title: str
    summary: str
    settings_class: type[Settings]
    settings: Callable[[Experiment], Settings | None]
    inputs: Callable[[Experiment], Inputs]
    implementation: str
    caption: Path | None = None
    stem: str = ""
    labels: Callable[[Any], Mapping[str, str]] = lambda settings: {}
    options: type[Settings] | None = None
    needs_volumes: bool = False

    @property
    def full_name(self) -> str:
        """Its name among figures and tables."""
        return f"{self.kind}_{self.name}"

    def items(self, experiment: Experiment) -> list[ReportItem]:
        """Those that a study has: one or none."""
        settings = self.settings(experiment)
        if settings is None:
            return []
        return [
            ReportItem(
                specification=self,
                stem=self.stem or self.name,
                title=self.title,
                settings=settings,
                inputs=self.inputs(experiment),
                labels=self.labels(settings),
            )
        ]


def from_scores(experiment: Experiment) -> Inputs:
    """Inputs of what is made from the scores of all runs alone."""
    return Inputs([LAYOUT.scores])


def from_subjects(experiment: Experiment) -> Inputs:
    """Inputs of what is made from the tables of subjects: their roles, and the facts of their volumes."""
    return Inputs([*map(LAYOUT.roles, split_parts(experiment)), *map(LAYOUT.subjects, experiment.cohorts)])


def store_inputs(cohort: str, *files: str) -> Inputs:
    """Inputs of what is made from a cohort's slices and these files."""
    return Inputs([LAYOUT.store(cohort), *files], large=LAYOUT.arrays(cohort))
