"""Python and the libraries, against what the package asks for and against the versions that were tested together."""

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fewlabel.operations.doctor.finding import Finding, note, ok, problem

PINS = Path("envs") / "constraints.txt"
INSTALL = "`make .venv/installed` in the checkout, and its .venv/bin first in PATH"


@dataclass(frozen=True)
class Software:
    """What is installed here.

    Attributes:
        python: version of the interpreter.
        python_wanted: the package's range of it, such as `>=3.11.4,<3.14`.
        wanted: the libraries that the package declares, with their ranges (`torch>=2.6`).
        installed: their versions by canonical name; what is missing is left out.
        pins: the versions that were tested together; None where the file that holds them is not there.
    """

    python: str
    python_wanted: str
    wanted: tuple[str, ...]
    installed: Mapping[str, str]
    pins: Mapping[str, str] | None


def ask(checkouts: Sequence[Path]) -> Software:
    """What is installed; the pins lie in the first of the checkouts that has them."""
    wanted = tuple(text for text in requires("fewlabel") or [] if "extra ==" not in text)
    names: list[str] = [canonicalize_name(Requirement(text).name) for text in wanted]
    found = {name: installed for name in names if (installed := version_of(name)) is not None}
    range_wanted = metadata("fewlabel")["Requires-Python"] or ""
    return Software(platform.python_version(), range_wanted, wanted, found, read_pins(checkouts))


def version_of(name: str) -> str | None:
    """The installed version of a distribution; None where there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def read_pins(checkouts: Sequence[Path]) -> dict[str, str] | None:
    """The pinned versions by canonical name."""
    file = next((folder / PINS for folder in checkouts if (folder / PINS).is_file()), None)
    if file is None:
        return None
    lines = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): pin for name, pin in lines}


def findings(software: Software) -> list[Finding]:
    """Python, what is missing or out of range, and what differs from the pins."""
    return [_python(software), *_libraries(software)]


def _python(software: Software) -> Finding:
    if SpecifierSet(software.python_wanted).contains(software.python, prereleases=True):
        return ok("python", f"{software.python} ({software.python_wanted})")
    text = f"{software.python}, but FewLabel needs {software.python_wanted}"
    return problem("python", text, "name another: `make PYTHON=python3.12 .venv/installed`")


def _libraries(software: Software) -> list[Finding]:
    missing, unfit = [], []
    for requirement in map(Requirement, software.wanted):
        found = software.installed.get(canonicalize_name(requirement.name))
        if found is None:
            missing.append(requirement.name)
        elif not requirement.specifier.contains(found, prereleases=True):
            unfit.append(f"{requirement.name} {found} (needed: {requirement.specifier})")
    found_wrong = []
    if missing:
        found_wrong.append(problem("libraries", f"not installed: {', '.join(missing)}", INSTALL))
    if unfit:
        found_wrong.append(problem("libraries", f"too old or too new: {', '.join(unfit)}", INSTALL))
    return [*found_wrong, _pinned(software)]


def _pinned(software: Software) -> Finding:
    if software.pins is None:
        todo = "call it from the checkout, or install with `--constraint envs/constraints.txt`"
        return note("pins", f"{PINS} is neither beside the package nor here: versions were not compared", todo)
    pins = software.pins
    # What stands behind `+` is the build, which has its own check.
    other = [
        f"{name} {found} (pinned: {pins[name]})"
        for name, found in software.installed.items()
        if name in pins and found.partition("+")[0] != pins[name]
    ]
    if other:
        return note("pins", f"not as tested together: {', '.join(other)}", INSTALL)
    return ok("pins", f"{len(software.installed)} libraries as in {PINS}")
