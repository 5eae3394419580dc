"""Table 1 below figure 2: subjects for pretraining, labelled pool and test."""

import pandas as pd

from fewlabel.reporting.figures.canvas import Canvas, height, wrapped
from fewlabel.reporting.figures.style import INK

TYPE = 7.0
PAD = 0.035
HEAD = ("Cohort", "Pretraining", "Labelled pool", "Test")
USES = ("pretraining", "pool", "test")


def draw_table(canvas: Canvas, rows: pd.DataFrame, top: float, margin: float) -> float:
    """Draw the table over the whole width; return its lower edge in inches from the top.

    Args:
        canvas: of the figure.
        rows: of table 1, a row a cohort.
        top: upper edge in inches.
        margin: on both sides, in inches.
    """
    inner = canvas.width - 2 * margin
    first = 0.4 * inner
    rights = [margin + first + (index + 1) * (inner - first) / len(USES) for index in range(len(USES))]
    y = top + canvas.text((margin, top), ["Table 1. Subjects of each cohort (slices)"], TYPE + 0.5, fontweight="bold")
    y = _rule(canvas, y + PAD, margin, 1.0)
    canvas.text((margin, y), HEAD[:1], TYPE)
    for right, name in zip(rights, HEAD[1:], strict=True):
        canvas.text((right, y), [name], TYPE, "right")
    y = _rule(canvas, y + height(HEAD[:1], TYPE) + PAD, margin, 0.5)
    for _, row in rows.iterrows():
        for right, use in zip(rights, USES, strict=True):
            cell = " to ".join(dict.fromkeys(_cell(row, use, end) for end in _ends(row, use)))
            canvas.text((right, y), [cell], TYPE, "right")
        y += canvas.text((margin, y), wrapped(row["title"], first - 0.1, TYPE), TYPE) + PAD
    return _rule(canvas, y, margin, 1.0)


def _ends(row: pd.Series, use: str) -> tuple[str, ...]:
    """Suffixes of the columns with counts: with test folds those of the smallest and largest fold, except for test."""
    return ("", "_max") if use != "test" and pd.notna(row.get("folds")) else ("",)


def _cell(row: pd.Series, use: str, end: str) -> str:
    return f"{row[f'{use}_subjects{end}']:,.0f} ({row[f'{use}_slices{end}']:,.0f})"


def _rule(canvas: Canvas, y: float, margin: float, width: float) -> float:
    canvas.line([(margin, y), (canvas.width - margin, y)], INK, width)
    return y + PAD
