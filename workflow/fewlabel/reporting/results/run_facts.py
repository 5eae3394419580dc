"""Pack the records of all runs (`run.json`) in one compact file, in which common values occur once, and unpack it."""

import json
from collections.abc import Mapping
from typing import Any

from fewlabel.config.study_layout import Run
from fewlabel.utils.json_files import parse_json

Facts = dict[str, Any]
"""The content of one run's `run.json`."""


def pack(runs: Mapping[str, Facts], anonymised: bool = False) -> str:
    """Pack the records of all runs as JSON with one line a run, which is small and has readable differences.

    Args:
        runs: by folder relative to the study: `<cohort>/finetuned/<method>/n<N>/draw<D>` or
            `<cohort>/pretrained/<method>`.
        anonymised: whether subjects are replaced by codes.

    Returns:
        `groups` has, for each cohort, kind and method, values that are the `same` in all runs, and those of each run.
    """
    groups: dict[str, dict[str, Facts]] = {}
    for folder in sorted(runs):
        run = Run.parse(folder)
        group = f"{run.part}/{run.kind}/{run.method}"
        groups.setdefault(group, {})[folder.removeprefix(group).lstrip("/")] = runs[folder]
    texts = [f" {_line(name)}: {_group(list(group), list(group.values()))}" for name, group in groups.items()]
    return f'{{"format": 1, "anonymised": {_line(anonymised)}, "groups": {{\n' + ",\n".join(texts) + "\n}}\n"


def unpack(text: str) -> tuple[dict[str, Facts], bool]:
    """The records that `pack` wrote, and whether subjects are replaced by codes.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: not such a file.
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


def flatten(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings to dotted keys; lists are values."""
    result: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            result |= flatten(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def _group(names: list[str], facts: list[Facts]) -> str:
    same = facts[0]
    for other in facts[1:]:
        same = _common(same, other)
    lines = [f"   {_line(name)}: {_line(_beyond(same, run))}" for name, run in zip(names, facts, strict=True)]
    return f'{{"same": {_line(same)},\n  "runs": {{\n' + ",\n".join(lines) + "\n  }}"


def _common(first: Facts, second: Facts) -> Facts:
    """Values that both have, in mappings key by key; 1, 1.0 and true differ, as in JSON."""
    same: Facts = {}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict) and isinstance(second[key], dict):
            same[key] = _common(first[key], second[key])
        elif _line(first[key]) == _line(second[key]):
            same[key] = first[key]
    return same


def _beyond(same: Facts, run: Facts) -> Facts:
    """Values of a run that are not the same in all runs."""
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
