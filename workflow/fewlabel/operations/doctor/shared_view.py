"""What two machines must see alike, so that jobs of one go on with files of the other: code, folders, clocks."""

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
from fewlabel.utils.git import commit

PACKAGE = Path(__file__).parents[2]
TOKEN = ".doctor-token"  # noqa: S105 (a mark to be found again, no secret)
CLOCK_SECONDS = 2.0
"""Dates of files decide what is old: clocks that are further apart run jobs again, or not at all."""
SHARED = "results, checkout and environment must lie on a file system that all nodes see, under the same path"


@dataclass(frozen=True)
class Sight:
    """What this machine sees.

    Attributes:
        fewlabel: version; `commit`: of the code, and whether it was changed; empty where unknown.
        code: SHA-256 over the package's files; `rules`: over Snakefile and rules of the working directory.
        python: version; `libraries`: by name.
        results: folder; `token`: what the first machine wrote there, None where there is nothing.
        data: folder; `listing`: SHA-256 over the names in it, None where it is not there.
        clock: seconds by which the disk of the results is ahead of this machine, None where unknown.
    """

    fewlabel: str
    code: str
    rules: str
    python: str
    results: str
    token: str | None
    data: str
    listing: str | None
    clock: float | None
    commit: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)


def look(results: Path, data: Path, libraries: Mapping[str, str], clock: float | None) -> Sight:
    """What can be seen from here."""
    return Sight(
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
    """Whether this package is the one of the checkout whose rules would call it; nothing outside a checkout."""
    other = checkout / "workflow" / "fewlabel"
    if not (other / "__init__.py").is_file():
        return []
    codes = [content(sorted(folder.rglob("*.py")), folder) for folder in (package, other)]
    if codes[0] == codes[1]:
        return [ok("code", f"{version('fewlabel')}, the checkout's")]
    todo = "put the checkout's .venv/bin first in PATH, or build the image again"
    return [note("code", f"{version('fewlabel')} in {package} differs from the checkout's: jobs run the former", todo)]


def leave_token(results: Path) -> None:
    """Write a file into the results that other machines are to find."""
    write_text(results / TOKEN, secrets.token_hex(16) + "\n")


def content(files: Sequence[Path], root: Path) -> str:
    """A SHA-256 over the names and contents of files; those that are missing are left out."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(root).as_posix()}"
        for file in files
        if file.is_file()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def names(folder: Path) -> str | None:
    """A SHA-256 over the names directly in a folder; None where it cannot be listed."""
    try:
        return hashlib.sha256("\n".join(sorted(path.name for path in folder.iterdir())).encode()).hexdigest()
    except OSError:
        return None


def as_facts(sight: Sight) -> dict[str, Any]:
    """A sight as JSON would hold it."""
    return asdict(sight)


def compare(there: Sight, here: Sight) -> list[Finding]:
    """Whether this machine sees what another one saw."""
    return [_code(there, here), _software(there, here), _results(there, here), _data(there, here), _clock(there, here)]


def _code(there: Sight, here: Sight) -> Finding:
    if there.code != here.code or there.fewlabel != here.fewlabel:
        text = f"another fewlabel than there: {_named(here)}, there {_named(there)}"
        return problem(
            "same code", text, f"put the same .venv/bin first in PATH here, or build the image again; {SHARED}"
        )
    if there.rules != here.rules:
        return problem(
            "same code", "Snakefile or rules differ, or are not here", f"call it from the same checkout; {SHARED}"
        )
    return ok("same code", _named(here))


def _named(sight: Sight) -> str:
    revision = str(sight.commit.get("commit", ""))[:12]
    changed = " and changes" if sight.commit.get("dirty") else ""
    return (
        f"{sight.fewlabel} (commit {revision}{changed})" if revision else f"{sight.fewlabel} (code {sight.code[:12]})"
    )


def _software(there: Sight, here: Sight) -> Finding:
    other = {
        name: (there.libraries.get(name, "none"), here.libraries.get(name, "none"))
        for name in sorted({*there.libraries, *here.libraries})
    }
    other["python"] = (there.python, here.python)
    differing = [f"{name} {mine} (there {theirs})" for name, (theirs, mine) in other.items() if theirs != mine]
    if differing:
        return problem("same software", ", ".join(differing), f"put the same .venv/bin first in PATH here; {SHARED}")
    return ok("same software", f"Python {here.python}, {len(here.libraries)} libraries")


def _results(there: Sight, here: Sight) -> Finding:
    if there.token is None:
        return note("same results", "the other report left no token", "make it again there, with `--json`")
    if here.token is None:
        return problem(
            "same results", f"what was written to {there.results} there is not in {here.results} here", SHARED
        )
    if here.token != there.token:
        text = f"{here.results} holds the token of another report"
        return problem("same results", text, f"make the report there again, then call this at once; else: {SHARED}")
    if there.results != here.results:
        return problem("same results", f"{here.results} here, {there.results} there", SHARED)
    return ok("same results", f"{here.results}: what was written there is seen here")


def _data(there: Sight, here: Sight) -> Finding:
    if there.listing == here.listing:
        return ok("same data", here.data if here.listing else "no data folder on either")
    text = f"{here.data} here and {there.data} there hold different files"
    return problem("same data", text, "set `data_root` or FEWLABEL_DATA alike, to a folder that all nodes see")


def _clock(there: Sight, here: Sight) -> Finding:
    if there.clock is None or here.clock is None:
        return note("same time", "unknown: nothing could be written on one of the two", "see `results: files`")
    apart = abs(here.clock - there.clock)
    if apart > CLOCK_SECONDS:
        return note("same time", f"clocks are {apart:.1f} s apart", "have the machines' time synchronised (NTP)")
    return ok("same time", f"clocks are within {CLOCK_SECONDS:g} s")


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
