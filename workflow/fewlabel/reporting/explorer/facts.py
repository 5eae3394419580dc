"""Facts about a study's trainings for readers: numbers, times, devices, memory, software."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fewlabel.reporting.provenance.jobs import moment
from fewlabel.utils.formatting import counted

Facts = Mapping[str, Any]


def fact_rows(pretrainings: Sequence[Facts], finetunings: Sequence[Facts]) -> list[tuple[str, str]]:
    """Facts about all trainings as (name, text), without those that no run recorded.

    Only the values listed here are shown, so no path, host or user name can be.
    """
    runs = [*pretrainings, *finetunings]
    rows = [
        ("Trainings", f"{counted(len(pretrainings), 'pretraining')}, {counted(len(finetunings), 'finetuning')}"),
        ("Pretraining time, summed", _time(_numbers(pretrainings, "time", "seconds"))),
        ("Finetuning time, summed", _time(_numbers(finetunings, "time", "seconds"))),
        ("First start", min(_moments(runs, "started"), default="")),
        ("Last end", max(_moments(runs, "ended"), default="")),
        ("Device", _values(runs, "device")),
        ("Precision", _values(runs, "precision")),
        ("Threads a training", _values(runs, "threads")),
        ("Processor", _values(runs, "hardware", "processor")),
        ("GPU", _values(runs, "hardware", "gpu")),
        ("System", _values(runs, "hardware", "system")),
        ("Largest memory, a training", _memory(_numbers(runs, "memory", "peak_host_bytes"))),
        ("Largest GPU memory", _memory(_numbers(runs, "memory", "peak_gpu_bytes"))),
        ("Python", _values(runs, "software", "python")),
        ("FewLabel", _values(runs, "software", "fewlabel")),
        ("Commit", _values(runs, "software", "commit")),
        ("Uncommitted changes", _values(runs, "software", "dirty")),
        *((name, _values(runs, "software", "packages", name)) for name in ("torch", "monai", "nibabel", "snakemake")),
        ("Warnings", "; ".join(sorted({str(text) for run in runs for text in run.get("warnings") or []}))),
    ]
    return [(name, text) for name, text in rows if text]


def _at(facts: Facts, keys: Iterable[str]) -> Any:
    value: Any = facts
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _values(runs: Sequence[Facts], *keys: str) -> str:
    """All values of a fact, with counts if they differ."""
    found = Counter(_word(value) for run in runs if (value := _at(run, keys)) is not None)
    if len(found) == 1:
        return next(iter(found))
    return ", ".join(f"{value} ({counted(number, 'training')})" for value, number in found.most_common())


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _numbers(runs: Sequence[Facts], *keys: str) -> list[float]:
    return [float(value) for run in runs if isinstance(value := _at(run, keys), (int, float))]


def _moments(runs: Sequence[Facts], name: str) -> list[str]:
    return [time.replace("T", " ") for run in runs if (time := moment(run, name))]


def _time(seconds: Sequence[float]) -> str:
    total = sum(seconds)
    if not seconds:
        return ""
    if total < 120:
        return f"{total:.0f} s"
    return f"{total / 60:.0f} min" if total < 7200 else f"{total / 3600:.1f} h"


def _memory(sizes: Sequence[float]) -> str:
    return f"{max(sizes) / 1e9:.2f} GB" if sizes else ""
