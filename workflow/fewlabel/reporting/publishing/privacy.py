"""Refuse to publish paths of this machine and the names of its user and host."""

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
"""A path within a text, with at least two names, so that `T1w/T2w` and `a / b` do not match."""

WITHOUT_NAMES = ("settings", "subjects", "kind", "device", "precision", "initialisation", "hardware", "software")
"""Keys of a record that are not searched for names, since common words may equal them."""
SHORTEST = 3
"""Fewest letters of a user's or host's name that is searched for."""


def refuse_private(results: Results) -> None:
    """Refuse results that contain a path of this machine, its user or its host.

    Raises:
        InputError: with the file, the key and the value.
    """
    problems = [f"{where}: {text!r} contains a path" for where, text in _texts(results) if PLACE.search(text)]
    if names := _names():
        word = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b", re.IGNORECASE)
        for facts in results.runs.values():
            values = flatten({key: value for key, value in facts.items() if key not in WITHOUT_NAMES}).items()
            problems += [
                f"{RUNS}: {key}: {value!r} contains the name of this machine's user or host"
                for key, value in values
                if isinstance(value, str) and word.search(value)
            ]
    if problems:
        heading = "not published; to fix: remove these from the records, or publish from another account:"
        raise InputError.of(list(dict.fromkeys(problems))[:20], heading=heading)


def refuse_places(file: str, facts: Any) -> None:
    """Refuse facts of a file (JSON values) that contain a path. Raises InputError: with the file and the text."""
    if paths := [text for text in _texts_in(facts) if PLACE.search(text)]:
        raise InputError(f"not published: {file}: {paths[0]!r} contains a path")


def _texts(results: Results) -> Iterator[tuple[str, str]]:
    """All texts to publish, with their places."""
    for key, value in flatten(results.experiment).items():
        yield from ((f"{EXPERIMENT}: {key}", text) for text in _texts_in(value))
    for facts in results.runs.values():
        for key, value in facts.items():
            yield from ((f"{RUNS}: {key}", text) for text in (key, *_texts_in(value)))
    for name, table in results.tables.items():
        for column in table:
            yield from ((f"{name}: {column}", text) for text in table[column].unique())
    yield from (("scores.csv: subject", text) for text in results.scores["subject"].unique())


def _texts_in(value: Any) -> Iterator[str]:
    """All texts in a value, with keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value:
            yield from _texts_in(part)
        for part in value.values() if isinstance(value, dict) else ():
            yield from _texts_in(part)


def _names() -> list[str]:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        user = ""
    host = platform.node()
    candidates = {user, host, host.split(".")[0], Path.home().name}
    return sorted(name for name in candidates if len(name) >= SHORTEST)
