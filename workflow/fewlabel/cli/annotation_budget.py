"""Annotation budget: how many more volumes to label."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.cli.common import Panel, command, write_json
from fewlabel.config.base import EACH, MEAN
from fewlabel.config.study_layout import LAYOUT
from fewlabel.utils.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from fewlabel.config.jobs.titles import Titles


@command(Panel.INSPECT, "results/demo/scores.csv --target 0.85 --have 12")
def annotation_budget(
    scores: Annotated[Path, typer.Argument(help="results/<study>/scores.csv, or its folder.", show_default=False)],
    target: Annotated[float, typer.Option(help="Mean Dice to reach, between 0 and 1.", show_default=False)],
    have: Annotated[
        int | None, typer.Option(min=1, help="Labelled volumes you have. Default: the largest N of the study.")
    ] = None,
    cohort: Annotated[list[str] | None, typer.Option(help="Only this cohort; repeat for several.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only this method; repeat for several.")] = None,
    class_name: Annotated[
        str,
        typer.Option(
            "--class", help="Scores of this class, or `each`. Default: the mean of the classes.", show_default=False
        ),
    ] = MEAN,
    figure: Annotated[
        Path | None,
        typer.Option(help="Write <figure>.png and <figure>.pdf. Default: figures/budget next to the scores."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the answers as JSON.")] = None,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals, between 0.5 and 1.")] = 0.95,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap replicates.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
) -> None:
    """Estimate how many labelled volumes reach a target Dice, and what the next 1, 5 and 10 would gain."""
    _check_shares({"--target": target, "--level": level}, {"--target": 0.0, "--level": 0.5})
    from fewlabel.config.figure_options import Intervals
    from fewlabel.reporting.figures.annotation_budget import annotation_budget as draw
    from fewlabel.reporting.figures.classes import parts_of
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.statistics.annotation_budget import labels_for_target, learning_curve
    from fewlabel.reporting.statistics.annotation_budget_text import answer_facts, as_text
    from fewlabel.reporting.statistics.classes import class_title, classes_of
    from fewlabel.reporting.statistics.scores import read_class_scores

    scores = scores / LAYOUT.scores if scores.is_dir() else scores
    of_classes = _chosen(read_class_scores(scores), scores, {"cohort": cohort, "method": method})
    _check_class(class_name, names := classes_of(of_classes), scores)
    parts = parts_of(of_classes, _titles(of_classes, scores.parent / LAYOUT.experiment), class_name)
    chosen, intervals = parts.scores, Intervals(level=level, resamples=resamples, seed=seed)
    curves = [
        learning_curve(rows, intervals)
        for cohort_name in parts.titles.cohorts
        for method_name in parts.titles.methods
        if not (rows := chosen[(chosen["cohort"] == cohort_name) & (chosen["method"] == method_name)]).empty
    ]
    answers = [labels_for_target(curve, target, have) for curve in curves]
    stem = figure or scores.parent / "figures" / "budget"
    stem = stem.with_suffix("") if stem.suffix in (".png", ".pdf") else stem
    png, pdf = (stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "pdf"))
    save(draw(answers, parts), png, pdf, record=False)
    if json:
        write_json(
            json, ({"class": class_name} if names else {}) | {"curves": [answer_facts(item) for item in answers]}
        )
    shown = class_title(class_name) if names and class_name != EACH else ""
    print(as_text(answers, shown, parts.titles.counted), end="")
    print(f"\nFigure: {png}, {pdf}")


def _check_shares(shares: dict[str, float], least: dict[str, float]) -> None:
    bad = [f"{name} {value:g}: accepted: more than {least[name]:g}, less than 1" for name, value in shares.items()
           if not least[name] < value < 1]  # fmt: skip
    if bad:
        raise InputError.of(bad)


def _check_class(name: str, names: list[str], path: Path) -> None:
    if name not in (accepted := [MEAN, EACH, *names]):
        raise InputError(f"{path}: --class {name}: accepted: {', '.join(accepted)}")


def _chosen(scores: "pd.DataFrame", path: Path, selection: dict[str, list[str] | None]) -> "pd.DataFrame":
    """The rows of the selected names. Raises InputError: a name does not occur, or no row has all of them."""
    problems = []
    for column, names in selection.items():
        there = sorted(set(scores[column]))
        problems += [f"--{column} {name}: accepted: {', '.join(there)}" for name in names or [] if name not in there]
    if problems:
        raise InputError.of(problems, heading=f"{path}: these have no scores:")
    for column, names in selection.items():
        scores = scores[scores[column].isin(names)] if names else scores
    if scores.empty:
        request = ", ".join(f"{column} {' or '.join(names)}" for column, names in selection.items() if names)
        raise InputError(f"{path}: no scores for the combination {request}")
    return scores


def _titles(scores: "pd.DataFrame", experiment: Path) -> "Titles":
    """Titles of cohorts and methods: from the experiment next to the scores, else made from their names."""
    from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, Titles, titles
    from fewlabel.reporting.results.folder import read_experiment

    study_titles = (
        titles(read_experiment(experiment.parent)) if experiment.is_file() else Titles(cohorts={}, methods={})
    )
    counts = scores.groupby("method")["n"].nunique()
    return Titles(
        cohorts={
            name: study_titles.cohorts.get(name) or CohortTitle(title=name.replace("_", " "), stands_for=None)
            for name in _in_order(scores["cohort"], study_titles.cohorts)
        },
        methods={
            name: study_titles.methods.get(name)
            or MethodTitle(title=name.replace("_", " "), pretext="none", benchmark=int(counts[name]) == 1)
            for name in _in_order(scores["method"], study_titles.methods)
        },
    )


def _in_order(names: "pd.Series", order: Iterable[str]) -> list[str]:
    """Unique names: the known ones in their order, then the others in order of appearance."""
    present = [str(name) for name in names.unique()]
    first = [name for name in order if name in present]
    return [*first, *(name for name in present if name not in first)]
