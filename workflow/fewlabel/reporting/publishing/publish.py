"""Publish a finished study as a folder of small tables, which suffice for its figures, and of selected weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fewlabel.config.jobs.figures.destreaking import measured_files
from fewlabel.config.portable import placeless
from fewlabel.config.study_layout import HISTORY, LAYOUT, Run
from fewlabel.data.store.packed_subject import QUARTILES
from fewlabel.reporting.publishing.files import check_target, histories, readme, table_files, write_published
from fewlabel.reporting.publishing.model_card import CARD, chosen_run, model_card
from fewlabel.reporting.publishing.privacy import pseudonymise, refuse_private, subject_codes
from fewlabel.reporting.publishing.weights import LARGEST_MB, read_weights_files
from fewlabel.reporting.results.completeness import check_finished
from fewlabel.reporting.results.folder import RUNS, Results, read_experiment, read_results
from fewlabel.reporting.results.histories import join_histories
from fewlabel.utils.errors import InputError

LEFT_OUT = ("affine", "shape", *QUARTILES)
"""Columns of `subjects.csv` that no figure needs: positions of volumes in the scanner, and intensities."""


@dataclass(frozen=True)
class PublishedStudy:
    """A publication: folder, number of runs, size in bytes, whether it has histories, and sizes of its weights."""

    folder: Path
    runs: int
    size: int
    histories: bool
    weights: Mapping[str, int]
    """Bytes of each weights file, by its path."""


def publish(
    folder: Path,
    to: Path,
    replace_old: bool = False,
    anonymise: bool = False,
    weights: Sequence[str] = (),
    largest_mb: float = LARGEST_MB,
) -> PublishedStudy:
    """Copy the tables of a finished study to `to`, atomically.

    Args:
        folder: `results/<study>`.
        to: `results/published/<name>`; its last part becomes the study's name.
        replace_old: whether to replace an existing publication.
        anonymise: whether to replace ids of subjects and patients by codes.
        weights: finetunings (`cohort/method/N/draw`) whose weights are published, each with a model card.
        largest_mb: largest total size of the weights, in 10^6 bytes.

    Raises:
        InputError: the study is not finished, `to` exists or is invalid, a table contains a path of this machine or the
            name of its user or host, or weights do not exist or are too large.
    """
    check_target(folder, to, replace_old)
    experiment = read_experiment(folder)
    check_finished(folder, experiment)
    results = _publishable(read_results(folder), to.name)
    chosen = [chosen_run(results, name_of_run) for name_of_run in weights]
    weights_files = read_weights_files(folder, chosen, subject_codes(results) if anonymise else None, largest_mb)
    results = pseudonymise(results) if anonymise else results
    refuse_private(results)
    history = histories(join_histories(folder, map(Run.parse, results.runs)))
    files = table_files(results) | ({HISTORY: history} if history else {})
    files |= {f"{run}/{CARD}": model_card(results, run) for run in chosen}
    files["README.md"] = readme(
        results, to.name, HISTORY in files, [str(run) for run in chosen], measured_files(experiment)
    )
    measured = {name: (folder / name).read_bytes() for name in measured_files(experiment)}
    binary = {LAYOUT.weights(each.run): each.content for each in weights_files}
    content = {name: text.encode() for name, text in files.items()} | binary | measured
    size = write_published(content, to)
    return PublishedStudy(
        to, len(results.runs), size, HISTORY in files, {name: len(data) for name, data in binary.items()}
    )


def _publishable(results: Results, study: str) -> Results:
    """The published part of a study's results, under its new name, without paths and affines."""
    if results.anonymised or (results.folder / RUNS).is_file():
        raise InputError(f"{results.folder}: a published study; accepted: results/<study> of a run")
    tables = {name: table.drop(columns=[c for c in LEFT_OUT if c in table]) for name, table in results.tables.items()}
    experiment = {**placeless(results.experiment), "study": study}
    return replace(results, experiment=experiment, tables=tables)
