"""The facts of all runs (`run.json`) in one compact file, and back: what runs have in common stands there once."""

import json
from collections.abc import Mapping
from typing import Any

from fewlabel.config.study_layout import Run
from fewlabel.utils.json_files import parse_json

Facts = dict[str, Any]
"""The content of one run's `run.json`."""


def pack(runs: Mapping[str, Facts], anonymised: bool = False) -> str:
    """The facts of all runs as JSON with a line a run, so that thousands stay small and changes readable.

    Args:
        runs: by folder beneath the study: `<cohort>/finetuned/<method>/n<N>/draw<D>` or `<cohort>/pretrained/<method>`.
        anonymised: whether subjects stand under codes.

    Returns:
        `groups` holds, for each cohort, kind and method, what is the `same` in all its runs, and what else each has.
    """
    groups: dict[str, dict[str, Facts]] = {}
    for folder in sorted(runs):
        run = Run.parse(folder)
        group = f"{run.part}/{run.kind}/{run.method}"
        groups.setdefault(group, {})[folder.removeprefix(group).lstrip("/")] = runs[folder]
    texts = [f" {_line(name)}: {_group(list(group), list(group.values()))}" for name, group in groups.items()]
    return f'{{"format": 1, "anonymised": {_line(anonymised)}, "groups": {{\n' + ",\n".join(texts) + "\n}}\n"


def unpack(text: str) -> tuple[dict[str, Facts], bool]:
    """The facts that `pack` wrote, and whether subjects stand under codes.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is no such file.
    """
    content = parse_json(text)
    if content["format"] != 1:
        raise ValueError(f"format {content['format']!r} unknown; accepted: 1")
    runs = {
        f"{group}/{name}".rstrip("/"): _joined(facts["same"], rest)
        for group, facts in content["groups"].items()
        for name, rest in facts["runs"].items()
    }
    return runs, bool(content["anonymised"])


def flat(facts: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested facts by dotted key; lists are values."""
    found: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found


def _group(names: list[str], facts: list[Facts]) -> str:
    same = facts[0]
    for other in facts[1:]:
        same = _common(same, other)
    lines = [f"   {_line(name)}: {_line(_beyond(same, run))}" for name, run in zip(names, facts, strict=True)]
    return f'{{"same": {_line(same)},\n  "runs": {{\n' + ",\n".join(lines) + "\n  }}"


def _common(one: Facts, other: Facts) -> Facts:
    """What both hold; mappings key by key. JSON tells 1 from 1.0 and true, and so does this."""
    same: Facts = {}
    for key in one.keys() & other.keys():
        if isinstance(one[key], dict) and isinstance(other[key], dict):
            same[key] = _common(one[key], other[key])
        elif _line(one[key]) == _line(other[key]):
            same[key] = one[key]
    return same


def _beyond(same: Facts, run: Facts) -> Facts:
    """What a run holds beyond what is the same in all."""
    rest: Facts = {}
    for key, value in run.items():
        if key not in same:
            rest[key] = value
        elif isinstance(value, dict) and (inner := _beyond(same[key], value)):
            rest[key] = inner
    return rest


def _joined(same: Facts, rest: Facts) -> Facts:
    joined = dict(same)
    for key, value in rest.items():
        both = isinstance(value, dict) and isinstance(joined.get(key), dict)
        joined[key] = _joined(joined[key], value) if both else value
    return joined


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
