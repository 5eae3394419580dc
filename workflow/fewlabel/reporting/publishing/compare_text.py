"""The comparison of two studies as text."""

import pandas as pd

from fewlabel.reporting.publishing.compare import Comparison
from fewlabel.reporting.publishing.compare_facts import Difference
from fewlabel.reporting.publishing.compare_scores import INTERVALS, names_text
from fewlabel.reporting.tables.table import between


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
    table_rows = pd.DataFrame(
        {
            "cohort": cells["cohort"].map(lambda name: names_text([name])),
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
    alignment = ("left", "left", *["right"] * 5, "left", "right", "right")
    table = table_rows.to_markdown(index=False, disable_numparse=True, tablefmt="simple", colalign=alignment)
    return f"""Mean Dice of the scores that both have, paired by draw and test subject. Intervals: {INTERVALS.resamples}
bootstrap samples of draws and, crossed with them, test subjects. *: excludes 0.

{table}"""


def _list(heading: str, lines: list[str] | None) -> str:
    if not lines:
        return f"{heading}: {'not recorded in both' if lines is None else 'no difference found'}"
    return f"{heading}:" + "".join(f"\n  {line}" for line in lines)


def _lines(differences: list[Difference] | None) -> list[str] | None:
    return None if differences is None else [_line(difference) for difference in differences]


def _line(difference: Difference) -> str:
    if not (difference.a or difference.b):
        return f"{difference.what} {difference.where}"
    where = f"  ({difference.where})" if difference.where else ""
    return f"{difference.what}: {difference.a} -> {difference.b}{where}"
