"""Code that is edited while a run is under way: noticed, and avoided by a frozen copy of the workflow.

Jobs read the package when they start, and on a cluster the Snakefile too. Imported while Snakemake reads its rules:
nothing slow comes with it.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fewlabel.utils.atomic_files import sha256, whole_folder
from fewlabel.utils.errors import InputError
from fewlabel.utils.git import FROZEN

PACKAGE = Path(__file__).parents[2]
COPIED = ("Snakefile", "config.yaml", "experiments", "profiles", "envs", "workflow")
CODE = (".py", ".j2", ".js", ".css")
"""Files of the package that jobs read."""
SHOWN = 5
"""Edited files that are named."""


def fingerprint(workflow: Path, others: Iterable[Path] = ()) -> dict[Path, str]:
    """The SHA-256 of all code that jobs read (rules, captions, package) and of further files; "" where one is gone."""
    package = [path for end in CODE for path in PACKAGE.rglob(f"*{end}")]
    code = [workflow / "Snakefile", *workflow.glob("workflow/**/*.smk"), *captions(workflow), *package]
    return {path: _hash(path) for path in sorted({*code, *others})}


def captions(workflow: Path) -> dict[Path, str]:
    """The SHA-256 of the report's captions and style."""
    return {path: _hash(path) for path in sorted(workflow.glob("workflow/report/*"))}


def edited(before: Mapping[Path, str]) -> list[Path]:
    """Those of the files that are not what they were."""
    return [path for path, value in before.items() if _hash(path) != value]


def warning(paths: list[Path], workflow: Path) -> str:
    """What to say of files that were edited during a run."""
    names = [str(path.relative_to(workflow) if path.is_relative_to(workflow) else path) for path in paths]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        f"warning: edited while this run was under way: {', '.join(names[:SHOWN])}{more}\n"
        "  Jobs that started later may have run the edited code. Put the files back, or look with `snakemake -n` what "
        "the edit makes old; one of the package alone makes nothing old: remove what was made since.\n"
        "  To edit during a run, run a frozen copy: fewlabel freeze FOLDER"
    )


def freeze(workflow: Path, folder: Path, facts: Mapping[str, Any]) -> None:
    """Copy a workflow with its package, read-only; appears whole or not at all.

    Args:
        workflow: the folder of the Snakefile.
        folder: the copy, not there yet.
        facts: of which commit the package is.

    Raises:
        InputError: there is no workflow, or something stands in the copy's place.
    """
    if missing := [name for name in COPIED if not (workflow / name).exists()]:
        raise InputError(
            f"{workflow.resolve()}: no workflow, it lacks {', '.join(missing)}; name the Snakefile's folder"
        )
    if folder.exists():
        raise InputError(f"{folder}: is there already; accepted: a new folder")
    dull = shutil.ignore_patterns("__pycache__", "*.egg-info", ".snakemake")
    with whole_folder(folder) as partial:
        for name in COPIED:
            if (workflow / name).is_dir():
                shutil.copytree(workflow / name, partial / name, ignore=dull)
            else:
                shutil.copy2(workflow / name, partial / name)
        shutil.copytree(PACKAGE, partial / "workflow" / "fewlabel", ignore=dull, dirs_exist_ok=True)
        (partial / "workflow" / "fewlabel" / FROZEN).write_text(json.dumps(facts), encoding="utf-8")
        for path in partial.rglob("*"):
            if path.is_file():
                path.chmod(path.stat().st_mode & ~0o222)


def command(folder: Path) -> str:
    """How a frozen copy is run."""
    place = folder.resolve()
    return f"PYTHONPATH='{place}/workflow' snakemake --snakefile '{place}/Snakefile' …"


def foreign_package(workflow: Path) -> str | None:
    """What is wrong where a frozen copy would run with another package than its own; None where all is well."""
    own = workflow / "workflow" / "fewlabel"
    if not (own / FROZEN).is_file() or own.resolve() == PACKAGE.resolve():
        return None
    return f"{workflow} is a frozen copy, but jobs would run the package in {PACKAGE}; start it so: {command(workflow)}"


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return ""
