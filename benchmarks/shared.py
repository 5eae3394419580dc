"""Parts that benchmarks share: processes of their own, turns, clocks, the machine's description and RESULTS.md."""

import importlib.util
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pandas as pd
import psutil

from fewlabel.utils import environment

ROOT = Path(__file__).parents[1]
Given, Found = ParamSpec("Given"), TypeVar("Found")
Row = dict[str, Any]
together = False
"""In quick mode: `apart` calls in this process, which spares the imports of another."""


@dataclass
class Section:
    """What a benchmark found: a section of RESULTS.md, and all of its JSON file."""

    text: str  # Markdown: what was measured and how, and what it says
    tables: dict[str, list[Row]]  # rows by caption; a row is a value by column
    versions: Sequence[str] = ()  # packages whose versions are named, beside Python and torch
    notes: list[str] = field(default_factory=list)  # below the tables: what was left out, and why


def apart(function: Callable[Given, Found], *values: Given.args, **named: Given.kwargs) -> Found:
    """What a function at the top of a module returns in a new process (see `together`). It sets its own threads."""
    if together:
        return function(*values, **named)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *values, **named).result()


def in_turns(cases: Mapping[str, Callable[[], Found]], rounds: int) -> dict[str, list[Found]]:
    """The results of all cases over rounds (A B C, A B C, …), so that other load meets all alike."""
    found: dict[str, list[Found]] = {name: [] for name in cases}
    for turn in range(rounds):
        for name, case in cases.items():
            print(f"  round {turn + 1} of {rounds}: {name}", flush=True)
            found[name].append(case())
    return found


def medians(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each number over rounds."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def significant(value: float, digits: int = 3) -> float:
    """A number rounded to significant digits."""
    return float(f"{value:.{digits}g}")


class Clock:
    """Wall and CPU seconds since `Clock()`; CPU seconds include processes that this one has started."""

    def __init__(self) -> None:
        self.start = self._now()

    def seconds(self) -> dict[str, float]:
        """`wall` and `cpu` seconds so far."""
        wall, cpu = (now - before for now, before in zip(self._now(), self.start, strict=True))
        return {"wall": wall, "cpu": cpu}

    @staticmethod
    def _now() -> tuple[float, float]:
        process, cpu = psutil.Process(), time.process_time()
        ended = process.cpu_times()
        cpu += ended.children_user + ended.children_system
        for child in process.children(recursive=True):
            times = child.cpu_times()
            cpu += times.user + times.system
        return time.perf_counter(), cpu


def lacking(*packages: str) -> str | None:
    """The reason to skip a benchmark that imports these packages; None: all are there."""
    absent = [name for name in packages if importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)}: not installed; to fix: make .venv/installed-bench" if absent else None


def machine(packages: Sequence[str] = ()) -> Row:
    """Processor, cores, instructions, load, versions, and whether the compiled kernels are used."""
    import torch

    from fewlabel.training.kernels.library import kernels_in_use

    return {
        **environment.hardware(torch.device("cuda" if torch.cuda.is_available() else "cpu")),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bf16 instructions": ", ".join(_bf16()) or "none",
        "kernels": kernels_in_use(torch.device("cpu")) or "none",
        "load": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("fewlabel", "torch", *packages)},
        **environment.commit(environment.PACKAGE),
    }


def _bf16() -> list[str]:
    flags = environment.cpuinfo().split()
    return [name for name in ("avx512_bf16", "amx_bf16") if name in flags]


def write(name: str, title: str, section: Section, minutes: float, folder: Path, quick: bool) -> None:
    """Write a benchmark's JSON file, with the machine and its load at the end of the measurement."""
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    record = {
        "title": title,
        "quick": quick,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "minutes": round(minutes, 1),
        "machine": machine(section.versions),
        **asdict(section),
    }
    (results / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def assemble(names: Sequence[str], folder: Path) -> None:
    """Write RESULTS.md from the JSON files that are there, in the order of the names."""
    found = {name: folder / "results" / f"{name}.json" for name in names}
    sections = [_markdown(name, json.loads(path.read_text())) for name, path in found.items() if path.exists()]
    head = "# Results\n\nGenerated by `make bench`. Each section names its command, machine and versions. "
    text = head + "The same figures are in `results/`, a JSON file for each section.\n\n" + "\n".join(sections)
    (folder / "RESULTS.md").write_text(text, encoding="utf-8")


def _markdown(name: str, record: Row) -> str:
    facts, command = record["machine"], f"make bench BENCH={name}" + (" QUICK=1" if record["quick"] else "")
    versions = ", ".join(f"{package} {number}" for package, number in facts["versions"].items())
    where = f"{facts.get('gpu', '')} {facts['processor']}, {facts['cores']} cores, {facts['system']}".strip()
    parts = [
        f"## {record['title']}",
        record["text"].strip(),
        *(f"{caption}\n\n{pd.DataFrame(rows).to_markdown(index=False)}" for caption, rows in record["tables"].items()),
        *record["notes"],
        f"`{command}`, {record['measured'][:10]}, {record['minutes']:g} minutes. {where} ({facts['instructions']}, "
        f"bf16: {facts['bf16 instructions']}), load at the end {facts['load']:g}, "
        f"kernels: {facts.get('kernels', 'unknown')}. {versions}"
        + (f", commit {facts['commit'][:10]}" if "commit" in facts else "")
        + ".",
    ]
    if record["quick"]:
        parts.insert(1, "**Quick mode: tiny sizes, once. These figures mean nothing.**")
    return "\n\n".join(parts) + "\n"
