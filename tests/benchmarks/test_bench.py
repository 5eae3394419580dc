"""Every benchmark runs through its entry, with tiny sizes, and writes its section."""

import json
import subprocess
import sys

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.shared import ROOT, Section, assemble, in_turns, medians, write


def bench(*arguments):
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


TORTURE = pytest.mark.torture
LONG = {"slurm_overhead": pytest.mark.cluster, "plan_accuracy": TORTURE, "demo_account": TORTURE, "growth": TORTURE}
SHORT = [name for name in NAMES if name not in LONG]


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """What the entry wrote of all short benchmarks, and what it said; one process, since imports take most of it."""
    folder = tmp_path_factory.mktemp("bench")
    process = bench("--quick", "--into", folder, *SHORT)
    assert process.returncode == 0, process.stderr
    return folder, process.stdout


def check_section(name, folder, said):
    if f"{name}: skipped." in said:
        pytest.skip(said.partition(f"{name}: skipped. ")[2].splitlines()[0])
    record = json.loads((folder / "results" / f"{name}.json").read_text())
    assert all(record["tables"].values())
    text = (folder / "RESULTS.md").read_text()
    assert f"## {record['title']}\n" in text and "These figures mean nothing" in text
    assert all(f" {column} " in text for rows in record["tables"].values() for column in rows[0])


@pytest.mark.parametrize("name", SHORT)
def test_a_benchmark_writes_its_section(short, name):
    check_section(name, *short)


@pytest.mark.parametrize("name", [pytest.param(name, marks=mark) for name, mark in LONG.items()])
def test_a_long_benchmark_writes_its_section(tmp_path, name):
    process = bench("--quick", "--into", tmp_path, name)
    assert process.returncode == 0, process.stderr
    check_section(name, tmp_path, process.stdout)


def test_sections_of_other_benchmarks_stay_in_the_order_of_the_names(tmp_path):
    for name in ("second", "first"):
        write(name, name.title(), Section(f"Of {name}.", {"Rows": [{"number": 1}]}), 0, tmp_path, quick=False)
        assemble(["first", "second", "third"], tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.index("## First") < text.index("## Second") and "Third" not in text
    assert "mean nothing" not in text and "`make bench BENCH=first`" in text


def test_cases_are_run_in_turns():
    seen = []
    found = in_turns({name: lambda name=name: seen.append(name) or {"s": len(seen)} for name in "ab"}, rounds=3)
    assert seen == list("ababab")
    assert medians(found["a"]) == {"s": 3}


def test_an_unknown_name_is_answered_with_the_names():
    process = bench("--quick", "speed")
    assert process.returncode == 2 and "Traceback" not in process.stderr
    assert f"BENCH: no such benchmark (speed); accepted: {', '.join(NAMES)}" in " ".join(process.stderr.split())
