"""The git revision of a folder of code. Imports nothing slow."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from fewlabel.utils.hardware_info import command_output
from fewlabel.utils.json_files import load_json

FROZEN = "frozen.json"
"""File in the package of a snapshot with the commit of the copied checkout."""


def commit(folder: Path) -> dict[str, Any]:
    """The commit of a folder of code and whether files changed since; empty outside git.

    A folder that git does not track (an environment inside a project) has no commit. A frozen copy contains its own.
    """
    with suppress(OSError, ValueError):
        return dict(load_json(folder / FROZEN))
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return {}
    head = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--", ".")
    if head is None or changed is None:
        return {}
    return {"commit": head.strip(), "dirty": bool(changed.strip())}


def _git(folder: Path, *arguments: str) -> str | None:
    # No optional locks: many trainings read at once, and none of them changes the repository.
    return command_output(["git", "--no-optional-locks", "-C", str(folder), *arguments])
