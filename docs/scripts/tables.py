"""Tables of the results pages, from results/published (`make readme`; a test says where a page is behind).

    python docs/scripts/tables.py

A page has the markers `<!-- table: KIND STUDY … -->` and `<!-- /table -->`; what is between them is replaced.
Of several classes, tables are of the mean, or of the class that is named.

| kind | arguments | table |
|---|---|---|
| protocol | study | data, budgets, draws, machine |
| dice | study, cohort, class=NAME | mean Dice of each method at each N |
| gain | study, cohort, control=METHOD, class=NAME | paired difference to the control |
| labels | study, cohort | labelled subjects that a share of the benchmark needs |
| against | study, another, cohort | paired difference to another study |
| pairs | study, cohort | Dice of each cohort of the same people, and its difference to this one |
| destreaking | study, strength … | what each method leaves of streaks |
"""

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pandas as pd

from fewlabel.config.base import MEAN
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.destreaking import MEASURES, destreaking_settings
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.jobs.tables.differences import difference_table_settings
from fewlabel.config.jobs.tables.labels_needed import labels_table_settings
from fewlabel.config.jobs.titles import titles
from fewlabel.config.jobs.training import finetuning
from fewlabel.config.loading.load import load_files
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import outlines
from fewlabel.config.pretexts.specification import budget
from fewlabel.reporting.results.run_facts import unpack
from fewlabel.reporting.statistics.classes import one_class
from fewlabel.reporting.statistics.comparisons import comparisons
from fewlabel.reporting.statistics.scores import read_class_scores
from fewlabel.reporting.statistics.summary import DIFFERENCE, differences, summarise, summary_table
from fewlabel.reporting.tables.destreaking import destreaking_table
from fewlabel.reporting.tables.destreaking_measures import read_measures
from fewlabel.reporting.tables.labels_needed import labels_table

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "results" / "published"
BLOCK = re.compile(r"(<!-- table: ([^>]+) -->\n).*?(<!-- /table -->)", re.DOTALL)
Rows = list[list[str]]


def filled(text: str) -> str:
    """A page with all its tables as the published studies give them."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{_table(*block[2].split())}\n{block[3]}", text)


@cache
def _table(kind: str, study: str, *arguments: str) -> str:
    head, *body = KINDS[kind](study, *arguments)
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *body))


@cache
def _experiment(study: str) -> Experiment:
    return load_files([PUBLISHED / study / "experiment.yaml"])


@cache
def _scores(study: str, shown: str = MEAN) -> pd.DataFrame:
    """Of one class, or of the mean of the classes."""
    return one_class(read_class_scores(PUBLISHED / study / "scores.csv"), shown)


def _cell(study: str, shown: str = MEAN, **values: object) -> pd.DataFrame:
    """The scores whose columns have these values."""
    scores = _scores(study, shown)
    for column, value in values.items():
        scores = scores[scores[column] == value]
    return scores


def protocol(study: str) -> Rows:
    """What was done: data, budgets, draws, machine."""
    experiment = _experiment(study)
    return [["", "setting"], *([name, text] for name, text in _protocol(study, experiment))]


def _protocol(study: str, experiment: Experiment) -> Iterator[tuple[str, str]]:
    cohorts = {}
    for name, cohort in experiment.cohorts.items():
        rows, columns = cohort.grid.matrix
        tested = _cell(study, cohort=name)["subject"].nunique()
        folds = f" in {cohort.folds} folds" if cohort.folds else ""
        text = f"{tested} tested{folds}; {rows} x {columns} pixels of {cohort.grid.spacing_mm:g} mm"
        cohorts.setdefault(text, []).append(titles(experiment).cohorts[name].title)
    for text, names in cohorts.items():
        yield "cohort" if len(names) == 1 else "cohorts", f"{', '.join(names)}: {text}"
    counts = dict.fromkeys(str(n) for name in experiment.methods for n in label_counts(experiment, name))
    yield "labelled subjects N", ", ".join(counts)
    yield "draws", str(experiment.draws)
    yield "network widths", ", ".join(map(str, experiment.network.widths))
    for text, names in _grouped(experiment, lambda name: _pretraining(experiment.methods[name])).items():
        yield "pretraining", f"{names}: {text}"
    for text, names in _grouped(experiment, lambda name: budget(finetuning(experiment, name))).items():
        yield "finetuning", f"{names}: {text}"
    runs, _ = unpack((PUBLISHED / study / "runs.json").read_text())
    hours = sum(run["time"]["seconds"] for run in runs.values()) / 3600
    machines = {(run["hardware"]["processor"], run["hardware"]["cores"], run["precision"]) for run in runs.values()}
    yield "trainings", f"{len(runs)}, together {hours:.1f} hours of one core"
    yield "machine", "; ".join(f"{name}, {cores} cores, {precision}" for name, cores, precision in sorted(machines))


def _grouped(experiment: Experiment, describe: Callable[[str], str]) -> dict[str, str]:
    """Names of methods by their description, without methods whose description is empty."""
    groups: dict[str, list[str]] = {}
    for name in experiment.methods:
        if text := describe(name):
            groups.setdefault(text, []).append(f"`{name}`")
    most = 8
    return {t: ", ".join(names) if len(names) <= most else f"{len(names)} methods" for t, names in groups.items()}


def _pretraining(method: object) -> str:
    if not isinstance(method, PretrainedBase):
        return ""
    return ", then ".join(stage.caption for stage in outlines(method).values())


def dice(study: str, cohort: str, *choices: str) -> Rows:
    """Mean Dice with its interval: a row a method, or an N where there are more of them."""
    experiment = _experiment(study)
    table = summary_table(_cell(study, _choice("class", choices, MEAN), cohort=cohort), experiment.intervals)
    names = titles(experiment).methods
    cells = {
        (names[row["method"]].title, row["n"]): f"{row['mean']:.3f}{_interval(row)}" for _, row in table.iterrows()
    }
    return _crossed([names[name].title for name in names], cells, "Dice")


def gain(study: str, cohort: str, *choices: str) -> Rows:
    """Paired differences to the control; those whose interval excludes 0 are bold."""
    experiment = _experiment(study)
    if control := _choice("control", choices):
        experiment = experiment.model_copy(update={"control": control})
    settings = difference_table_settings(experiment)
    scores = _scores(study, _choice("class", choices, MEAN))
    cohorts = {name: title for name, title in settings.titles.cohorts.items() if name in set(scores["cohort"])}
    titles_of = settings.titles.model_copy(update={"cohorts": cohorts})
    table = comparisons(scores, settings.model_copy(update={"titles": titles_of}))
    names = titles(experiment).methods
    cells = {
        (names[row["method"]].title, row["n"]): _difference(row["difference"], row)
        for _, row in table[table["cohort"] == cohort].iterrows()
    }
    return _crossed([names[name].title for name in settings.methods], cells, f"minus {names[settings.control].title}")


def _choice(name: str, choices: tuple[str, ...], default: str = "") -> str:
    """The value of `name=value` among the arguments of a table."""
    return next((text.partition("=")[2] for text in choices if text.startswith(f"{name}=")), default)


def _interval(row: pd.Series, sign: str = "") -> str:
    return "" if pd.isna(row["low"]) else f" ({row['low']:{sign}.3f} to {row['high']:{sign}.3f})"


def _difference(mean: float, row: pd.Series) -> str:
    text = f"{mean:+.3f}"
    return f"{f'**{text}**' if row['low'] > 0 or row['high'] < 0 else text}{_interval(row, '+')}"


def _crossed(methods: list[str], cells: dict[tuple[str, int], str], what: str) -> Rows:
    """Methods against N, the longer of both as rows."""
    methods = [method for method in methods if any(name == method for name, _ in cells)]
    counts = sorted({n for _, n in cells})
    if len(counts) > len(methods):
        return [[f"{what} at N", *methods], *([str(n), *(cells.get((m, n), "") for m in methods)] for n in counts)]
    heads = [f"N = {n}" for n in counts]
    return [[what, *heads], *([method, *(cells.get((method, n), "") for n in counts)] for method in methods)]


def against(study: str, other: str, cohort: str) -> Rows:
    """Dice of a study minus that of another, in pairs of draw and test subject that both have."""
    names, intervals, cells = titles(_experiment(study)).methods, _experiment(study).intervals, {}
    for (method, n), cell in _cell(study, cohort=cohort).groupby(["method", "n"]):
        pairs = differences(cell, _cell(other, cohort=cohort, method=method, n=n))
        found = summarise(pairs, intervals, DIFFERENCE)
        cells[names[method].title, n] = _difference(found.mean, pd.Series(vars(found)))
    return _crossed([each.title for each in names.values()], cells, f"minus `{other}`")


def labels(study: str, cohort: str) -> Rows:
    """Table 4 of a cohort."""
    experiment = _experiment(study)
    table = labels_table(_scores(study), labels_table_settings(experiment))
    section = table.sections[list(experiment.cohorts).index(cohort)]
    return [[str(column) for column in section.body.columns], *section.body.astype(str).to_numpy().tolist()]


def pairs(study: str, control: str) -> Rows:
    """Cohorts of the same people, split alike: Dice, and the paired difference to one of them."""
    experiment = _experiment(study)
    names, intervals = titles(experiment).cohorts, experiment.intervals
    counts = sorted(_scores(study)["n"].unique())
    heads = [f"{what}N = {n}" for what in ("", f"minus {names[control].title}, ") for n in counts]
    rows = [["trained and tested on", *heads]]
    for cohort, title in names.items():
        row = [title.title]
        for n in counts:
            mean = summarise(_cell(study, cohort=cohort, n=n), intervals)
            row.append(f"{mean.mean:.3f}{_interval(pd.Series(vars(mean)))}")
        for n in counts:
            pairs = differences(_cell(study, cohort=cohort, n=n), _cell(study, cohort=control, n=n))
            found = summarise(pairs, intervals, DIFFERENCE)
            row.append("" if cohort == control else _difference(found.mean, pd.Series(vars(found))))
        rows.append(row)
    return rows


def destreaking(study: str, *strengths: str) -> Rows:
    """What each method leaves of streaks, at some signals of the arms."""
    table = destreaking_table(read_measures(PUBLISHED / study / MEASURES), destreaking_settings(_experiment(study)))
    rows: Rows = []
    for section in table.sections:
        strength = section.title.split()[2]
        if strength in strengths:
            rows = rows or [["arms' signal", *map(str, section.body.columns)]]
            rows += [[strength, *map(str, row)] for row in section.body.to_numpy().tolist()]
    return rows


KINDS = {
    "protocol": protocol,
    "dice": dice,
    "gain": gain,
    "labels": labels,
    "against": against,
    "pairs": pairs,
    "destreaking": destreaking,
}


if __name__ == "__main__":
    for page in sorted((ROOT / "docs").rglob("*.md")):
        before = page.read_text(encoding="utf-8")
        if (after := filled(before)) != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT), file=sys.stderr)
