"""Scores of all runs, figures and tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel import figure_jobs, jobs, recorded, reporting_jobs
from fewlabel.commands.common import In, Out, app, settings_json
from fewlabel.folds import parts_of

if TYPE_CHECKING:
    import pandas as pd

CollectJson = Annotated[
    jobs.CollectSettings,
    typer.Option("--settings", parser=settings_json(jobs.CollectSettings), metavar="JSON"),
]
SchemeJson = Annotated[
    reporting_jobs.SchemeSettings,
    typer.Option("--settings", parser=settings_json(reporting_jobs.SchemeSettings), metavar="JSON"),
]
CurvesJson = Annotated[
    reporting_jobs.CurvesSettings,
    typer.Option("--settings", parser=settings_json(reporting_jobs.CurvesSettings), metavar="JSON"),
]
CohortTableJson = Annotated[
    reporting_jobs.CohortTableSettings,
    typer.Option("--settings", parser=settings_json(reporting_jobs.CohortTableSettings), metavar="JSON"),
]
DiceTableJson = Annotated[
    reporting_jobs.DiceTableSettings,
    typer.Option("--settings", parser=settings_json(reporting_jobs.DiceTableSettings), metavar="JSON"),
]
DifferenceTableJson = Annotated[
    figure_jobs.DifferenceTableSettings,
    typer.Option("--settings", parser=settings_json(figure_jobs.DifferenceTableSettings), metavar="JSON"),
]
LabelsTableJson = Annotated[
    figure_jobs.LabelsTableSettings,
    typer.Option("--settings", parser=settings_json(figure_jobs.LabelsTableSettings), metavar="JSON"),
]


def _facts(results: Path, titles: reporting_jobs.Titles) -> "dict[str, pd.DataFrame]":
    """Of each cohort's subjects, from the study's tables."""
    from fewlabel.reporting.cohort_facts import read_facts, read_fold_facts

    found = {}
    for name, title in titles.cohorts.items():
        roles = [results / part / "splits" / "roles.csv" for part in parts_of(name, title.folds)]
        subjects = results / name / "slices" / "subjects.csv"
        found[name] = read_facts(roles[0], subjects) if title.folds is None else read_fold_facts(roles, subjects)
    return found


@app.command()
def collect(settings: CollectJson, results: In, scores: Out) -> None:
    """Join the scores of all runs into the study's one long table."""
    from fewlabel.reporting.scores import collect as join

    recorded.write(
        scores, join([results / run / "scores.csv" for run in jobs.run_folders(settings)]).to_csv(index=False)
    )


@app.command()
def scheme(settings: SchemeJson, results: In, png: Out, pdf: Out) -> None:
    """Figure 2: the two steps as the experiment sets them, with table 1 beneath."""
    from fewlabel.reporting.cohort_table import cohort_table as table_of
    from fewlabel.reporting.scheme import scheme as draw_scheme
    from fewlabel.reporting.style import save

    rows = table_of(_facts(results, settings.titles), settings.table).rows if settings.table else None
    save(draw_scheme(rows, settings), png, pdf, settings.figure.dpi)


@app.command("label-curves")
def label_curves(settings: CurvesJson, scores: In, png: Out, pdf: Out) -> None:
    """Figure 3: mean Dice against the number of labelled subjects."""
    from fewlabel.reporting.curves import label_curves as draw_curves
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.style import save

    save(draw_curves(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@app.command("cohort-table")
def cohort_table(settings: CohortTableJson, results: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Table 1: the subjects of each cohort and what they are used for."""
    from fewlabel.reporting.cohort_table import cohort_table as table_of
    from fewlabel.reporting.table_forms import save

    save(table_of(_facts(results, settings.titles), settings), csv, markdown, latex, html)


@app.command("dice-table")
def dice_table(settings: DiceTableJson, scores: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Table 2: Dice by cohort, method and N, with the paper's numbers beside ours."""
    from fewlabel.reporting.cohort_facts import diagonals
    from fewlabel.reporting.dice_table import dice_table as table_of
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.table_forms import save

    # Sizes of volumes are in tables below the folder of the scores.
    known = diagonals(scores.parent, settings.titles.cohorts) if settings.hd95_missing == "diagonal" else None
    save(table_of(read_scores(scores), settings, known), csv, markdown, latex, html)


@app.command("difference-table")
def difference_table(settings: DifferenceTableJson, scores: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Table 3: paired differences to the control with intervals, tests and effect sizes."""
    from fewlabel.reporting.difference_table import difference_table as table_of
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.table_forms import save

    save(table_of(read_scores(scores), settings), csv, markdown, latex, html)


@app.command("labels-table")
def labels_table(settings: LabelsTableJson, scores: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Table 4: labelled subjects that each method needs for shares of the benchmark's score, and labels saved."""
    from fewlabel.reporting.labels_table import labels_table as table_of
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.table_forms import save

    save(table_of(read_scores(scores), settings), csv, markdown, latex, html)
