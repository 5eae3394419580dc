"""Build the results page of a study from its tables and figures."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.comparisons import benchmark_method, compared
from fewlabel.config.jobs.figures.registry import report_items
from fewlabel.config.jobs.grid import collect_settings
from fewlabel.config.jobs.titles import titles
from fewlabel.reporting.captions import study_facts
from fewlabel.reporting.results.folder import Results, read_results
from fewlabel.reporting.results_page import facts
from fewlabel.reporting.results_page.answers import answers, headline
from fewlabel.reporting.results_page.grids import grids_by_class, means_text
from fewlabel.reporting.results_page.sections import rst, shown_items
from fewlabel.reporting.statistics.classes import by_view
from fewlabel.reporting.statistics.scores import select
from fewlabel.reporting.statistics.summary import summary_table
from fewlabel.reporting.tables.table import FEWEST_DRAWS, FEWEST_SUBJECTS

OWN_PLACES = ("label_curves", "differences", "gallery", "tables")
"""What has a section of its own; all other figures are further ones, also those of installed packages."""


def results_page(results: Path, experiment: Experiment, captions: Path) -> str:
    """The results page, as HTML in one file.

    Args:
        results: folder of a finished or published study, with its figures and tables.
        experiment: of the study.
        captions: folder of the captions (`workflow/report`).

    Raises:
        InputError: scores are incomplete, or a figure or table was changed after it was made.
    """
    study = read_results(results)
    environment = Environment(
        loader=PackageLoader("fewlabel.reporting.results_page", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (files("fewlabel.reporting.results_page") / "page" / "style.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        style=Markup(style),  # noqa: S704 - the package's own file
        **_numbers(study, experiment),
        **_study(study, experiment),
        **_pictures(results, experiment, captions),
    )


def _numbers(study: Results, experiment: Experiment) -> dict[str, Any]:
    """What was found."""
    known, control = titles(experiment), compared(experiment)[0]
    scores = select(study.scores, known, collect_settings(experiment))
    shown = by_view(scores, known.cohorts)
    summary = pd.concat([summary_table(view.scores, experiment.intervals).assign(**view.columns) for view in shown])
    found, differences = answers(scores, summary, experiment)
    roles = {benchmark_method(experiment): "benchmark", control: "control"}
    roles_of = {name: role for name, role in roles.items() if name}
    pictured = experiment.figures.label_curves.classes
    grids = grids_by_class(summary, differences, shown, known, roles_of, pictured)
    return {
        "headline": headline(found),
        "counted": known.counted,
        "phantoms": all(cohort.source.made_by_code for cohort in experiment.cohorts.values()),
        "answers": found,
        "few": any(one.verdict == "few" for one in found),
        "least": (FEWEST_DRAWS, FEWEST_SUBJECTS),
        "grids": grids,
        "curves": means_text(grids),
        "control": known.methods[control].title if control else "",
        "level": f"{100 * experiment.intervals.level:g} %",
        "resamples": experiment.intervals.resamples,
    }


def _study(study: Results, experiment: Experiment) -> dict[str, Any]:
    """What was compared, how it ran, and which files there are."""
    texts = study_facts(experiment)
    published = (study.folder / "runs.json").is_file()
    return {
        "study": experiment.study,
        "published": published,
        "place": f"results/{'published/' if published else ''}{experiment.study}",
        "methods": facts.method_rows(experiment),
        "cohorts": facts.cohort_rows(experiment, study.tables),
        "conditions": rst(texts["conditions"]),
        "choices": rst(f"{texts['choices']}\n\n{texts['terms']}"),
        "budgets": sorted({row[3] for row in facts.method_rows(experiment)}),
        "runs": facts.run_rows(study, experiment),
        "quality": facts.quality(study.folder, experiment),
        "pages": facts.links(study.folder, facts.PAGES),
        "top": facts.links(study.folder, facts.TOP),
        "folders": facts.folders(study.folder),
    }


def _pictures(results: Path, experiment: Experiment, captions: Path) -> dict[str, Any]:
    """All figures and tables by their sections."""
    texts = {name: "" if name == "conditions" else text for name, text in study_facts(experiment).items()}
    shown = shown_items(results, report_items(experiment), captions, texts)
    return {
        "main": shown.get("label_curves", []),
        "gains": shown.get("differences", []),
        "galleries": shown.get("gallery", []),
        "tables": shown.get("tables", []),
        "further": [item for name, items in shown.items() if name not in OWN_PLACES for item in items],
    }
