"""Explain errors of an experiment: file, line, key, value as written, accepted values."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from fewlabel.config.experiment import Experiment
from fewlabel.config.loading.yaml_files import ExperimentFile, Place, Spot, merge

KEY = "[key]"
"""pydantic's last part of a place if the key itself is wrong."""

WORDS = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys (`key: value`)",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_attributes_type": "a mapping of keys (`key: value`)",
    "model_type": "a mapping of keys (`key: value`)",
    "string_type": "text",
    "tuple_type": "a list",
}
"""Accepted values, by pydantic's error types; other types keep pydantic's message."""
TEXTS = frozenset({"literal_error", "string_pattern_mismatch", "string_type", "union_tag_invalid"})
"""Error types of values that must be text."""
ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
NAME = "a name: small letters, digits and _, the first a letter"


def nearest(word: str, accepted: Sequence[str]) -> str:
    """A hint with the accepted word closest to a mistyped one; empty if none is close."""
    close = difflib.get_close_matches(word, accepted, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(what: str, name: str, accepted: Sequence[str]) -> str:
    """The message for a name that is none of the accepted ones."""
    return f"unknown {what} {name!r}{nearest(name, accepted)}; accepted: {', '.join(accepted)}"


@dataclass(frozen=True)
class _Error:
    """One of pydantic's errors, with its place among the keys as written."""

    details: ErrorDetails  # pydantic's
    place: Place  # without pydantic's own parts
    model: Any  # the model of the place's last key, or of its parent if the key is unknown
    choice: Place  # the place of the value with several accepted types to which this error belongs; else `place`


class Explainer:
    """Explains errors of a merged configuration.

    Args:
        config: the validated configuration.
        files: its files, in the order of merging; if empty, errors name only keys.
    """

    def __init__(self, config: Mapping[str, Any], files: Sequence[ExperimentFile]) -> None:
        self.config, self.files, self.stated = config, files, merge(files)

    def explain(self, errors: Iterable[ErrorDetails]) -> list[str]:
        """One line per mistake; pydantic reports several errors if a value has several accepted types."""
        resolved = [_resolve(details, self.config) for details in errors]
        groups = [list(group) for _, group in groupby(resolved, key=lambda error: (error.choice, _alone(error)))]
        return [line for group in groups for line in self._of_one_value(group)]

    def where(self, place: Place) -> str:
        """The last file that sets a key, with line and key; `--config` if the value differs from the files."""
        key = ".".join(self._key(place[: index + 1]) for index in range(len(place))) or "experiment"
        if self.files and not _same(_lookup(self.config, place), _lookup(self.stated, place)):
            return f"--config: {key}"
        for file in reversed(self.files):
            spot = file.find(place) or (file.find(place[:-1]) if len(place) > 1 else None)
            if spot is not None:
                return f"{file.path}:{spot.line}: {key}"
        return key if not self.files else f"{self.files[-1].path}: {key}"

    def _spot(self, place: Place) -> Spot | None:
        """How a value is written; None if no file sets it."""
        if not self.files or not _same(_lookup(self.config, place), _lookup(self.stated, place)):
            return None
        return next((spot for file in reversed(self.files) if (spot := file.find(place)) is not None), None)

    def _key(self, place: Place) -> str:
        spot = next((spot for file in reversed(self.files) if (spot := file.find(place)) is not None), None)
        return (spot.key if spot else "") or str(place[-1])

    def _of_one_value(self, errors: Sequence[_Error]) -> list[str]:
        # One of the types fits the value's shape: the error is inside, and the other types do not matter.
        within = [error for error in errors if len(error.place) > len(error.choice)]
        if within and len(within) < len(errors):
            return [self._line([error]) for error in within]
        return [self._line(errors)]

    def _line(self, errors: Sequence[_Error]) -> str:
        error = errors[0]
        kind, where = error.details["type"], self.where(error.place)
        if kind == "extra_forbidden":
            accepted = _keys(error.model)
            return (
                f"{where}: unknown key{nearest(str(error.place[-1]), accepted)}; accepted here: {', '.join(accepted)}"
            )
        if kind == "missing":
            number = isinstance(error.place[-1], int)
            return f"{where}: missing; {'the list is too short' if number else 'this key has no default'}"
        if kind.startswith("union_tag"):
            return self._of_a_kind(error)
        if "error" in error.details.get("ctx", {}):  # of our own
            message = error.details["msg"].removeprefix("Value error, ")
            return f"{where}: {message[0].lower()}{message[1:]}"
        accepted = list(dict.fromkeys(map(_accepted, errors)))
        return f"{where}: input should be {' or '.join(accepted)}{self._as_written(error, errors)}"

    def _of_a_kind(self, error: _Error) -> str:
        context = error.details["ctx"]
        key, kinds = str(context["discriminator"]).strip("'"), list(_choices(error.model))
        where, accepted = self.where((*error.place, key)), f"accepted: {', '.join(kinds)}"
        if error.details["type"] == "union_tag_not_found":
            return f"{where}: missing; {accepted}"
        spot = self._spot((*error.place, key))
        tag = _short(str(context["tag"] if spot is None or spot.text is None else spot.text))
        return f"{where}: unknown {key} {tag!r}{nearest(tag, kinds)}; {accepted}, or one of an installed package"

    def _as_written(self, error: _Error, errors: Sequence[_Error]) -> str:
        """The value as written, and as YAML reads it if that differs."""
        value = error.details.get("input")
        if isinstance(value, (Mapping, list, tuple)):
            return ""
        spot = self._spot(error.place)
        key = error.details["loc"][-1] == KEY
        text = None if spot is None else spot.key if key else spot.text
        if text is None or spot is None:
            return f" (got {_short(repr(value))})"
        if isinstance(value, str):
            return f" (got {_short(repr(value))})"
        quote = all(one.details["type"] in TEXTS for one in errors)
        if not text or (text == str(value) and not quote):
            return f" (got {_short(text) or 'nothing'})"
        hint = f'; put {"names" if key else "text"} in quotes: "{_short(text)}"' if quote else ""
        return f" (got {_short(text)}, which YAML reads as {_read_as(value)}){hint}"


def _alone(error: _Error) -> tuple[Any, ...]:
    """A key that separates errors of one place that are not alternatives of each other."""
    kind = error.details["type"]
    return (kind, error.place) if kind in ("extra_forbidden", "missing") or error.details["loc"][-1] == KEY else ()


def _accepted(error: _Error) -> str:
    kind, context = error.details["type"], error.details.get("ctx", {})
    if kind in WORDS:
        return WORDS[kind]
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern"))
        return {r"^[a-z][a-z0-9_]*$": NAME, ONE_LINE: "text in one line"}.get(pattern, f"text that matches {pattern}")
    if kind.endswith(("too_long", "too_short")):
        return _length(kind, context)
    message = error.details["msg"]
    for beginning in ("Input should be ", "String should ", "Input should "):
        if message.startswith(beginning):
            return message.removeprefix(beginning)
    return f"{message[0].lower()}{message[1:]}"


def _length(kind: str, context: Mapping[str, Any]) -> str:
    """The accepted length of a text, a list or a mapping."""
    bound, count = ("most", context["max_length"]) if kind.endswith("long") else ("least", context["min_length"])
    if kind.startswith("string"):
        return f"text of at {bound} {count} character{'' if count == 1 else 's'}"
    what = "a mapping" if context.get("field_type") == "Dictionary" else "a list"
    return f"{what} of at {bound} {count} {'entry' if count == 1 else 'entries'}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"


def _read_as(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {_short(str(value))}"
    return f"a {type(value).__name__} ({_short(str(value))})"


# ----------------------------------------------------------------------------------------------- places and models
def _resolve(details: ErrorDetails, config: Any) -> _Error:
    """The place of an error as keys and indices, without the type names that pydantic adds to places."""
    location = details["loc"]
    model: Any = Experiment
    place: list[str | int] = []
    choice: Place | None = None
    for index, part in enumerate(location):
        last = index == len(location) - 1
        choices = _choices(model)
        if len(choices) > 1 and part in choices:
            model = choices[str(part)]
            continue
        present, inside = _inside(config, part)
        if part == KEY or not (present or (last and details["type"] == "missing")):
            if part != KEY and choice is None:
                choice = tuple(place)
            continue
        place.append(part)
        config = inside
        if not (last and details["type"] == "extra_forbidden"):
            model = _step(model, part)
    return _Error(details, tuple(place), model, tuple(place) if choice is None else choice)


def _inside(config: Any, part: str | int) -> tuple[bool, Any]:
    if isinstance(config, Mapping):
        return part in config, config.get(part)
    if isinstance(config, (list, tuple)) and isinstance(part, int) and part < len(config):
        return True, config[part]
    return False, None


def _lookup(config: Any, place: Place) -> Any:
    for part in place:
        present, config = _inside(config, part)
        if not present:
            return None
    return config


def _same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal; NaN equals NaN."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def _choices(annotation: Any) -> dict[str, Any]:
    """The models of a union, by the tag that pydantic puts into locations."""
    choices: dict[str, Any] = {}
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            tags = [
                get_args(field.annotation) for name, field in option.model_fields.items() if name in ("kind", "pretext")
            ]
            choices[tags[0][0] if tags else option.__name__] = option
    return choices


def _options(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return [inner for part in get_args(annotation) for inner in _options(part)]
    if hasattr(annotation, "__metadata__"):
        return _options(annotation.__origin__)
    return [annotation]


def _step(annotation: Any, part: str | int) -> Any:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel) and part in option.model_fields:
            return option.model_fields[str(part)].annotation
        if get_origin(option) is dict:
            return get_args(option)[1]
        if get_origin(option) is list:
            return get_args(option)[0]
    return annotation


def _keys(annotation: Any) -> list[str]:
    return [
        name
        for option in _options(annotation)
        if isinstance(option, type) and issubclass(option, BaseModel)
        for name in option.model_fields
    ]
