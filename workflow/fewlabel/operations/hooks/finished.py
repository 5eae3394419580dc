"""The message at the end of a run: where its results are. Imports nothing slow."""

from pathlib import Path

from fewlabel.config.study_layout import LAYOUT

PLACES = (
    (LAYOUT.results_page, "results, on one page"),
    (LAYOUT.explorer, "explorer: curves, volumes, predictions"),
    (LAYOUT.report, "how it was made"),
    ("figures", "all figures"),
    ("tables", "all tables"),
)
"""What a study leaves for readers, the first one to open first."""


def finished(study: Path) -> str:
    """The places of a study's results that exist; empty if there are none."""
    there = [(str(study / path), what) for path, what in PLACES if (study / path).exists()]
    width = max((len(path) for path, _ in there), default=0)
    return "\n".join(f"  {path:{width}}  {what}" for path, what in there)
