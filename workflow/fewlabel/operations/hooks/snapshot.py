"""Copies and snapshots of the workflow, and warnings about code that is edited during a run.

Jobs read the package when they start, and on a cluster the Snakefile too. Imported while Snakemake reads its rules;
imports nothing slow.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fewlabel.config.loading.workflow_files import PACKAGE, WORKFLOW_FILES, workflow_folder
from fewlabel.utils.atomic_files import atomic_folder, sha256
from fewlabel.utils.environment import FROZEN
from fewlabel.utils.errors import InputError
from fewlabel.utils.system_errors import describe

COPIED_WITHOUT = ("__pycache__", "*.egg-info", ".snakemake")
CODE = (".py", ".so", ".j2", ".js", ".css")
"""Files of the package that jobs read."""
SHOWN = 5
"""Maximum number of edited files in the warning."""


def fingerprint(workflow: Path, others: Iterable[Path] = ()) -> dict[Path, str]:
    """The SHA-256 of all code that jobs read (rules, captions, package) and of further files; "" if one is missing."""
    package = [path for end in CODE for path in PACKAGE.rglob(f"*{end}")]
    code = [workflow / "Snakefile", *workflow.glob("workflow/**/*.smk"), *captions(workflow), *package]
    return {path: _hash(path) for path in sorted({*code, *others})}


def captions(workflow: Path) -> dict[Path, str]:
    """The SHA-256 of the report's captions and style."""
    return {path: _hash(path) for path in sorted(workflow.glob("workflow/report/*"))}


def edited(before: Mapping[Path, str]) -> list[Path]:
    """The files whose hash differs from `before`."""
    return [path for path, value in before.items() if _hash(path) != value]


def warning(paths: list[Path], workflow: Path) -> str:
    """The warning about files that were edited during a run."""
    names = [str(path.relative_to(workflow) if path.is_relative_to(workflow) else path) for path in paths]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        f"warning: edited during this run: {', '.join(names[:SHOWN])}{more}\n"
        "  Jobs that started later may have used the edited code. Restore the files, or see with `snakemake -n` which "
        "results the edit makes old. An edit of the package makes none old: delete the results made since.\n"
        "  To edit during a run, run a snapshot: fewlabel snapshot FOLDER"
    )


def copy_workflow(folder: Path) -> None:
    """Copy the workflow that belongs to this package, without the package, into a folder; replace nothing.

    Raises:
        InputError: the folder holds one of the files; the package was installed without them.
    """
    source = workflow_folder()
    if source is None:
        raise InputError(f"{PACKAGE}: installed without share/fewlabel; to fix: install FewLabel from its wheel")
    if taken := [name for name in WORKFLOW_FILES if os.path.lexists(folder / name)]:
        raise InputError(
            f"{folder}: already holds {', '.join(taken)}; accepted: a new folder, or one without these; to fix: choose "
            "another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".fewlabel-") as partial:
        _copy(source, Path(partial), *COPIED_WITHOUT, PACKAGE.name)
        # The Snakefile last: a folder that has it is complete.
        for name in reversed(WORKFLOW_FILES):
            Path(partial, name).rename(folder / name)


def _copy(workflow: Path, folder: Path, *ignored: str) -> None:
    for name in WORKFLOW_FILES:
        if (workflow / name).is_dir():
            without = shutil.ignore_patterns(*ignored)
            shutil.copytree(workflow / name, folder / name, ignore=without, copy_function=_copy_file)
        else:
            _copy_file(workflow / name, folder / name)


def _copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file; the copy is writable. `copytree` would collect system errors into one of its own."""
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise InputError(describe(error, f"copy of {source}")) from None


def take(workflow: Path, folder: Path, facts: Mapping[str, Any]) -> None:
    """Copy a workflow with its package, read-only and atomically; `facts`: the commit of the package.

    Raises:
        InputError: `workflow` is not the folder of a Snakefile, or `folder` exists.
    """
    if missing := [name for name in WORKFLOW_FILES if not (workflow / name).exists()]:
        raise InputError(
            f"{workflow.resolve()}: no workflow (missing: {', '.join(missing)}); accepted: the folder of the Snakefile"
        )
    if folder.exists():
        raise InputError(f"{folder}: already exists; to fix: choose a new folder")
    with atomic_folder(folder) as partial:
        _copy(workflow, partial, *COPIED_WITHOUT, PACKAGE.name)
        without = shutil.ignore_patterns(*COPIED_WITHOUT)
        shutil.copytree(PACKAGE, partial / "workflow" / PACKAGE.name, ignore=without, copy_function=_copy_file)
        (partial / "workflow" / "fewlabel" / FROZEN).write_text(json.dumps(facts), encoding="utf-8")
        for path in partial.rglob("*"):
            if path.is_file():
                path.chmod(path.stat().st_mode & ~0o222)


def command(folder: Path) -> str:
    """The command that runs a snapshot."""
    place = folder.resolve()
    return f"PYTHONPATH='{place}/workflow' snakemake --snakefile '{place}/Snakefile' …"


def foreign_package(workflow: Path) -> str | None:
    """The error if a snapshot would run with a package other than its own; None: it runs with its own."""
    own = workflow / "workflow" / "fewlabel"
    if not (own / FROZEN).is_file() or own.resolve() == PACKAGE.resolve():
        return None
    return f"{workflow} is a snapshot, but jobs would use the package in {PACKAGE}; to fix: {command(workflow)}"


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return ""
