"""Read the `dataset.json` of a Decathlon task, and find its problems and contradictions to the task's files."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.data.paths import NIFTI_SUFFIXES, UNSAFE_NAME, ends_with, stem
from fewlabel.data.subjects.classes import misnamed
from fewlabel.data.subjects.folder_contents import contents
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
    """The content of a `dataset.json`."""

    entries: tuple[DecathlonVolume, ...] = ()  # its images, those of `training` first
    modalities: dict[int, str] | None = None  # names of the channels by number; empty if missing
    # names of the label values without 0, the background; empty if missing
    values: dict[int, str] | None = None
    counts: Mapping[str, object] = field(default_factory=dict)  # `numTraining` and `numTest`, if present
    # number of hidden macOS files named in `training` and `test`; these are not entries
    hidden: Mapping[str, int] = field(default_factory=dict)


def read_listing(folder: Path) -> tuple[Listing, list[str]]:
    """Read `dataset.json` of a task's folder, and find its problems and missing files."""
    try:
        text = (folder / "dataset.json").read_text(encoding="utf-8-sig")
        dataset = json.loads(text, object_pairs_hook=_each_once)
    except FileNotFoundError:
        return Listing(), [
            "dataset.json: no such file; accepted: a task's folder as published; to fix: complete or remove it"
        ]
    except (OSError, ValueError, RecursionError) as error:
        return Listing(), [f"dataset.json: not a JSON file ({error}); to fix: download the task again"]
    if not isinstance(dataset, dict):
        return Listing(), ["dataset.json: not a JSON object; to fix: download the task again"]
    entries, hidden, problems = _entries(dataset)
    values = {number: name for number, name in _numbered(dataset, "labels").items() if number != 0}
    counts = {key: dataset[key] for key in ("numTraining", "numTest") if key in dataset}
    listing = Listing(tuple(entries), _numbered(dataset, "modality"), values, counts, hidden)
    return listing, [*problems, *_missing_files(folder, entries), *_name_problems(entries)]


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without repeated keys, of which the JSON reader would keep only the last."""
    if twice := [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]:
        raise ValueError(f"the key {twice[0]!r} occurs twice in one section")
    return dict(pairs)


def settings_problems(source: DecathlonSource, listing: Listing) -> list[str]:
    """Problems of the channel and label values in the settings, compared with those in `dataset.json`."""
    modalities, values = listing.modalities or {}, listing.values or {}
    problems = []
    only_one = source.channel is None and len(modalities) == 1
    if source.channels:
        problems += _channel_problems(source, modalities)
    elif modalities and source.channel not in modalities and not only_one:
        wrong = "not set" if source.channel is None else f"no channel {source.channel}"
        problems.append(f"channel: {wrong}; accepted: {names_of(modalities)} (dataset.json of {source.task})")
    where = f"dataset.json of {source.task}"
    targets = {f"classes: {name}": numbers for name, numbers in source.classes.items()} or {"labels": source.labels}
    problems += [
        f"{setting}: no value {value}; accepted: {names_of(values)} ({where})"
        for setting, numbers in targets.items()
        for value in numbers
        if values and value not in values
    ]
    return problems + misnamed(source.classes, values, where)


def _channel_problems(source: DecathlonSource, modalities: Mapping[int, str]) -> list[str]:
    where = f"dataset.json of {source.task}"
    problems = [
        f"channels: {name}: no channel {index}; accepted: {names_of(modalities)} ({where})"
        for name, index in source.indices.items()
        if modalities and index not in modalities
    ]
    indices = {name: [index] for name, index in source.indices.items()}
    return [*problems, *misnamed(indices, modalities, where, "channels")]


def _entries(dataset: dict[str, Any]) -> tuple[list[DecathlonVolume], dict[str, int], list[str]]:
    """Images, number of hidden files named in each section, and problems."""
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
    return [
        f"dataset.json: missing files: {listed(missing)}; to fix: add them to the folder, or download the task again"
    ]


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


PARTS = ("imagesTr", "labelsTr", "imagesTs")
"""Folders of a task."""


def contradictions_of(folder: Path, listing: Listing) -> list[str]:
    """All contradictions, one line each; `listing`: its `dataset.json`."""
    problems = (*_counts(listing), *_unlisted(folder, listing), *_pairs(listing), *_hidden_masks(folder, listing))
    return [f"dataset.json: {problem}" for problem in (*problems, *_values(listing))]


def _counts(listing: Listing) -> Iterator[str]:
    """`numTraining` and `numTest` against the lists, which may also name hidden files of macOS."""
    for key, value in listing.counts.items():
        section = {"numTraining": "training", "numTest": "test"}[key]
        number = sum((entry.label is not None) == (section == "training") for entry in listing.entries)
        if value not in (number, number + listing.hidden[section]):
            yield f"{key} is {value}, but {section} lists {number}; to fix: complete the list, or correct the number"


def _unlisted(folder: Path, listing: Listing) -> Iterator[str]:
    named = {path for entry in listing.entries for path in (entry.image, entry.label)}
    for part in PARTS:
        there = [PurePosixPath(part, path.name) for path in contents(folder / part).used]
        if extra := [path.name for path in there if path not in named]:
            yield f"does not list these files of {part}/: {listed(extra)}; to fix: list them, or move them away"


def _pairs(listing: Listing) -> Iterator[str]:
    """Images whose mask has another name, and masks listed for several images."""
    pairs = [(entry.image, entry.label) for entry in listing.entries if entry.label is not None]
    if wrong := [f"{image} with {label}" for image, label in pairs if stem(Path(image)) != stem(Path(label))]:
        yield f"pairs images and masks of different names: {listed(wrong, 5)}; accepted: equal names; to fix: rename"
    twice = [str(label) for label, count in Counter(label for _, label in pairs).items() if count > 1]
    if twice:
        yield f"names one mask for several images: {listed(twice)}; accepted: each mask once; to fix: correct the pairs"


def _hidden_masks(folder: Path, listing: Listing) -> Iterator[str]:
    masks = {stem(path) for path in contents(folder / "labelsTr").used}
    if names := [entry.subject for entry in listing.entries if entry.label is None and entry.subject in masks]:
        yield f"lists subjects under test that have a mask in labelsTr/: {listed(names)}; to fix: move them to training"


def _values(listing: Listing) -> Iterator[str]:
    """Names of label values."""
    names = Counter(name.lower() for name in (listing.values or {}).values())
    if twice := [name for name, count in names.items() if count > 1]:
        yield f"labels: several values have one name: {listed(twice)}; accepted: one name per value; to fix: correct it"
    if "background" in names:
        value = next(value for value, name in (listing.values or {}).items() if name.lower() == "background")
        yield f"labels: {value} is named background; accepted: background is 0; to fix: correct it"
