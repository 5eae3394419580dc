"""A finished study as a folder of small tables, from which its figures are drawn again, and of weights asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fewlabel.config import jobs
from fewlabel.config.portable import placeless
from fewlabel.config.study_layout import HISTORY, LAYOUT, Run
from fewlabel.reporting.publishing.files import check_place, histories, put, readme, table_files
from fewlabel.reporting.publishing.model_card import CARD, chosen_run, model_card
from fewlabel.reporting.publishing.privacy import refuse_private
from fewlabel.reporting.publishing.pseudonymize import anonymised, subject_codes
from fewlabel.reporting.publishing.weights import LARGEST_MB, read_weights_files
from fewlabel.reporting.results.completeness import check_finished
from fewlabel.reporting.results.folder import RUNS, Results, read_experiment, read_results
from fewlabel.reporting.results.histories import join_histories
from fewlabel.utils.errors import InputError

LEFT_OUT = ("affine", "shape")
"""Columns of `subjects.csv` that no figure needs: how a scanner lay a volume in space."""


@dataclass(frozen=True)
class PublishedStudy:
    """What was published: where, how many runs and bytes, whether the histories are among them, and which weights."""

    folder: Path
    runs: int
    size: int
    histories: bool
    weights: Mapping[str, int]
    """Bytes of each file, by its place."""


def publish(
    folder: Path,
    to: Path,
    replace_old: bool = False,
    anonymise: bool = False,
    weights: Sequence[str] = (),
    largest_mb: float = LARGEST_MB,
) -> PublishedStudy:
    """Copy the tables of a finished study to `to`, whole or not at all.

    Args:
        folder: `results/<study>`.
        to: `results/published/<name>`; its last part becomes the study's name.
        replace_old: put it in the place of what was published there before.
        anonymise: put codes in the place of the ids of subjects and patients.
        weights: finetunings (`cohort/method/N/draw`) whose weights go along, each with its model card.
        largest_mb: of all weights together, in 10^6 bytes.

    Raises:
        InputError: the study is not finished, `to` is taken or no place for it, what would be published holds a path
            of this machine, or the name of its user or host, or weights are none of the study's or too large.
    """
    check_place(folder, to, replace_old)
    experiment = read_experiment(folder)
    check_finished(folder, experiment)
    results = _publishable(read_results(folder), to.name)
    chosen = [chosen_run(results, asked) for asked in weights]
    found = read_weights_files(folder, chosen, subject_codes(results) if anonymise else None, largest_mb)
    results = anonymised(results) if anonymise else results
    refuse_private(results)
    history = histories(join_histories(folder, map(Run.parse, results.runs)))
    files = table_files(results) | ({HISTORY: history} if history else {})
    files |= {f"{run}/{CARD}": model_card(results, run) for run in chosen}
    files["README.md"] = readme(
        results, to.name, HISTORY in files, [str(run) for run in chosen], jobs.files(experiment)
    )
    measured = {name: (folder / name).read_bytes() for name in jobs.files(experiment)}
    binary = {LAYOUT.weights(each.run): each.content for each in found}
    content = {name: text.encode() for name, text in files.items()} | binary | measured
    size = put(content, to)
    return PublishedStudy(
        to, len(results.runs), size, HISTORY in files, {name: len(data) for name, data in binary.items()}
    )


def _publishable(results: Results, study: str) -> Results:
    """What is published of a study: its own name, no place on a disk, no affines."""
    if results.anonymised or (results.folder / RUNS).is_file():
        raise InputError(f"{results.folder}: is a published study; accepted: results/<study>, as a run leaves it")
    tables = {name: table.drop(columns=[c for c in LEFT_OUT if c in table]) for name, table in results.tables.items()}
    experiment = {**placeless(results.experiment), "study": study}
    return replace(results, experiment=experiment, tables=tables)
