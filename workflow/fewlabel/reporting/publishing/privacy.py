"""What may not be published: places on a machine, and the names of its user and host."""

import getpass
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fewlabel.config.study_layout import EXPERIMENT
from fewlabel.reporting.results.folder import RUNS, Results
from fewlabel.reporting.results.run_facts import flatten
from fewlabel.utils.errors import InputError

PLACE = re.compile(r"(?:^|[\s'\"=(\[,;])(?:~?(?:/[\w.-]+){2,}|[A-Za-z]:[\\/]\w|file://)")
"""A place on a disk within a text: two names deep at least, so that `T1w/T2w` or `a / b` are none."""

WITHOUT_NAMES = ("settings", "subjects", "kind", "device", "precision", "initialisation", "hardware", "software")
"""Facts of a run in which a word that is also the user's or host's name says nothing of either."""
SHORTEST = 3
"""Letters of a user's or host's name that is looked for."""


def refuse_private(results: Results) -> None:
    """Refuse results that hold a place on this machine, its user or its host.

    Raises:
        InputError: with the file, the key and the value.
    """
    problems = [f"{where}: {text!r} holds a place on a disk" for where, text in _texts(results) if PLACE.search(text)]
    if names := _names():
        word = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b", re.IGNORECASE)
        for facts in results.runs.values():
            values = flatten({key: value for key, value in facts.items() if key not in WITHOUT_NAMES}).items()
            problems += [
                f"{RUNS}: {key}: {value!r} holds the name of this machine's user or host"
                for key, value in values
                if isinstance(value, str) and word.search(value)
            ]
    if problems:
        heading = "not published; take these out of what is recorded, or publish from another account:"
        raise InputError.of(list(dict.fromkeys(problems))[:20], heading=heading)


def refuse_places(file: str, facts: Any) -> None:
    """Refuse facts of a file (JSON values) that hold a place on a disk.

    Raises:
        InputError: with the file and the text.
    """
    if found := [text for text in _in(facts) if PLACE.search(text)]:
        raise InputError(f"not published: {file}: {found[0]!r} holds a place on a disk")


def _texts(results: Results) -> Iterator[tuple[str, str]]:
    """Every text that would be published, with where it stands."""
    for key, value in flatten(results.experiment).items():
        yield from ((f"{EXPERIMENT}: {key}", text) for text in _in(value))
    for facts in results.runs.values():
        for key, value in facts.items():
            yield from ((f"{RUNS}: {key}", text) for text in (key, *_in(value)))
    for name, table in results.tables.items():
        for column in table:
            yield from ((f"{name}: {column}", text) for text in table[column].unique())
    yield from (("scores.csv: subject", text) for text in results.scores["subject"].unique())


def _in(value: Any) -> Iterator[str]:
    """All texts within, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value:
            yield from _in(part)
        for part in value.values() if isinstance(value, dict) else ():
            yield from _in(part)


def _names() -> list[str]:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        user = ""
    host = platform.node()
    found = {user, host, host.split(".")[0], Path.home().name}
    return sorted(name for name in found if len(name) >= SHORTEST)
