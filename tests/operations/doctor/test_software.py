"""Python and libraries, against what is declared and pinned."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from fewlabel.operations.doctor import software
from fewlabel.operations.doctor.software import Software

ROOT = Path(__file__).parents[3]
GOOD = Software(
    "3.12.1", ">=3.11.4,<3.14", ("numpy", "torch>=2.6"), {"numpy": "2.4.6", "torch": "2.13.0+cpu"},
    {"numpy": "2.4.6", "torch": "2.13.0", "ruff": "0.17.6"},
)  # fmt: skip


def found(facts):
    return {finding.check: finding for finding in software.findings(facts)}


def test_the_pinned_versions_are_fine_whatever_the_build():
    assert {finding.status for finding in found(GOOD).values()} == {"ok"}


@pytest.mark.parametrize("python", ["3.11.3", "3.10.12", "3.14.0"])
def test_a_python_out_of_range_is_a_problem_that_names_the_range(python):
    finding = found(replace(GOOD, python=python))["python"]
    assert finding.status == "problem" and ">=3.11.4,<3.14" in finding.text and "PYTHON=" in finding.todo


def test_a_missing_library_is_a_problem():
    finding = found(replace(GOOD, installed={"numpy": "2.4.6"}))["libraries"]
    assert finding.status == "problem" and "not installed: torch" in finding.text


def test_a_library_out_of_its_range_is_a_problem():
    finding = found(replace(GOOD, installed={"numpy": "2.4.6", "torch": "2.5.1"}))["libraries"]
    assert finding.status == "problem" and "torch 2.5.1 (needed: >=2.6)" in finding.text


def test_another_version_than_the_pinned_one_is_a_note():
    findings = found(replace(GOOD, installed={"numpy": "2.5.0", "torch": "2.13.0"}))
    assert findings["pins"].status == "note" and "numpy 2.5.0 (pinned: 2.4.6)" in findings["pins"].text
    assert "libraries" not in findings


def test_kernels_that_were_not_compiled_are_a_note_that_says_what_to_install():
    finding = found(replace(GOOD, kernels=False))["kernels"]
    assert finding.status == "note" and "slower" in finding.text and "C compiler" in finding.todo


def test_the_kernels_module_is_the_one_that_trainings_load():
    from fewlabel.training.kernels.library import MODULE

    assert software.KERNELS == MODULE


def test_without_the_file_of_pins_that_is_said():
    finding = found(replace(GOOD, pins=None))["pins"]
    assert finding.status == "note" and "envs/constraints.txt" in finding.text


def test_the_pins_of_the_checkout_are_read_from_the_first_place_that_has_them(tmp_path):
    pins = software.read_pins([tmp_path, ROOT])
    assert pins["torch"] == "2.13.0" and pins["gitpython"] and pins["lazy-loader"]
    assert software.read_pins([tmp_path]) is None


def test_this_environment_is_as_declared_and_pinned():
    facts = software.ask([ROOT])
    assert facts.installed["torch"] == version("torch") and "pytest" not in facts.installed
    assert {finding.status for finding in software.findings(facts)} == {"ok"}
