"""Check Python and libraries against the requirements of the package and the pinned versions."""

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fewlabel.operations.doctor.finding import Finding, note, ok, problem

PINS = Path("envs") / "constraints.txt"
KERNELS = "fewlabel.training.kernels.compiled"
INSTALL = "run `make .venv/installed` in the checkout, and put its .venv/bin first in PATH"


@dataclass(frozen=True)
class Software:
    """What is installed here."""

    python: str  # version
    python_required: str  # range of versions, such as `>=3.11.4,<3.14`
    required: tuple[str, ...]  # declared libraries with ranges (`torch>=2.6`)
    installed: Mapping[str, str]  # versions by canonical name, without missing libraries
    pins: Mapping[str, str] | None  # tested versions by canonical name; None: no file of pins
    kernels: bool = True  # whether the kernels of trainings were compiled at installation


def ask(folders: Sequence[Path]) -> Software:
    """Collect installed versions; pins are read from the first folder that has them."""
    required = tuple(text for text in requires("fewlabel") or [] if "extra ==" not in text)
    names: list[str] = [canonicalize_name(Requirement(text).name) for text in required]
    installed_versions = {name: installed for name in names if (installed := version_of(name)) is not None}
    python_range = metadata("fewlabel")["Requires-Python"] or ""
    kernels = find_spec(KERNELS) is not None
    return Software(platform.python_version(), python_range, required, installed_versions, read_pins(folders), kernels)


def version_of(name: str) -> str | None:
    """The installed version of a distribution; None: not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def read_pins(folders: Sequence[Path]) -> dict[str, str] | None:
    """The pinned versions by canonical name; None: no file of pins."""
    file = next((folder / PINS for folder in folders if (folder / PINS).is_file()), None)
    if file is None:
        return None
    lines = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): pin for name, pin in lines}


def findings(software: Software) -> list[Finding]:
    """Check Python, missing or unsuitable libraries, differences to the pins, and the compiled kernels."""
    return [_python(software), *_libraries(software), _kernels(software)]


def _python(software: Software) -> Finding:
    if SpecifierSet(software.python_required).contains(software.python, prereleases=True):
        return ok("python", f"{software.python} ({software.python_required})")
    text = f"{software.python}, but FewLabel needs {software.python_required}"
    return problem("python", text, "use another: `make PYTHON=python3.12 .venv/installed`")


def _libraries(software: Software) -> list[Finding]:
    missing, unsuitable = [], []
    for requirement in map(Requirement, software.required):
        installed = software.installed.get(canonicalize_name(requirement.name))
        if installed is None:
            missing.append(requirement.name)
        elif not requirement.specifier.contains(installed, prereleases=True):
            unsuitable.append(f"{requirement.name} {installed} (needed: {requirement.specifier})")
    problems = []
    if missing:
        problems.append(problem("libraries", f"not installed: {', '.join(missing)}", INSTALL))
    if unsuitable:
        problems.append(problem("libraries", f"version out of range: {', '.join(unsuitable)}", INSTALL))
    return [*problems, _pinned(software)]


def _kernels(software: Software) -> Finding:
    if software.kernels:
        return ok("kernels", "compiled for trainings on CPUs")
    todo = "install a C compiler (Debian: gcc; Fedora: gcc; macOS: xcode-select --install), then install FewLabel again"
    return note("kernels", "not compiled: trainings on CPUs are slower", todo)


def _pinned(software: Software) -> Finding:
    if software.pins is None:
        todo = "run from the checkout, or install with `--constraint envs/constraints.txt`"
        return note("pins", f"{PINS} not found: versions are not compared", todo)
    pins = software.pins
    # The part after `+` is the build, which has its own check.
    different = [
        f"{name} {installed} (pinned: {pins[name]})"
        for name, installed in software.installed.items()
        if name in pins and installed.partition("+")[0] != pins[name]
    ]
    if different:
        return note("pins", f"different from the tested versions: {', '.join(different)}", INSTALL)
    return ok("pins", f"{len(software.installed)} libraries as in {PINS}")
