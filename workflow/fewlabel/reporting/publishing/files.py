"""Files of a published study, written atomically with their hashes."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fewlabel.config.base import NAME
from fewlabel.config.loading.load import as_yaml
from fewlabel.config.study_layout import EXPERIMENT, HISTORY, LAYOUT, SCORES, WEIGHTS
from fewlabel.reporting.publishing.model_card import CARD
from fewlabel.reporting.results.folder import RUNS, Results
from fewlabel.reporting.results.histories import thin
from fewlabel.reporting.results.run_facts import pack
from fewlabel.reporting.statistics.classes import CLASS
from fewlabel.utils.atomic_files import atomic_file, atomic_folder
from fewlabel.utils.errors import InputError
from fewlabel.utils.recorded_hashes import SUMS
from fewlabel.utils.system_errors import demand_writable

LARGEST_HISTORY = 2_000_000
"""Largest size of the published histories of all runs in bytes; rows of larger ones are merged."""
MOST_JOINED = 64
"""Most rows that are merged into one; histories that are still too large are not published."""


def check_target(folder: Path, to: Path, replace_old: bool, itself: bool = False) -> None:
    """Refuse an invalid target of a publication, before any work.

    Args:
        folder: the study to publish.
        replace_old: whether an existing publication may be replaced.
        itself: whether `to` may be `folder`.

    Raises:
        InputError: `to` is inside `folder` or contains it, is not a valid name, or exists.
    """
    source, target = folder.resolve(), to.resolve()
    inside = target.is_relative_to(source) or source.is_relative_to(target)
    if inside and not (itself and target == source):
        raise InputError(f"--to {to}: inside {folder} or contains it; accepted: results/published/<name>")
    if not re.fullmatch(NAME, to.name):
        raise InputError(f"--to {to}: {to.name!r} is not a valid name; accepted: lower case letters, digits and _")
    if to.exists() and not (to / SUMS).is_file():
        raise InputError(f"--to {to}: already exists and is no published study; to fix: choose another folder")
    if to.exists() and not replace_old:
        raise InputError(f"{to}: already published; to fix: use --replace to replace it, or choose another --to")
    demand_writable([to])


def table_files(results: Results) -> dict[str, str]:
    """The text of each file, by its path in the published study, which is that of a results folder."""
    files = {EXPERIMENT: as_yaml(results.experiment), RUNS: pack(results.runs, results.anonymised)}
    files[SCORES] = results.scores.to_csv(index=False)
    files |= {name: table.to_csv(index=False) for name, table in results.tables.items()}
    return files | {
        LAYOUT.store(cohort): json.dumps(store, indent=2) + "\n" for cohort, store in results.stores.items()
    }


def histories(table: pd.DataFrame) -> str:
    """The histories of all runs as CSV, with merged rows if they are too large; empty without histories that fit."""
    factor = 1
    while len(table) and factor <= MOST_JOINED:
        text = thin(table, factor).to_csv(index=False)
        if len(text) <= LARGEST_HISTORY:
            return text
        factor *= 2
    return ""


def write_published(content: Mapping[str, bytes], to: Path) -> int:
    """Write files and their `SHA256SUMS` to a folder atomically, replacing an existing one; return their bytes."""
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(content.items()))
    files = {**content, SUMS: sums.encode()}
    with atomic_folder(to) as partial:
        for name, data in files.items():
            with atomic_file(partial / name) as file:
                file.write_bytes(data)
    return sum(map(len, files.values()))


def readme(
    results: Results, name: str, has_histories: bool, weights: Sequence[str], measured: Sequence[str], note: str = ""
) -> str:
    """The README of a published study.

    Args:
        weights: runs whose weights are published.
        measured: files of measures of de-streaking.
        note: a paragraph that follows the table.
    """
    ids = "replaced by codes (s001, p001 …)" if results.anonymised else "published as they are in the data"
    scores, cohorts = len(results.scores), ", ".join(sorted(results.scores["cohort"].unique()))
    of = "run, test subject and class" if CLASS in results.scores else "run and test subject"
    rows = {
        SCORES: f"{scores} scores: a row for each {of}",
        EXPERIMENT: "the experiment with all its defaults",
        RUNS: f"settings, machine, and hashes of inputs and outputs of each of {len(results.runs)} trainings",
        **({HISTORY: "the loss of each training"} if has_histories else {}),
        "<cohort>/splits/": "roles of all subjects, and the order in which each draw labels them",
        "<cohort>/slices/": "size, spacing and target volume of each subject; hashes of the slices",
        **{f"{run}/": f"trained weights (`{WEIGHTS}`) and their model card (`{CARD}`)" for run in weights},
        **dict.fromkeys(measured, "de-streaking of synthetic phantoms: measures, and slices of one"),
        SUMS: "of all files: `sha256sum --check SHA256SUMS`",
    }
    absent = "volumes or masks, and weights only of these runs" if weights else "volumes, masks or weights"
    further = f"{note}\n\n" if note else ""
    lines = [f"| `{file}` | {what} |" for file, what in rows.items()]
    return f"""# {name}: published results

Cohorts: {cohorts}. Ids of subjects and patients are {ids}. The folder contains no {absent}.

| file | what it is |
|---|---|
{chr(10).join(lines)}

{further}`make figures STUDY={name}` redraws all figures and tables from these files, without data or GPU.
`fewlabel compare results/published/{name} results/<study>` compares your own run with it.
"""
