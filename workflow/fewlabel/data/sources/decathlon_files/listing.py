"""What a Decathlon task's `dataset.json` says, and what is wrong with it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.data.paths import NIFTI_SUFFIXES, UNSAFE_NAME, ends_with, stem
from fewlabel.data.subjects.subject import is_safe_name
from fewlabel.utils.formatting import listed


@dataclass(frozen=True)
class DecathlonVolume:
    """One image of `dataset.json`, with paths relative to the task's folder; label None: not public."""

    image: PurePosixPath
    label: PurePosixPath | None

    @property
    def subject(self) -> str:
        """The image's name without its suffix."""
        return stem(Path(self.image))


@dataclass(frozen=True)
class Listing:
    """What `dataset.json` says."""

    entries: tuple[DecathlonVolume, ...] = ()  # its images, those of `training` first
    modalities: dict[int, str] | None = None  # names of the channels by number; empty where it does not say
    # names of the label values without 0, the background; empty where it does not say
    values: dict[int, str] | None = None
    counts: Mapping[str, object] = field(default_factory=dict)  # `numTraining` and `numTest`, if present
    # number of hidden macOS files named in `training` and `test`; these are not entries
    hidden: Mapping[str, int] = field(default_factory=dict)


def read_listing(folder: Path) -> tuple[Listing, list[str]]:
    """Read `dataset.json` of a task's folder, and find what is wrong with it and with the files that it names."""
    try:
        text = (folder / "dataset.json").read_text(encoding="utf-8-sig")
        dataset = json.loads(text, object_pairs_hook=_each_once)
    except FileNotFoundError:
        return Listing(), ["dataset.json: no such file; accepted: a task's folder as published; complete or remove it"]
    except (OSError, ValueError, RecursionError) as error:
        return Listing(), [f"dataset.json: not a JSON file ({error}); get the task again"]
    if not isinstance(dataset, dict):
        return Listing(), ["dataset.json: no JSON object; get the task again"]
    entries, hidden, problems = _entries(dataset)
    values = {number: name for number, name in _numbered(dataset, "labels").items() if number != 0}
    counts = {key: dataset[key] for key in ("numTraining", "numTest") if key in dataset}
    listing = Listing(tuple(entries), _numbered(dataset, "modality"), values, counts, hidden)
    return listing, [*problems, *_missing_files(folder, entries), *_name_problems(entries)]


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without repeated keys: of two sections with one key, the reader would keep only the last."""
    if twice := [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]:
        raise ValueError(f"the key {twice[0]!r} occurs twice in one section")
    return dict(pairs)


def settings_problems(source: DecathlonSource, listing: Listing) -> list[str]:
    """A channel or label values that the task does not have, as far as `dataset.json` says."""
    modalities, values = listing.modalities or {}, listing.values or {}
    problems = []
    only_one = source.channel is None and len(modalities) == 1
    if modalities and source.channel not in modalities and not only_one:
        wrong = "not set" if source.channel is None else f"{source.channel} is not there"
        problems.append(f"channel: {wrong}; accepted: {names_of(modalities)} (dataset.json of {source.task})")
    problems += [
        f"labels: value {value} is not there; accepted: {names_of(values)} (dataset.json of {source.task})"
        for value in source.labels
        if values and value not in values
    ]
    return problems


def _entries(dataset: dict[str, Any]) -> tuple[list[DecathlonVolume], dict[str, int], list[str]]:
    """Images, how many hidden files each section names, and what is wrong."""
    entries: list[DecathlonVolume] = []
    hidden = {"training": 0, "test": 0}
    problems: list[str] = []
    for key in ("training", "test"):
        items = dataset.get(key, [])
        for number, item in enumerate(items if isinstance(items, list) else [items]):
            entry = _entry(item, labelled=key == "training")
            if entry is None:
                problems.append(
                    f"dataset.json: {key}[{number}]: {item!r}; accepted: names of .nii.gz files in the folder"
                )
            elif entry.image.name.startswith("._"):
                hidden[key] += 1
            else:
                entries.append(entry)
    return entries, hidden, problems


def _entry(item: object, labelled: bool) -> DecathlonVolume | None:
    parts = item if isinstance(item, dict) else {"image": item}
    image = _inside(parts.get("image"))
    label = _inside(parts.get("label")) if labelled else None
    if image is None or (labelled and label is None):
        return None
    return DecathlonVolume(image, label)


def _inside(name: object) -> PurePosixPath | None:
    """A file name of `dataset.json` as a path that stays in the folder."""
    if not isinstance(name, str) or not ends_with(Path(name), NIFTI_SUFFIXES):
        return None
    path = PurePosixPath(name)
    return None if path.is_absolute() or ".." in path.parts else path


def _missing_files(folder: Path, entries: Sequence[DecathlonVolume]) -> list[str]:
    named = [path for entry in entries for path in (entry.image, entry.label) if path is not None]
    missing = [path for path in named if not (folder / path).is_file()]
    if not missing:
        return []
    return [f"dataset.json: files that it names and that are missing: {listed(missing)}; complete the folder"]


def _name_problems(entries: Sequence[DecathlonVolume]) -> list[str]:
    names = Counter(entry.subject for entry in entries)
    problems = [f"dataset.json: {name}: {UNSAFE_NAME}" for name in names if not is_safe_name(name)]
    doubled = [name for name, count in names.items() if count > 1]
    return problems + [f"dataset.json: duplicate subject {name}; accepted: each image once" for name in doubled]


def _numbered(dataset: dict[str, Any], key: str) -> dict[int, str]:
    """A table of `dataset.json` whose keys are numbers; empty where it is missing."""
    table = dataset.get(key)
    pairs = table.items() if isinstance(table, dict) else []
    return {int(number): str(name) for number, name in pairs if str(number).isdecimal()}


def names_of(table: Mapping[int, str]) -> str:
    """Numbers with their names, for a message."""
    return listed([f"{number}: {name}" for number, name in sorted(table.items())], 20)
