"""Choose and encode the volumes of the page: the most interesting subjects of each cohort, up to its share of bytes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.figure_options import Explorer
from fewlabel.config.jobs.figures.explorer import Images
from fewlabel.reporting.explorer.selection import by_interest, shown_draws
from fewlabel.reporting.explorer.study import Key, RunsByFold
from fewlabel.reporting.explorer.volumes import CohortVolumes, ShownRun, Sizes
from fewlabel.reporting.statistics.scores import fold_of_subject
from fewlabel.utils.progress import Progress

SMALLEST = 48
"""Smallest side of a slice in pixels."""


@dataclass
class Packed:
    """The volumes of one cohort.

    Attributes:
        blocks: JSON of each shown subject.
        notes: sentences on omissions and reduced sizes.
        subjects: names of the subjects, in the same order.
        draws: draws whose predictions are shown.
    """

    blocks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    draws: list[int] = field(default_factory=list)


def pack(
    results: Path,
    cohort: str,
    title: str,
    images: Images,
    scores: pd.DataFrame,
    runs_by_key: dict[Key, RunsByFold],
    page: Explorer,
    room: int,
) -> Packed:
    """Choose, read and encode the volumes of a cohort.

    Args:
        results: of the study.
        cohort, title: its key and title.
        images: source and grid of its volumes.
        scores: its rows.
        runs_by_key: its finetunings, by method, N and draw, then test fold.
        page: limits of the page.
        room: largest size of its volumes in the file, in bytes.

    Raises:
        InputError: an image, the truth or a prediction is missing or damaged.
    """
    draws = sorted({key[2] for key in runs_by_key})
    shown_numbers = shown_draws(draws, page.draws)
    packed = Packed(draws=shown_numbers)
    order = by_interest(scores)
    volumes = CohortVolumes(results, cohort, images)
    used, wanted = 0, order[: page.subjects]
    sizes = Sizes(page.largest_side_px, page.largest_slices)
    first: dict[str, Any] | None = None
    with Progress(f"explorer: {cohort}", len(wanted), "volume") as progress:
        for subject in wanted:
            fold = fold_of_subject(scores, subject)
            runs = [ShownRun(*key, by_fold[fold]) for key, by_fold in runs_by_key.items() if key[2] in shown_numbers]
            text, sizes, block = _fitting(volumes, subject, runs, sizes, room - used, shrink=first is None)
            if text is None:
                break
            first = first or block
            packed.blocks.append(text)
            packed.subjects.append(subject)
            used += len(text)
            progress.advance()
    packed.notes = list(_notes(title, len(packed.blocks), len(order), len(wanted), first, draws, shown_numbers))
    return packed


def _fitting(
    volumes: CohortVolumes, subject: str, runs: Sequence[ShownRun], sizes: Sizes, room: int, shrink: bool
) -> tuple[str | None, Sizes, dict[str, Any]]:
    """A subject's block as JSON; None if it does not fit. With `shrink`, slices are made smaller until it fits."""
    while True:
        block = volumes.block(subject, runs, sizes)
        text = json.dumps(block, separators=(",", ":"))
        if len(text) <= room:
            return text, sizes, block
        if not shrink or sizes.side_px <= SMALLEST:
            return None, sizes, block
        sizes = Sizes(max(SMALLEST, min(sizes.side_px, max(block["native"])) // 2), sizes.slices)


def _notes(
    title: str,
    packed: int,
    subjects: int,
    wanted: int,
    block: dict[str, Any] | None,
    draws: Sequence[int],
    shown: Sequence[int],
) -> Iterator[str]:
    if packed == 0 or block is None:
        yield f"{title}: no volume fits the page's size limit."
        return
    if packed < subjects:
        why = "" if packed == wanted else ", for the page's size limit"
        yield (
            f"{title}: volumes of {packed} of {subjects} test subjects{why}; by mean Dice the worst, the best, the"
            " middle one, then from both ends."
        )
    rows, columns = block["native"]
    if (block["rows"], block["columns"]) != (rows, columns):
        yield f"{title}: slices of {rows} x {columns} pixels are shown with {block['rows']} x {block['columns']}."
    if len(block["slices"]) < block["count"]:
        yield f"{title}: {len(block['slices'])} of {block['count']} slices are shown, evenly spaced."
    if len(shown) < len(draws):
        yield f"{title}: predictions of {len(shown)} of {len(draws)} draws."
