"""Compare two machines that share a study: code, software, folders, clocks."""

import hashlib
import platform
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fewlabel.operations.doctor.finding import Finding, note, ok, problem
from fewlabel.utils.atomic_files import write_text
from fewlabel.utils.environment import commit

PACKAGE = Path(__file__).parents[2]
TOKEN = ".doctor-token"  # noqa: S105 (not a secret)
CLOCK_SECONDS = 2.0
"""Largest accepted difference of clocks: Snakemake compares modification times of files."""
SHARED = "results, checkout and environment must be on a shared file system, with the same path on all nodes"


@dataclass(frozen=True)
class SharedView:
    """What this machine sees."""

    fewlabel: str  # version
    code: str  # SHA-256 of the package
    rules: str  # SHA-256 of Snakefile and rules in the working directory
    python: str  # version
    results: str  # folder of results
    token: str | None  # written there by the first machine; None: not found
    data: str  # folder of data
    listing: str | None  # SHA-256 of the names in the data folder; None: not found
    clock: float | None  # seconds by which the file system of the results is ahead of this machine; None: unknown
    commit: Mapping[str, Any] = field(default_factory=dict)  # of the code, and whether it was edited; empty: unknown
    libraries: Mapping[str, str] = field(default_factory=dict)  # versions by name


def view(results: Path, data: Path, libraries: Mapping[str, str], clock: float | None) -> SharedView:
    """Collect what this machine sees."""
    return SharedView(
        fewlabel=version("fewlabel"),
        code=content(sorted(PACKAGE.rglob("*.py")), PACKAGE),
        rules=content([Path("Snakefile"), *sorted(Path("workflow").rglob("*.smk"))], Path()),
        python=platform.python_version(),
        results=str(results.absolute()),
        token=_read(results / TOKEN),
        data=str(data.absolute()),
        listing=names(data),
        clock=clock,
        commit=commit(PACKAGE),
        libraries=libraries,
    )


def code_findings(package: Path, checkout: Path) -> list[Finding]:
    """Check that this package is that of the checkout; no finding outside a checkout."""
    own = checkout / "workflow" / "fewlabel"
    if not (own / "__init__.py").is_file():
        return []
    codes = [content(sorted(folder.rglob("*.py")), folder) for folder in (package, own)]
    if codes[0] == codes[1]:
        return [ok("code", f"{version('fewlabel')}, that of the checkout")]
    todo = "put .venv/bin of the checkout first in PATH, or rebuild the image"
    return [note("code", f"{version('fewlabel')} in {package} differs from the checkout; jobs run this one", todo)]


def leave_token(results: Path) -> None:
    """Write a token to the results, which other machines look for."""
    write_text(results / TOKEN, secrets.token_hex(16) + "\n")


def content(files: Sequence[Path], root: Path) -> str:
    """SHA-256 of names and contents of files; missing files are skipped."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(root).as_posix()}"
        for file in files
        if file.is_file()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def names(folder: Path) -> str | None:
    """SHA-256 of the names directly in a folder; None where it cannot be listed."""
    try:
        return hashlib.sha256("\n".join(sorted(path.name for path in folder.iterdir())).encode()).hexdigest()
    except OSError:
        return None


def as_facts(shared: SharedView) -> dict[str, Any]:
    """A view as JSON facts."""
    return asdict(shared)


def compare(there: SharedView, here: SharedView) -> list[Finding]:
    """Compare the view of another machine with that of this one."""
    return [_code(there, here), _software(there, here), _results(there, here), _data(there, here), _clock(there, here)]


def _code(there: SharedView, here: SharedView) -> Finding:
    if there.code != here.code or there.fewlabel != here.fewlabel:
        text = f"different fewlabel: here {_named(here)}, there {_named(there)}"
        return problem("same code", text, f"put the same .venv/bin first in PATH here, or rebuild the image; {SHARED}")
    if there.rules != here.rules:
        return problem("same code", "Snakefile or rules differ or are missing", f"run from the same checkout; {SHARED}")
    return ok("same code", _named(here))


def _named(shared: SharedView) -> str:
    revision = str(shared.commit.get("commit", ""))[:12]
    edited = ", edited" if shared.commit.get("dirty") else ""
    return (
        f"{shared.fewlabel} (commit {revision}{edited})" if revision else f"{shared.fewlabel} (code {shared.code[:12]})"
    )


def _software(there: SharedView, here: SharedView) -> Finding:
    other = {
        name: (there.libraries.get(name, "none"), here.libraries.get(name, "none"))
        for name in sorted({*there.libraries, *here.libraries})
    }
    other["python"] = (there.python, here.python)
    differing = [f"{name} {mine} (there {theirs})" for name, (theirs, mine) in other.items() if theirs != mine]
    if differing:
        return problem("same software", ", ".join(differing), f"put the same .venv/bin first in PATH here; {SHARED}")
    return ok("same software", f"Python {here.python}, {len(here.libraries)} libraries")


def _results(there: SharedView, here: SharedView) -> Finding:
    if there.token is None:
        return note("same results", "the other report has no token", "write it there again with `--json`")
    if here.token is None:
        return problem("same results", f"files written to {there.results} there are not in {here.results} here", SHARED)
    if here.token != there.token:
        text = f"{here.results} has the token of another report"
        return problem("same results", text, f"write the report there again, then compare at once; else: {SHARED}")
    if there.results != here.results:
        return problem("same results", f"{here.results} here, {there.results} there", SHARED)
    return ok("same results", f"{here.results}: files written there are visible here")


def _data(there: SharedView, here: SharedView) -> Finding:
    if there.listing == here.listing:
        return ok("same data", here.data if here.listing else "no data folder on both")
    text = f"{here.data} here and {there.data} there contain different files"
    return problem("same data", text, "set `data_root` or FEWLABEL_DATA to the same shared folder")


def _clock(there: SharedView, here: SharedView) -> Finding:
    if there.clock is None or here.clock is None:
        return note("same time", "unknown: one of the two cannot write", "see `results: files`")
    apart = abs(here.clock - there.clock)
    if apart > CLOCK_SECONDS:
        return note("same time", f"clocks are {apart:.1f} s apart", "synchronise the clocks (NTP)")
    return ok("same time", f"clocks are within {CLOCK_SECONDS:g} s")


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
