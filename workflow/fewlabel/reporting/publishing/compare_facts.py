"""What two studies were made with: settings, versions and machine, inputs. Each difference is told once, not by run."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fewlabel.config.portable import placeless
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.publishing.compare_scores import some
from fewlabel.reporting.results.folder import Results
from fewlabel.reporting.results.run_facts import Facts, flatten
from fewlabel.utils.formatting import counted

NOT_RECORDED = "not recorded"
OF_A_RUN = (
    "settings", "settings_sha256", "subjects", "seed", "steps", "kind", "decoder_stages", "initialisation", "warnings",
    "time", "seconds", "wall_seconds", "resumed", "memory", "peak_gpu_bytes", "reserved_gpu_bytes", "gpu_index",
    "gpu_slot", "inputs", "outputs",
)  # fmt: skip
"""Facts that tell of one run what it did; all others tell with and on what it ran."""
AS_TABLES = ("slices/", "splits/")
"""Inputs whose content is compared, and not only their hashes."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs: `what`, its value in A and in B as text (empty: `where` tells all), and where."""

    what: str
    a: str
    b: str
    where: str = ""


def settings(a: Results, b: Results) -> list[Difference] | None:
    """Differences of the two experiments by dotted key; where they are equal or not recorded, those of their runs."""
    if a.experiment and b.experiment:
        # Where a folder lies on either machine is no setting of the experiment.
        ours, theirs = flatten(placeless(a.experiment)), flatten(placeless(b.experiment))
        keys = [key for key in {**ours, **theirs} if key != "study"]
        found = [Difference(key, _text(ours, key), _text(theirs, key)) for key in keys]
        if found := [difference for difference in found if difference.a != difference.b]:
            return found
    return _of_runs(a, b)


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
    """Differences in subjects, splits, slices and whatever else the trainings read."""
    names, cohorts = a.tables.keys() & b.tables.keys(), a.stores.keys() & b.stores.keys()
    read = _of_hashes(a, b, "inputs")
    if read is None and not names and not cohorts:
        return None
    tables = [one for name in sorted(names) for one in _of_tables(name, a.tables[name], b.tables[name])]
    slices = [one for cohort in sorted(cohorts) for one in _of_stores(cohort, a.stores[cohort], b.stores[cohort])]
    return [*tables, *slices, *(read or [])]


def outputs(a: Results, b: Results) -> list[Difference] | None:
    """In how many runs each file that a training wrote differs."""
    return _of_hashes(a, b, "outputs")


def _of_tables(name: str, a: pd.DataFrame, b: pd.DataFrame) -> Iterator[Difference]:
    """What differs between two tables with a row a subject."""
    ours, theirs = a.set_index("subject"), b.set_index("subject")
    alone = [set(one.index) - set(other.index) for one, other in ((ours, theirs), (theirs, ours))]
    if any(alone):
        yield Difference(f"{name}: subjects that the other lacks", *(some(names) or "none" for names in alone))
    both = [subject for subject in ours.index if subject in theirs.index]
    for column in [column for column in ours if column in theirs]:
        one, other = ours[column].to_dict(), theirs[column].to_dict()
        if changed := [subject for subject in both if one[subject] != other[subject]]:
            where = f"{len(changed)} of {len(both)} subjects, such as {some([changed[0]])}"
            yield Difference(f"{name}: {column}", some([one[changed[0]]]), some([other[changed[0]]]), where)


def _of_stores(cohort: str, a: Facts, b: Facts) -> Iterator[Difference]:
    """Which arrays of slices differ; the tables beside them are compared by content."""
    ours, theirs = (_mapping(store, "sha256") for store in (a, b))
    for key in sorted(ours | theirs):
        if key.endswith(".npy") and ours.get(key) != theirs.get(key):
            yield Difference(f"{LAYOUT.slices(cohort, key)}: SHA-256", _short(ours.get(key)), _short(theirs.get(key)))


def _of_hashes(a: Results, b: Results, key: str) -> list[Difference] | None:
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


def _of_runs(a: Results, b: Results) -> list[Difference] | None:
    """Settings that differ between runs of one name; a difference that many runs share is one."""
    common = [run for run in a.runs if run in b.runs]
    found: Counter[tuple[str, str, str]] = Counter()
    for run in common:
        ours, theirs = (flatten(_mapping(side.runs[run], "settings")) for side in (a, b))
        triples = ((key, _text(ours, key), _text(theirs, key)) for key in {**ours, **theirs})
        found.update(triple for triple in triples if triple[1] != triple[2])
    if not common:
        return None
    return [Difference(*triple, f"{count} of {len(common)} runs") for triple, count in found.items()]


def _surroundings(results: Results) -> dict[str, Counter[str]]:
    """How often each value of each fact stands in the runs."""
    found: dict[str, Counter[str]] = {}
    for facts in results.runs.values():
        around = flatten({key: value for key, value in facts.items() if key not in OF_A_RUN})
        kind = facts.get("kind")
        for key in around:
            # A pretraining's recipe is another number than a finetuning's.
            name = f"{key} ({kind})" if key == "recipe" and kind else key
            found.setdefault(name, Counter())[_text(around, key)] += 1
    return found


def _counted(values: Counter[str]) -> str:
    if len(values) > 1:
        return ", ".join(f"{value} ({counted(count, 'run')})" for value, count in values.most_common())
    return next(iter(values), NOT_RECORDED)


def _text(facts: Mapping[str, Any], key: str) -> str:
    if key not in facts:
        return NOT_RECORDED
    value = facts[key]
    return some([value]) if isinstance(value, str) else json.dumps(value, ensure_ascii=True)


def _mapping(facts: Facts, key: str) -> dict[str, Any]:
    value = facts.get(key)
    return value if isinstance(value, dict) else {}


def _short(sha256: object) -> str:
    return NOT_RECORDED if sha256 is None else f"{str(sha256)[:12]} …"
