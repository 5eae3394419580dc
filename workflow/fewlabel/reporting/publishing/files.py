"""What a published study holds, and how it is put down: whole, with the hash of each file."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fewlabel.config.loading.load import as_yaml
from fewlabel.config.study_layout import EXPERIMENT, HISTORY, LAYOUT, SCORES, WEIGHTS
from fewlabel.reporting.publishing.model_card import CARD
from fewlabel.reporting.results.folder import NAME, RUNS, Results
from fewlabel.reporting.results.histories import thin
from fewlabel.reporting.results.run_facts import pack
from fewlabel.utils.atomic_files import atomic_file, atomic_folder
from fewlabel.utils.errors import InputError
from fewlabel.utils.recorded_hashes import SUMS
from fewlabel.utils.system_errors import demand_writable

LARGEST_HISTORY = 2_000_000
"""Bytes up to which the histories of all runs are published: beyond, rows are joined until they fit."""
MOST_JOINED = 64
"""Rows that become one at most; histories that are larger even so are left out."""


def check_place(folder: Path, to: Path, replace_old: bool, itself: bool = False) -> None:
    """Refuse a place where nothing can be published, before anything is read.

    Args:
        folder: what is published.
        to: where.
        replace_old: whether what was published there may go.
        itself: whether `to` may be `folder`.

    Raises:
        InputError: `to` lies in `folder` or around it, is no name of a study, or is taken.
    """
    source, target = folder.resolve(), to.resolve()
    inside = target.is_relative_to(source) or source.is_relative_to(target)
    if inside and not (itself and target == source):
        raise InputError(f"--to {to}: lies in {folder} or around it; accepted: results/published/<name>")
    if not re.fullmatch(NAME, to.name):
        raise InputError(f"--to {to}: {to.name!r} is no name of a study; accepted: lower case letters, digits and _")
    if to.exists() and not (to / SUMS).is_file():
        raise InputError(f"--to {to}: is there and is no published study; nothing of it is touched; name another place")
    if to.exists() and not replace_old:
        raise InputError(f"{to}: published already; give --replace to put this one in its place, or another --to")
    demand_writable([to])


def table_files(results: Results) -> dict[str, str]:
    """The text of each file, by its place in the published study; the places are those of a results folder."""
    files = {EXPERIMENT: as_yaml(results.experiment), RUNS: pack(results.runs, results.anonymised)}
    files[SCORES] = results.scores.to_csv(index=False)
    files |= {name: table.to_csv(index=False) for name, table in results.tables.items()}
    return files | {
        LAYOUT.store(cohort): json.dumps(store, indent=2) + "\n" for cohort, store in results.stores.items()
    }


def histories(table: pd.DataFrame) -> str:
    """The histories of all runs, in fewer rows where they would be too large; '' if there are none or that is no help.

    Args:
        table: as `histories.join_histories` gives it.
    """
    factor = 1
    while len(table) and factor <= MOST_JOINED:
        text = thin(table, factor).to_csv(index=False)
        if len(text) <= LARGEST_HISTORY:
            return text
        factor *= 2
    return ""


def put(content: Mapping[str, bytes], to: Path) -> int:
    """Put files in a folder of their own with `SHA256SUMS`, all or none, in place of what was there; their bytes."""
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(content.items()))
    files = {**content, SUMS: sums.encode()}
    with atomic_folder(to) as partial:
        for name, data in files.items():
            with atomic_file(partial / name) as file:
                file.write_bytes(data)
    return sum(map(len, files.values()))


def readme(
    results: Results,
    name: str,
    has_histories: bool,
    weights: Sequence[str],
    measured: Sequence[str],
    note: str = "",
) -> str:
    """The page that says what lies there.

    Args:
        results: that are published.
        name: of the study.
        has_histories: whether the losses are among them.
        weights: runs whose weights are.
        measured: files of measures of de-streaking.
        note: a paragraph that follows the table.
    """
    ids = "replaced by codes (s001, p001 …)" if results.anonymised else "published as they are in the data"
    scores, cohorts = len(results.scores), ", ".join(sorted(results.scores["cohort"].unique()))
    rows = {
        SCORES: f"{scores} scores: a row for each run and test subject",
        EXPERIMENT: "the experiment with all its defaults",
        RUNS: f"what each of {len(results.runs)} trainings ran with and on; hashes of what it read and wrote",
        **({HISTORY: "the loss of each training"} if has_histories else {}),
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
    further = f"{note}\n\n" if note else ""
    lines = [f"| `{file}` | {what} |" for file, what in rows.items()]
    return f"""# {name}: published results

Cohorts: {cohorts}. Ids of subjects and patients are {ids}. No {absent}.

| file | what it is |
|---|---|
{chr(10).join(lines)}

{further}`make figures STUDY={name}` draws all figures and tables from these files alone, without data or GPU.
`fewlabel compare results/published/{name} results/<study>` tells whether a run of one's own came out the same.
"""
