"""Read experiment files within size limits, merge them as Snakemake does, and find where a setting is written.

Imported while Snakemake reads a profile, so it imports nothing slow.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fewlabel.config.loading.workflow_files import DEFAULTS, workflow_folders
from fewlabel.utils.errors import InputError

Place = tuple[str | int, ...]
MOST_BYTES = 1_000_000
DEEPEST = 40
"""Levels of nested mappings and lists."""
MOST_VALUES = 50_000
"""Values in a file; values of an alias (`*name`) count at each use."""


@dataclass(frozen=True)
class Spot:
    """The line of a value, and how it is written."""

    line: int  # of its key, or of itself in a list; from 1
    key: str = ""  # as written; empty in a list
    text: str | None = None  # as written, where it is a single value; else None
    quoted: bool = False  # whether the text is in quotes
    inside: Mapping[Any, "Spot"] = field(default_factory=dict)  # its nested values, by key or index


@dataclass(frozen=True)
class ExperimentFile:
    """A file that was read."""

    path: Path  # as it was named
    content: dict[str, Any]
    spot: Spot  # the lines of the settings
    repeated: list[str]  # messages about keys repeated in one mapping, one line each

    def find(self, place: Place) -> Spot | None:
        """The line of a setting; None if the file does not set it."""
        spot: Spot | None = self.spot
        for part in place:
            spot = spot.inside.get(part) if spot else None
        return spot


def read_files(paths: Sequence[Path]) -> list[ExperimentFile]:
    """Read experiment files. Raises InputError: all that are unreadable, not YAML or JSON, or beyond the limits."""
    files, problems = [], []
    for path in paths:
        try:
            files.append(read_file(path))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError.of(problems)
    return files


def read_file(path: Path) -> ExperimentFile:
    """Read one experiment file, without a cache. Raises InputError: see `read_files`."""
    text = _text(path)
    content, problem_kind = None, None
    try:
        # First, as Snakemake does: 1e5 is a number in JSON, and a text in YAML.
        content = json.loads(text)
    except RecursionError:
        raise InputError(f"{path}: {_TOO_DEEP}") from None
    except ValueError:
        problem_kind = "not YAML"
    else:
        text = text.replace("\t", " ")  # white space in JSON, an error in YAML
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        repeated = _repeated(path, node)
        read = loader.construct_document(node) if node is not None else None
        spot = _spot(loader, node) if node is not None else Spot(1)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: {_cause(error, problem_kind)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(f"{path}:{line}: not YAML: a control character (#x{error.character:02x})") from None
    content = read if problem_kind else content
    if not isinstance(content, dict):
        raise InputError(f"{path}: contains no settings; accepted: a mapping of keys, as in config.yaml")
    return ExperimentFile(path, content, spot, repeated)


def merge(files: Sequence[ExperimentFile]) -> dict[str, Any]:
    """Merge files as Snakemake does: mappings key by key, anything else as a whole, later files win."""
    merged: dict[str, Any] = {}
    for file in files:
        merged = _laid_over(merged, file.content)
    return deepcopy(merged)


def read_config(paths: Sequence[Path]) -> dict[str, Any]:
    """Read and merge experiment files. Raises InputError: see `read_files`."""
    return merge(read_files(paths))


def _laid_over(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    both = {key for key, value in overlay.items() if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)}
    return {**base, **{key: _laid_over(base[key], value) if key in both else value for key, value in overlay.items()}}


# ---------------------------------------------------------------------------------------------------------- reading
_TOO_DEEP = f"nested too deep; accepted: {DEEPEST} levels of mappings and lists"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such experiment file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder; accepted: an experiment file, such as experiments/paper.yaml") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > MOST_BYTES:
        raise InputError(f"{path}: larger than {MOST_BYTES:,} bytes, which no experiment file needs")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise InputError(f"{path}: UTF-16 or UTF-32 text; to fix: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{data[error.start]:02x}"
        raise InputError(f"{path}:{line}: not UTF-8 ({byte}), perhaps Latin-1; to fix: save it as UTF-8") from None


def _cause(error: yaml.MarkedYAMLError, problem_kind: str | None) -> str:
    if isinstance(error, _Refusal):
        return str(error.problem)
    problem = ", ".join(filter(None, (error.context, error.problem))) or "cannot be read"
    tabs = "; to fix: indent with spaces, not with tabs" if "'\\t'" in problem else ""
    return f"{problem_kind or 'not JSON'}: {problem}{tabs}"


class _Refusal(yaml.MarkedYAMLError):
    """Valid YAML that is refused."""


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses files which would take endless memory or time."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open: list[str | None] = []
        self._values: dict[str, int] = {}
        self._count = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        before = self._count
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self._open:
                raise _refusal(
                    f"*{event.anchor} refers to itself; accepted: an alias after the end of its anchor", event
                )
            self._count += self._values.get(str(event.anchor), 0)
        self._count += 1
        if self._count > MOST_VALUES:
            raise _refusal(f"more than {MOST_VALUES:,} values; values of aliases count at each use", event)
        if isinstance(event, yaml.AliasEvent):
            return super().compose_node(parent, index)
        self._open.append(event.anchor)
        if len(self._open) > DEEPEST:
            raise _refusal(_TOO_DEEP, event)
        node = super().compose_node(parent, index)
        self._open.pop()
        if event.anchor is not None:
            self._values[event.anchor] = self._count - before
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, RecursionError):  # a number of 5,000 digits, the 31st of February
            value_text = str(node.value)[:20] + ("…" if len(str(node.value)) > 20 else "")
            raise _refusal(
                f"{value_text}: not a valid number or date; to fix: correct it, or put text in quotes", node
            ) from None


def _refusal(problem: str, at: yaml.Event | yaml.Node) -> _Refusal:
    return _Refusal(problem=problem, problem_mark=at.start_mark)  # type: ignore[arg-type]  # a mark of either reader


# ------------------------------------------------------------------------------------------- where settings are written
def _spot(loader: _Loader, node: yaml.Node, key: yaml.Node | None = None) -> Spot:
    line = (node if key is None else key).start_mark.line + 1
    name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
    if isinstance(node, yaml.MappingNode):
        inside = {loader.construct_object(one, deep=True): _spot(loader, value, one) for one, value in node.value}
        return Spot(line, name, inside=inside)
    if isinstance(node, yaml.SequenceNode):
        return Spot(line, name, inside={index: _spot(loader, value) for index, value in enumerate(node.value)})
    return Spot(line, name, str(node.value), isinstance(node, yaml.ScalarNode) and node.style is not None)


def _repeated(path: Path, root: yaml.Node | None) -> list[str]:
    """Keys repeated in one mapping: readers of YAML and JSON silently keep the last."""
    problems: list[str] = []
    pending: list[tuple[str, yaml.Node | None]] = [("", root)]
    while pending:
        place, node = pending.pop()
        first_lines: dict[str, int] = {}
        for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
            name, line = f"{place}{key.value}", key.start_mark.line + 1
            if str(key.value) in first_lines:
                first = first_lines[str(key.value)]
                problems.append(f"{path}:{line}: {name}: set here and in line {first}; to fix: keep one of the two")
            first_lines[str(key.value)] = line
            pending.append((f"{name}.", value))
    return problems


# --------------------------------------------------------------------------------------------------------- defaults
WHOLE = frozenset(
    {"study", "seed", "cohorts", "methods", "labels", "draws", "network", "finetuning", "augmentations", "precision"}
)
"""Keys that every version writes into a study's experiment file; a file that sets all of them is not an overlay."""


def laid_over(defaults: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a file with others merged over them, as Snakemake does.

    Raises:
        InputError: see `read_files`.
    """
    return deepcopy(_laid_over(read_file(defaults).content, config))


def read_experiment(paths: Sequence[Path], folders: Sequence[Path] | None = None) -> list[ExperimentFile]:
    """The files of an experiment, as in Snakemake: overlays are merged over `config.yaml`.

    If the first file sets all keys of `WHOLE`, it is not an overlay and is used alone: a study's `experiment.yaml`.

    Args:
        paths: the files that a user names, with or without `config.yaml`.
        folders: where to look for `config.yaml`, the first that has it; default: see `workflow_folders`.

    Raises:
        InputError: see `read_files`.
    """
    files = read_files(paths)
    searched = workflow_folders() if folders is None else folders
    place = next((file for folder in searched if (file := folder / DEFAULTS).is_file()), None)
    if place is None:
        return files
    overlays = [file for file in files if file.path.resolve() != place.resolve()]
    if len(overlays) < len(files):
        return [next(file for file in files if file not in overlays), *overlays]
    whole = bool(files) and files[0].content.keys() >= WHOLE
    return files if whole else [read_file(place), *files]
