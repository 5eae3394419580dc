"""Differences of two studies in settings, versions, machine and inputs; each is reported once, not for each run."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fewlabel.config.portable import placeless
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.publishing.compare_scores import names_text
from fewlabel.reporting.results.folder import Results
from fewlabel.reporting.results.run_facts import Facts, flatten
from fewlabel.utils.formatting import counted

NOT_RECORDED = "not recorded"
RUN_FACTS = (
    "settings", "settings_sha256", "subjects", "seed", "steps", "kind", "decoder_stages", "initialisation", "warnings",
    "time", "seconds", "wall_seconds", "resumed", "memory", "peak_gpu_bytes", "reserved_gpu_bytes", "gpu_index",
    "gpu_slot", "inputs", "outputs",
)  # fmt: skip
"""Keys of a record that are specific to a run; all others are about software and hardware."""
AS_TABLES = ("slices/", "splits/")
"""Inputs whose content is compared, not only their hashes."""


@dataclass(frozen=True)
class Difference:
    """One difference: what differs, its values in A and B as text (empty: see `where`), and where."""

    what: str
    a: str
    b: str
    where: str = ""


def settings(a: Results, b: Results) -> list[Difference] | None:
    """Differences of the experiments by dotted key; if they are equal or not recorded, those of their runs."""
    if a.experiment and b.experiment:
        # Paths of folders on a machine are not settings of the experiment.
        ours, theirs = flatten(placeless(a.experiment)), flatten(placeless(b.experiment))
        keys = [key for key in {**ours, **theirs} if key != "study"]
        differences = [Difference(key, _text(ours, key), _text(theirs, key)) for key in keys]
        if differences := [difference for difference in differences if difference.a != difference.b]:
            return differences
    return _run_differences(a, b)


def surroundings(a: Results, b: Results) -> list[Difference] | None:
    """Differences in versions, commit, hardware, device, precision, threads and recipes."""
    ours, theirs = _surroundings(a), _surroundings(b)
    if not (ours and theirs):
        return None
    none: Counter[str] = Counter()
    return [
        Difference(key, _counted(ours.get(key, none)), _counted(theirs.get(key, none)))
        for key in {**ours, **theirs}
        if ours.get(key, none).keys() != theirs.get(key, none).keys()
    ]


def inputs(a: Results, b: Results) -> list[Difference] | None:
    """Differences in subjects, splits, slices and other inputs of the trainings."""
    names, cohorts = a.tables.keys() & b.tables.keys(), a.stores.keys() & b.stores.keys()
    read = _hash_differences(a, b, "inputs")
    if read is None and not names and not cohorts:
        return None
    tables = [
        difference for name in sorted(names) for difference in _table_differences(name, a.tables[name], b.tables[name])
    ]
    slices = [
        difference
        for cohort in sorted(cohorts)
        for difference in _store_differences(cohort, a.stores[cohort], b.stores[cohort])
    ]
    return [*tables, *slices, *(read or [])]


def outputs(a: Results, b: Results) -> list[Difference] | None:
    """Files of the trainings that differ, with the number of runs."""
    return _hash_differences(a, b, "outputs")


def _table_differences(name: str, a: pd.DataFrame, b: pd.DataFrame) -> Iterator[Difference]:
    """Differences of two tables with one row a subject."""
    ours, theirs = a.set_index("subject"), b.set_index("subject")
    alone = [set(first.index) - set(second.index) for first, second in ((ours, theirs), (theirs, ours))]
    if any(alone):
        yield Difference(f"{name}: subjects that the other lacks", *(names_text(names) or "none" for names in alone))
    both = [subject for subject in ours.index if subject in theirs.index]
    for column in [column for column in ours if column in theirs]:
        first, second = ours[column].to_dict(), theirs[column].to_dict()
        if changed := [subject for subject in both if first[subject] != second[subject]]:
            where = f"{len(changed)} of {len(both)} subjects, such as {names_text([changed[0]])}"
            yield Difference(
                f"{name}: {column}", names_text([first[changed[0]]]), names_text([second[changed[0]]]), where
            )


def _store_differences(cohort: str, a: Facts, b: Facts) -> Iterator[Difference]:
    """Differences of two stores' arrays; their tables are compared by content."""
    ours, theirs = (_mapping(store, "sha256") for store in (a, b))
    for key in sorted(ours | theirs):
        if key.endswith(".npy") and ours.get(key) != theirs.get(key):
            yield Difference(f"{LAYOUT.slices(cohort, key)}: SHA-256", _short(ours.get(key)), _short(theirs.get(key)))


def _hash_differences(a: Results, b: Results, key: str) -> list[Difference] | None:
    common = [run for run in a.runs if run in b.runs]
    compared: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    for run in common:
        ours, theirs = (_mapping(side.runs[run], key) for side in (a, b))
        for name in ours.keys() & theirs.keys():
            if not (key == "inputs" and name.startswith(AS_TABLES)):
                compared[name] += 1
                differ[name] += ours[name] != theirs[name]
    if not compared:
        return None
    return [
        Difference(name, "", "", f"differs in {differ[name]} of {compared[name]} runs")
        for name in sorted(compared)
        if differ[name]
    ]


def _run_differences(a: Results, b: Results) -> list[Difference] | None:
    """Differences in settings of runs of one name; a difference of several runs is one."""
    common = [run for run in a.runs if run in b.runs]
    counts: Counter[tuple[str, str, str]] = Counter()
    for run in common:
        ours, theirs = (flatten(_mapping(side.runs[run], "settings")) for side in (a, b))
        triples = ((key, _text(ours, key), _text(theirs, key)) for key in {**ours, **theirs})
        counts.update(triple for triple in triples if triple[1] != triple[2])
    if not common:
        return None
    return [Difference(*triple, f"{count} of {len(common)} runs") for triple, count in counts.items()]


def _surroundings(results: Results) -> dict[str, Counter[str]]:
    """Counts of each value of each fact in the runs."""
    counts: dict[str, Counter[str]] = {}
    for facts in results.runs.values():
        around = flatten({key: value for key, value in facts.items() if key not in RUN_FACTS})
        kind = facts.get("kind")
        for key in around:
            # Pretrainings and finetunings have separate recipe numbers.
            name = f"{key} ({kind})" if key == "recipe" and kind else key
            counts.setdefault(name, Counter())[_text(around, key)] += 1
    return counts


def _counted(values: Counter[str]) -> str:
    if len(values) > 1:
        return ", ".join(f"{value} ({counted(count, 'run')})" for value, count in values.most_common())
    return next(iter(values), NOT_RECORDED)


def _text(facts: Mapping[str, Any], key: str) -> str:
    if key not in facts:
        return NOT_RECORDED
    value = facts[key]
    return names_text([value]) if isinstance(value, str) else json.dumps(value, ensure_ascii=True)


def _mapping(facts: Facts, key: str) -> dict[str, Any]:
    value = facts.get(key)
    return value if isinstance(value, dict) else {}


def _short(sha256: object) -> str:
    return NOT_RECORDED if sha256 is None else f"{str(sha256)[:12]} …"
