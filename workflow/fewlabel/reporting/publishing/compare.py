"""Compare two studies: their settings, versions, inputs and scores."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.reporting.publishing import compare_facts, compare_scores
from fewlabel.reporting.publishing.compare_facts import Difference
from fewlabel.reporting.publishing.compare_scores import INTERVALS, Paired, names_text
from fewlabel.reporting.publishing.privacy import pseudonymise
from fewlabel.reporting.results.folder import Results, read_results
from fewlabel.reporting.statistics.classes import CLASS
from fewlabel.reporting.tables.table import between
from fewlabel.utils.errors import InputError

IDENTICAL, SAME, DIFFERENT = "identical", "same within chance", "different"
TOO_FEW = (
    "These runs are too few for a significant difference: by chance alone, a training scores above or below another of "
    "equal settings on all test subjects. To decide, compare more draws, methods or N."
)


@dataclass(frozen=True)
class Comparison:
    """Result of the comparison of two studies."""

    # a, b: their folders
    a: Path
    b: Path
    verdict: str  # `IDENTICAL`, `SAME` or `DIFFERENT`, for the common scores; sentence: the same as text, with reasons
    sentence: str
    exact: bool  # whether both have the same scores, bit for bit, and no others
    notes: list[str]  # sentences on the pairing and on limits of the verdict
    cells: pd.DataFrame  # from `compare_scores.cells`
    only: dict[str, list[str]]  # texts on runs and test subjects of only `a` and only `b`
    # by heading: settings, versions and machine, inputs, files of the trainings; None if one study does not record them
    differences: dict[str, list[Difference] | None]

    def facts(self) -> dict[str, Any]:
        """The comparison as plain data for a JSON file; undefined values become null."""
        rows = self.cells.astype(object).where(self.cells.notna(), None).to_dict("records")
        differences = {
            heading: None if items is None else [asdict(item) for item in items]
            for heading, items in self.differences.items()
        }
        folders = {"a": str(self.a), "b": str(self.b)}
        verdict = {"verdict": self.verdict, "sentence": self.sentence, "exact": self.exact, "notes": self.notes}
        return {**folders, **verdict, "cells": rows, "only": self.only, "differences": differences}


def compare(folder_a: Path, folder_b: Path) -> Comparison:
    """Compare two studies.

    Some of many intervals exclude 0 by chance. The verdict is `DIFFERENT` only if significantly more of them do
    (`compare_scores.beyond_chance`), or if no interval can be estimated; a single cell never decides.

    Raises:
        InputError: a folder without a study, or two studies without common scores.
    """
    a, b, notes = _with_equal_ids(read_results(folder_a), read_results(folder_b))
    paired = compare_scores.pair(a, b)
    cells = compare_scores.cells(paired)
    verdict = _verdict(paired, cells)
    decide = compare_scores.deciding(cells)
    if verdict == SAME and bool(decide["excludes_0"].any()) and compare_scores.too_few(decide):
        notes.append(TOO_FEW)
    unpaired = (compare_scores.unpaired_runs, compare_scores.unpaired_subjects, compare_scores.unpaired_classes)
    only = {
        "a": [text for find in unpaired for text in find(a.scores, b.scores)],
        "b": [text for find in unpaired for text in find(b.scores, a.scores)],
    }
    differences = {
        "Settings": compare_facts.settings(a, b),
        "Versions and machine": compare_facts.surroundings(a, b),
        "Inputs": compare_facts.inputs(a, b),
        "Files that the trainings wrote": compare_facts.outputs(a, b),
    }
    exact = verdict == IDENTICAL and paired.only_a.empty and paired.only_b.empty
    return Comparison(
        folder_a, folder_b, verdict, _sentence(verdict, paired, cells), exact, notes, cells, only, differences
    )


def _with_equal_ids(a: Results, b: Results) -> tuple[Results, Results, list[str]]:
    """Both studies with ids of subjects, or both with codes, and a note if codes were added."""
    if a.anonymised == b.anonymised:
        return a, b, []
    ours, theirs = pseudonymise(a), pseudonymise(b)
    for name in sorted(ours.tables.keys() & theirs.tables.keys()):
        if len(ours.tables[name]) != len(theirs.tables[name]):
            coded = a.folder if a.anonymised else b.folder
            counts = f"{name}: {len(ours.tables[name])} subjects in A, {len(theirs.tables[name])} in B"
            raise InputError(
                f"{coded}: codes of subjects cannot be matched ({counts}); accepted: a study with the same number of "
                "subjects; to fix: compare it with one that is published with ids"
            )
    return ours, theirs, ["One side is anonymised: subjects are matched by the order of their ids."]


def _verdict(paired: Paired, cells: pd.DataFrame) -> str:
    if bool(compare_scores.identical(paired.both).all()):
        return IDENTICAL
    decide = compare_scores.deciding(cells)
    estimable = bool(decide["low"].notna().any())
    return SAME if estimable and not compare_scores.beyond_chance(decide) else DIFFERENT


def _sentence(verdict: str, paired: Paired, cells: pd.DataFrame) -> str:
    decide = compare_scores.deciding(cells)
    scores, intervals = len(paired.both), int(decide["low"].notna().sum())
    equal = int(compare_scores.identical(paired.both).sum())
    if verdict == IDENTICAL:
        text = f"Identical: all {scores} scores that both have are equal, bit for bit"
    else:
        text = (
            f"{verdict.capitalize()}: {int(decide['excludes_0'].sum())} of {intervals} intervals of B - A exclude 0 "
            f"(chance alone: about {decide['by_chance'].sum():.1f}); {equal} of {scores} scores "
            f"are equal, the largest difference in Dice is {cells['largest'].max():.3g}"
        )
    alone = [f"{len(rows)} scores are in {name} only" for name, rows in (("A", paired.only_a), ("B", paired.only_b))]
    more = [part for part, rows in zip(alone, (paired.only_a, paired.only_b), strict=True) if len(rows)]
    methods = compare_scores.by_method(cells)
    return "; ".join([text, *more]) + "." + (f" By method: {methods}." if methods else "")


def as_text(comparison: Comparison) -> str:
    """Text of a comparison: the verdict, the scores, then other differences."""
    differences = comparison.differences.items()
    parts = [
        f"A: {comparison.a}\nB: {comparison.b}",
        comparison.sentence,
        *comparison.notes,
        _scores(comparison.cells),
        *(_list(f"Only in {side.upper()}", lines) for side, lines in comparison.only.items() if lines),
        *(_list(heading, _lines(items)) for heading, items in differences),
    ]
    return "\n\n".join(parts) + "\n"


def _scores(cells: pd.DataFrame) -> str:
    level = f"{INTERVALS.level * 100:g} %"
    by_class = CLASS in cells
    table_rows = pd.DataFrame(
        {
            "cohort": cells["cohort"].map(lambda name: names_text([name])),
            **({"class": cells[CLASS]} if by_class else {}),
            "method": cells["method"].map(lambda name: names_text([name])),
            "N": cells["n"].astype(str),
            "mean A": cells["mean_a"].map("{:.4f}".format),
            "mean B": cells["mean_b"].map("{:.4f}".format),
            "B - A": cells["difference"].map("{:+.4f}".format),
            f"{level} interval": [between(row["low"], row["high"], 4) for _, row in cells.iterrows()],
            "": cells["excludes_0"].map({True: "*", False: ""}),
            "identical": cells["identical"].astype(str) + " of " + cells["scores"].astype(str),
            "largest": cells["largest"].map("{:.4f}".format),
        }
    )
    alignment = (*["left"] * (3 if by_class else 2), *["right"] * 5, "left", "right", "right")
    table = table_rows.to_markdown(index=False, disable_numparse=True, tablefmt="simple", colalign=alignment)
    return f"""Mean Dice of the scores that both have, paired by draw and test subject. Intervals: {INTERVALS.resamples}
bootstrap samples of draws and, crossed with them, test subjects. *: excludes 0.

{table}"""


def _list(heading: str, lines: list[str] | None) -> str:
    if not lines:
        return f"{heading}: {'not recorded in both' if lines is None else 'no difference'}"
    return f"{heading}:" + "".join(f"\n  {line}" for line in lines)


def _lines(differences: list[Difference] | None) -> list[str] | None:
    return None if differences is None else [_line(difference) for difference in differences]


def _line(difference: Difference) -> str:
    if not (difference.a or difference.b):
        return f"{difference.what} {difference.where}"
    where = f"  ({difference.where})" if difference.where else ""
    return f"{difference.what}: {difference.a} -> {difference.b}{where}"
