"""A finished study as a folder of small tables, from which its figures are drawn again, and of weights asked for."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fewlabel import destreaking_jobs
from fewlabel.errors import InputError
from fewlabel.files import whole, whole_folder
from fewlabel.places import placeless
from fewlabel.reporting.anonymous import anonymised, subject_codes
from fewlabel.reporting.finished import check_finished
from fewlabel.reporting.histories import join_histories, thinned
from fewlabel.reporting.model_card import CARD, WEIGHTS, chosen_run, model_card
from fewlabel.reporting.private import refuse_private
from fewlabel.reporting.results_folder import (
    EXPERIMENT,
    NAME,
    RUNS,
    SCORES,
    STORE,
    Results,
    read_experiment,
    read_results,
)
from fewlabel.reporting.run_facts import pack
from fewlabel.reporting.weights_files import LARGEST_MB, read_weights_files
from fewlabel.validation import as_yaml

HISTORY = "history.csv"
LARGEST_HISTORY = 2_000_000
"""Bytes up to which the histories of all runs are published: beyond, rows are joined until they fit."""
MOST_JOINED = 64
"""Rows that become one at most; histories that are larger even so are left out."""
SUMS = "SHA256SUMS"
LEFT_OUT = ("affine", "shape")
"""Columns of `subjects.csv` that no figure needs: how a scanner lay a volume in space."""


@dataclass(frozen=True)
class Published:
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
) -> Published:
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
    _check_place(folder, to, replace_old)
    experiment = read_experiment(folder)
    check_finished(folder, experiment)
    results = _publishable(read_results(folder), to.name)
    chosen = [chosen_run(results, asked) for asked in weights]
    found = read_weights_files(folder, chosen, subject_codes(results) if anonymise else None, largest_mb)
    results = anonymised(results) if anonymise else results
    refuse_private(results)
    history = _histories(folder, list(results.runs))
    files = _files(results) | ({HISTORY: history} if history else {})
    files |= {f"{run.folder}/{CARD}": model_card(results, run) for run in chosen}
    files["README.md"] = _readme(
        results, to.name, HISTORY in files, [run.folder for run in chosen], destreaking_jobs.files(experiment)
    )
    measured = {name: (folder / name).read_bytes() for name in destreaking_jobs.files(experiment)}
    binary = {f"{each.run.folder}/{WEIGHTS}": each.content for each in found}
    content = {name: text.encode() for name, text in files.items()} | binary | measured
    content[SUMS] = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(content.items())
    ).encode()
    with whole_folder(to) as partial:
        for name, data in content.items():
            with whole(partial / name) as file:
                file.write_bytes(data)
    sizes = {name: len(data) for name, data in binary.items()}
    return Published(to, len(results.runs), sum(map(len, content.values())), HISTORY in files, sizes)


def _check_place(folder: Path, to: Path, replace_old: bool) -> None:
    source, target = folder.resolve(), to.resolve()
    if target.is_relative_to(source) or source.is_relative_to(target):
        raise InputError(f"--to {to}: lies in {folder} or around it; accepted: results/published/<name>")
    if not re.fullmatch(NAME, to.name):
        raise InputError(f"--to {to}: {to.name!r} is no name of a study; accepted: lower case letters, digits and _")
    if to.exists() and not (to / SUMS).is_file():
        raise InputError(f"--to {to}: is there and is no published study; nothing of it is touched; name another place")
    if to.exists() and not replace_old:
        raise InputError(f"{to}: published already; give --replace to put this one in its place, or another --to")


def _publishable(results: Results, study: str) -> Results:
    """What is published of a study: its own name, no place on a disk, no affines."""
    if results.anonymised or (results.folder / RUNS).is_file():
        raise InputError(f"{results.folder}: is a published study; accepted: results/<study>, as a run leaves it")
    tables = {name: table.drop(columns=[c for c in LEFT_OUT if c in table]) for name, table in results.tables.items()}
    experiment = {**placeless(results.experiment), "study": study}
    return replace(results, experiment=experiment, tables=tables)


def _files(results: Results) -> dict[str, str]:
    """The text of each file, by its place in the published study; the places are those of a results folder."""
    files = {EXPERIMENT: as_yaml(results.experiment), RUNS: pack(results.runs, results.anonymised)}
    files[SCORES] = results.scores.to_csv(index=False)
    files |= {name: table.to_csv(index=False) for name, table in results.tables.items()}
    return files | {f"{cohort}/{STORE}": json.dumps(store, indent=2) + "\n" for cohort, store in results.stores.items()}


def _histories(folder: Path, runs: list[str]) -> str:
    """The histories of all runs in one table, in fewer rows where it would be too large; '' if that is no help."""
    table, factor = join_histories(folder, runs), 1
    while len(table) and factor <= MOST_JOINED:
        text = thinned(table, factor).to_csv(index=False)
        if len(text) <= LARGEST_HISTORY:
            return text
        factor *= 2
    return ""


def _readme(results: Results, name: str, histories: bool, weights: Sequence[str], measured: Sequence[str]) -> str:
    ids = "replaced by codes (s001, p001 …)" if results.anonymised else "published as they are in the data"
    scores, cohorts = len(results.scores), ", ".join(sorted(results.scores["cohort"].unique()))
    rows = {
        SCORES: f"{scores} scores: a row for each run and test subject",
        EXPERIMENT: "the experiment with all its defaults",
        RUNS: f"what each of {len(results.runs)} trainings ran with and on; hashes of what it read and wrote",
        **({HISTORY: "the loss of each training"} if histories else {}),
        "<cohort>/splits/": "roles of all subjects, and the order in which each draw labels them",
        "<cohort>/slices/": "size, spacing and target volume of each subject; hashes of the slices",
        **{f"{run}/": f"trained weights (`{WEIGHTS}`) and what to know of them (`{CARD}`)" for run in weights},
        **dict.fromkeys(measured, "what de-streaking methods do to synthetic phantoms: measures, slices of one"),
        SUMS: "of all files: `sha256sum --check SHA256SUMS`",
    }
    absent = (
        "volumes or masks are here, and weights of these runs alone"
        if weights
        else "volumes, masks or weights are here"
    )
    lines = [f"| `{file}` | {what} |" for file, what in rows.items()]
    return f"""# {name}: published results

Cohorts: {cohorts}. Ids of subjects and patients are {ids}. No {absent}.

| file | what it is |
|---|---|
{chr(10).join(lines)}

`make figures STUDY={name}` draws all figures and tables from these files alone, without data or GPU.
`fewlabel compare results/published/{name} results/<study>` tells whether a run of one's own came out the same.
"""
