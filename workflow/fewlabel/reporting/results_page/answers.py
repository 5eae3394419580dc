"""What a study found on each cohort, in sentences that are computed from its scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.tables.differences import DifferenceTableSettings, difference_table_settings
from fewlabel.config.jobs.tables.labels_needed import labels_table_settings
from fewlabel.reporting.statistics.classes import by_view, class_title
from fewlabel.reporting.statistics.comparisons import comparisons
from fewlabel.reporting.tables.labels_needed import labels_table
from fewlabel.reporting.tables.table import FEWEST_DRAWS, FEWEST_SUBJECTS
from fewlabel.utils.formatting import counted

Verdict = Literal["gain", "loss", "mixed", "none", "few", "alone"]
VERDICTS: dict[Verdict, str] = {
    "gain": "Significant gain",
    "loss": "Significant loss",
    "mixed": "Gains and losses",
    "none": "No significant difference",
    "few": "Too few to conclude",
    "alone": "Nothing to compare",
}
TOGETHER: dict[Verdict, str] = {
    "gain": "a method had significantly more Dice than the control",
    "loss": "a method had significantly less Dice than the control",
    "mixed": "methods had significantly more Dice than the control, or less",
    "none": "no method differed significantly from the control",
    "few": "draws or test subjects are too few for a conclusion",
}
"""Verdicts of several cohorts."""
SHARE = 95
"""Of the benchmark's Dice, in percent: close to it, and on the slope of most curves, where labels can be counted."""


@dataclass(frozen=True)
class LabelsNeeded:
    """The labelled subjects that each method needs for shares of the benchmark's Dice.

    Attributes:
        benchmark: its title.
        counted: what N counts.
        shares: as texts, ascending.
        rows: titles of methods, the control first, and for each share the number with its interval or a bound.
    """

    benchmark: str
    counted: str
    shares: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]

    def sentence(self) -> str:
        """For the share next to `SHARE`, in words."""
        place = min(range(len(self.shares)), key=lambda index: abs(float(self.shares[index].split()[0]) - SHARE))
        (first, numbers), *others = self.rows
        number, _, interval = numbers[place].partition(" (")
        needs = f"{first} needs {number} labelled {self.counted}{interval and f' ({interval}'}"
        texts = [needs, *(f"{title} {numbers[place]}" for title, numbers in others)]
        return f"For {self.shares[place]} of the Dice of {self.benchmark}, {', '.join(texts)}."


@dataclass(frozen=True)
class CohortAnswer:
    """What was found on one cohort.

    Attributes:
        title: of the cohort; of several classes with that of the mean.
        verdict: a difference is significant if its interval excludes 0; `few` comes before all others.
        sentence: the largest significant difference, or the largest difference if none is.
        value: that difference; NaN without a comparison.
        place: its method, control, N and interval.
        needed: the labelled subjects that each method needs for shares of the benchmark's Dice.
        basis: numbers of draws, test subjects and comparisons.
        classes: the same of each class, where there are several; their titles are those of the classes.
    """

    title: str
    verdict: Verdict
    sentence: str
    value: float = float("nan")
    place: str = ""
    needed: "LabelsNeeded | None" = None
    basis: str = ""
    classes: "Sequence[CohortAnswer]" = ()

    @property
    def difference(self) -> str:
        """The difference with sign; empty without a comparison."""
        return "" if np.isnan(self.value) else signed(self.value)

    @property
    def verdict_text(self) -> str:
        """The verdict in words."""
        return VERDICTS[self.verdict]


def answers(
    scores: pd.DataFrame, summary: pd.DataFrame, experiment: Experiment
) -> tuple[list[CohortAnswer], pd.DataFrame]:
    """The answer of each cohort, and all comparisons (`comparisons.comparisons`).

    Args:
        scores: from `scores.select`.
        summary: of each view (`classes.by_view`) of these, from `summary.summary_table`, with the view's columns.
        experiment: of the study.

    Raises:
        InputError: a cohort, method, run or test subject has no scores.
    """
    settings = difference_table_settings(experiment)
    compared = comparisons(scores, settings)
    labels = labels_table_settings(experiment)
    needed = labels_table(scores, labels).rows
    reference = settings.titles.methods[labels.reference].title if labels.reference else ""
    found: dict[str, list[tuple[str, CohortAnswer]]] = {}
    for view in by_view(scores, settings.titles.cohorts):
        own, own_needed, means = (view.of(table) for table in (compared, needed, summary))
        title = settings.titles.cohorts[view.cohort].title
        title = f"{title}, {class_title(view.name)}" if view.name else title
        answer = (
            _mean(means, own_needed, settings, title, reference)
            if own.empty
            else _answer(own, own_needed, settings, title, reference)
        )
        found.setdefault(view.cohort, []).append((class_title(view.name), answer))
    return [
        replace(first, classes=[replace(each, title=name) for name, each in others])
        for (_, first), *others in found.values()
    ], compared


def headline(found: Sequence[CohortAnswer]) -> str:
    """What was found in the whole study: of one cohort the labels needed first; of several, by verdict."""
    if len(found) == 1 and found[0].needed and found[0].verdict != "few":
        return f"{found[0].needed.sentence()} {found[0].sentence}"
    groups: dict[Verdict, list[CohortAnswer]] = {}
    for one in found:
        groups.setdefault(one.verdict, []).append(one)
    return " ".join(_together(verdict, group) for verdict, group in groups.items())


def _together(verdict: Verdict, group: Sequence[CohortAnswer]) -> str:
    if len(group) == 1:
        return group[0].sentence
    if verdict == "alone":
        scores = "; ".join(f"{one.title} {one.place}" for one in group)
        return f"Highest mean Dice, since no method is compared with a control: {scores}."
    first = max(group, key=lambda one: abs(one.value))
    largest = f" The largest difference was {first.difference} Dice on {first.title} ({first.place})."
    *titles, last = [one.title for one in group]
    return f"On {', '.join(titles)} and {last}, {TOGETHER[verdict]}.{'' if verdict == 'few' else largest}"


def signed(value: float) -> str:
    """Three decimals with a sign; a minus sign instead of a hyphen."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def significance(row: pd.Series) -> Literal["gain", "loss", "none", "few"]:
    """On which side of 0 the interval of a comparison is; `few`: draws or test subjects are too few to say."""
    if row["draws"] < FEWEST_DRAWS or row["test_subjects"] < FEWEST_SUBJECTS:
        return "few"
    return "gain" if row["low"] > 0 else "loss" if row["high"] < 0 else "none"


def _answer(
    rows: pd.DataFrame, needed: pd.DataFrame, settings: DifferenceTableSettings, title: str, reference: str
) -> CohortAnswer:
    draws, subjects = int(rows["draws"].min()), int(rows["test_subjects"].min())
    kinds = rows.apply(significance, axis=1)
    verdict = _verdict(set(kinds))
    shown = {"gain": kinds == "gain", "mixed": kinds == "gain", "loss": kinds == "loss"}.get(verdict)
    row = (rows if shown is None else rows[shown]).loc[lambda each: [each["difference"].abs().idxmax()]].iloc[0]
    method, control = (settings.titles.methods[row[name]].title for name in ("method", "control"))
    place = f"{method} against {control} at N = {row['n']}"
    difference, interval = signed(row["difference"]), _interval(row, settings)
    one = settings.titles.counted.replace("s or ", " or ").removesuffix("s")
    base, tests = f"{counted(draws, 'draw')} and {counted(subjects, 'test subject')}", counted(len(rows), "comparison")
    largest = f"The largest difference was {difference} Dice ({place}; {interval})."
    sentence = {
        "few": f"{base} are too few for a conclusion.",
        "none": f"no method differed significantly from {control} in {tests}. {largest}",
    }.get(
        verdict,
        f"{method} had {abs(row['difference']):.3f} {'less' if row['difference'] < 0 else 'more'} Dice than {control} "
        f"with {counted(row['n'], f'labelled {one}')} ({interval}). {_counts(kinds)}.",
    )
    sentence, place = f"On {title}, {sentence}", f"{place}; {interval}"
    labels = _labels(needed, settings, reference)
    return CohortAnswer(title, verdict, sentence, float(row["difference"]), place, labels, f"{base}, {tests}")


def _mean(
    means: pd.DataFrame, needed: pd.DataFrame, settings: DifferenceTableSettings, title: str, reference: str
) -> CohortAnswer:
    """The highest mean Dice, where nothing is compared."""
    row = means.nlargest(1, "mean").iloc[0]
    interval = (
        ""
        if pd.isna(row["low"])
        else f"; {100 * settings.intervals.level:g} % interval {row['low']:.3f} to {row['high']:.3f}"
    )
    place = f"{row['mean']:.3f} ({settings.titles.methods[row['method']].title} at N = {row['n']}{interval})"
    sentence = f"On {title}, no method is compared with a control. The highest mean Dice is {place}."
    base = f"{counted(int(row['draws']), 'draw')} and {counted(int(row['subjects']), 'test subject')}"
    labels = _labels(needed, settings, reference)
    return CohortAnswer(title, "alone", sentence, place=place, needed=labels, basis=base)


def _verdict(kinds: set[str]) -> Verdict:
    if kinds == {"few"}:
        return "few"
    if {"gain", "loss"} <= kinds:
        return "mixed"
    return "gain" if "gain" in kinds else "loss" if "loss" in kinds else "none"


def _interval(row: pd.Series, settings: DifferenceTableSettings) -> str:
    if pd.isna(row["low"]):
        return "no interval"
    return f"{100 * settings.intervals.level:g} % interval {signed(row['low'])} to {signed(row['high'])}"


def _counts(kinds: pd.Series) -> str:
    """How many comparisons are significant."""
    counts = {name: int((kinds == kind).sum()) for name, kind in (("gains", "gain"), ("losses", "loss"))}
    texts = " and ".join(f"{name} in {count}" for name, count in counts.items() if count)
    return f"Significant {texts} of {counted(len(kinds), 'comparison')}"


def _labels(needed: pd.DataFrame, settings: DifferenceTableSettings, reference: str) -> LabelsNeeded | None:
    """Of every method and share; None without a benchmark."""
    if needed.empty:
        return None
    control = settings.control
    methods = sorted(
        needed["method"].unique(), key=lambda name: (name != control, list(settings.titles.methods).index(name))
    )
    shares = sorted(needed["share"].unique())
    cells = needed.set_index(["method", "share"])
    return LabelsNeeded(
        reference,
        settings.titles.counted,
        [f"{100 * share:g} %" for share in shares],
        [
            (
                settings.titles.methods[name].title,
                [_subjects(cells.loc[(name, share)]) if (name, share) in cells.index else "" for share in shares],
            )
            for name in methods
        ],
    )


def _subjects(row: pd.Series) -> str:
    value, low, high = (_number(row[name], row) for name in ("n", "n_low", "n_high"))
    return value if low == high else f"{value} ({low} to {high})"


def _number(value: float, row: pd.Series) -> str:
    """A number of labelled subjects; beyond the tried N, a bound."""
    if np.isinf(value):
        return f"> {row['largest_n']}"
    if value <= row["smallest_n"]:
        return f"\N{LESS-THAN OR EQUAL TO} {row['smallest_n']}" if row["smallest_n"] > 1 else "1"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"
