"""The list of programs that tests call is what they call, and the gate installs all of it."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from helpers.programs import listed

ROOT = Path(__file__).parents[1]
ALWAYS = {"chmod", "cp", "env", "git", "sh", "sha256sum", "which"}
"""What FewLabel itself needs, and what every system with a shell has."""

CALLS = {
    "run",
    "Popen",
    "check_call",
    "check_output",
    "which",
    "needs",
    "skip_without",
    "_spawn",
    "_until_done",
    "_wait_for",
}
CALLERS = {"subprocess", "shutil", "self", "slurm", "cluster"}
BY_NAME = {"needs", "skip_without", "which"}
PROGRAM = re.compile(r"[a-z][a-z0-9_.-]*")


def words(node, known):
    """The texts that an expression stands for, where it says them: itself, its first elements, or a name's values."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.List(elts=[first, *_]):
            return words(first, known)
        case ast.Tuple(elts=parts):
            return [text for part in parts for text in words(part, known)]
        case ast.Starred(value=value):
            return words(value, known)
        case ast.Name(id=name):
            return known.get(name, [])
    return []


def called(source):
    """The programs that a module of tests calls or asks for."""
    tree, known, found = ast.parse(source), defaultdict(list), set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.For(target=ast.Name(id=name), iter=value):
                known[name] += words(value, known)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=caller), attr=name), args=[_, *_] as given):
                pass
            case ast.Call(func=ast.Name(id=name), args=[_, *_] as given):
                caller = None
            case _:
                continue
        if (name in CALLS and caller in CALLERS) or name in BY_NAME:
            every = {"needs": given, "skip_without": given, "_spawn": given[1:2]}.get(name, given[:1])
            found |= {text for node in every for text in words(node, known) if PROGRAM.fullmatch(text)}
    return found


def of_environment(name):
    return (Path(sys.executable).parent / name).exists()


def test_the_reader_of_tests_sees_programs_in_every_form():
    source = """
PROGRAMS = ("one", "two")
subprocess.run(["three", "-x"], check=False)
command = ["four", *more]
process = subprocess.Popen(command)
self._spawn("label", "five", "-D")
slurm.run("six")
@needs("seven", "eight")
def test(): skip_without(*PROGRAMS)
study.run("figures")
run("plan")
subprocess.run([sys.executable, "-m", "snakemake"])
"""
    assert called(source) == {"one", "two", "three", "four", "five", "six", "seven", "eight"}


def test_every_program_that_tests_call_is_listed_and_no_other():
    found = {
        name for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__) for name in called(path.read_text())
    }
    asked = {name for name in found if name not in ALWAYS and not of_environment(name)}
    assert asked == set(listed())


@pytest.fixture
def machine(tmp_path):
    """A machine with coreutils and a package manager that notes what it is asked for, and installs nothing or all."""
    for name in ("sh", "dirname", "id", "touch", "chmod"):
        (tmp_path / name).symlink_to(shutil.which(name))
    manager = tmp_path / "apt-get"

    def programs(installs):
        added = listed() if installs else {}
        lines = [f"touch {tmp_path}/{name}; chmod +x {tmp_path}/{name}" for name in added]
        manager.write_text("\n".join(["#!/bin/sh", f'echo "$*" >> {tmp_path}/asked.txt', *lines]))
        manager.chmod(0o755)
        (tmp_path / "id").unlink()
        (tmp_path / "id").write_text("#!/bin/sh\necho 0\n")
        (tmp_path / "id").chmod(0o755)
        call = [ROOT / ".ci" / "programs"]
        process = subprocess.run(call, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
        asked = (tmp_path / "asked.txt").read_text().splitlines() if (tmp_path / "asked.txt").exists() else []
        return process, asked

    return programs


def missing_there(folder):
    path = os.pathsep.join([str(folder), "/usr/sbin", "/sbin"])
    return {package for name, package in listed().items() if shutil.which(name, path=path) is None}


def test_the_gate_installs_each_missing_program_and_then_nothing(machine, tmp_path):
    (tmp_path / "rsync").symlink_to(shutil.which("true"))
    expected = missing_there(tmp_path)
    process, (update, install) = machine(installs=True)
    assert process.returncode == 0, process.stderr
    assert update == "update -qq" and {"chromium", "texlive-latex-recommended"} <= expected
    assert set(install.split()) - {"install", "-qq", "--no-install-recommends"} == expected
    assert machine(installs=True)[1] == [update, install]


def test_the_gate_fails_where_a_program_cannot_be_had(machine):
    process, _ = machine(installs=False)
    assert process.returncode == 1
    assert "missing; to fix: apt-get install --no-install-recommends" in process.stderr and "rsync" in process.stderr
