"""Cores and memory that a process may use."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from fewlabel.operations.doctor import machine
from fewlabel.operations.doctor.machine import Hardware
from fewlabel.utils import environment

ROOMY = Hardware(8, 16, free=30 * 10**9, total=64 * 10**9)


def found(facts):
    return {finding.check: finding for finding in machine.findings(facts)}


def test_a_roomy_machine_is_fine():
    findings = found(ROOMY)
    assert findings["cores"].status == findings["memory"].status == "ok"
    assert findings["cores"].text == "8 of 16" and findings["memory"].text == "30 GB free of 64 GB"


def test_less_time_than_cores_is_told_with_the_cores_to_use():
    finding = found(replace(ROOMY, core_time=1.5))["cores"]
    assert finding.status == "note" and "--cores 1" in finding.todo


def test_a_limit_of_the_allocation_counts_even_if_the_machine_has_more():
    finding = found(replace(ROOMY, limit=2 * 10**9))["memory"]
    assert finding.status == "note" and "2 GB granted" in finding.text


def test_unknown_memory_is_said_to_be_unknown():
    assert "unknown" in found(Hardware(2, 2))["memory"].text


@pytest.mark.parametrize(("text", "expected"), [("150000 100000\n", 1.5), ("max 100000\n", None), (None, None)])
def test_the_core_time_of_a_control_group(text, expected):
    assert machine.core_time(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("2000000000\n", 2_000_000_000), ("max\n", None), (None, None)])
def test_the_memory_of_a_control_group(text, expected):
    assert environment.control_group_limit(text) == expected


def test_memory_is_read_in_bytes():
    assert environment.meminfo_bytes("MemTotal:  100 kB\nMemAvailable:    2 kB\n", "MemAvailable") == 2048


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process to cores")
def test_a_process_bound_to_one_core_sees_one():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from fewlabel.operations.doctor.machine import ask; print(ask().cores, ask().free > 0)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "1 True\n"
