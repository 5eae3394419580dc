"""Contradictions in a Decathlon task's `dataset.json`, or between it and the files of the task."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from fewlabel.data.paths import stem
from fewlabel.data.sources.decathlon_files.listing import Listing
from fewlabel.data.subjects.folder_contents import contents
from fewlabel.utils.formatting import listed

PARTS = ("imagesTr", "labelsTr", "imagesTs")
"""Folders of a task."""


def contradictions_of(folder: Path, listing: Listing) -> list[str]:
    """All contradictions, one line each; `listing`: its `dataset.json`."""
    found = (*_counts(listing), *_unlisted(folder, listing), *_pairs(listing), *_hidden_masks(folder, listing))
    return [f"dataset.json: {problem}" for problem in (*found, *_values(listing))]


def _counts(listing: Listing) -> Iterator[str]:
    """`numTraining` and `numTest` against the lists, which may also name hidden files of macOS."""
    for key, stated in listing.counts.items():
        section = {"numTraining": "training", "numTest": "test"}[key]
        number = sum((entry.label is not None) == (section == "training") for entry in listing.entries)
        if stated not in (number, number + listing.hidden[section]):
            yield f"{key} is {stated}, but {section} lists {number}; complete the list, or correct the number"


def _unlisted(folder: Path, listing: Listing) -> Iterator[str]:
    named = {path for entry in listing.entries for path in (entry.image, entry.label)}
    for part in PARTS:
        there = [PurePosixPath(part, path.name) for path in contents(folder / part).used]
        if extra := [path.name for path in there if path not in named]:
            yield f"does not list these files of {part}/: {listed(extra)}; list them, or move them away"


def _pairs(listing: Listing) -> Iterator[str]:
    """Images whose mask has another name, and masks listed for several images."""
    pairs = [(entry.image, entry.label) for entry in listing.entries if entry.label is not None]
    if wrong := [f"{image} with {label}" for image, label in pairs if stem(Path(image)) != stem(Path(label))]:
        yield f"pairs images and masks of different names: {listed(wrong, 5)}; accepted: equal names; correct the pairs"
    twice = [str(label) for label, count in Counter(label for _, label in pairs).items() if count > 1]
    if twice:
        yield f"names one mask for several images: {listed(twice)}; accepted: each mask once; correct the pairs"


def _hidden_masks(folder: Path, listing: Listing) -> Iterator[str]:
    masks = {stem(path) for path in contents(folder / "labelsTr").used}
    if known := [entry.subject for entry in listing.entries if entry.label is None and entry.subject in masks]:
        yield f"lists subjects under test that have a mask in labelsTr/: {listed(known)}; move them to training"


def _values(listing: Listing) -> Iterator[str]:
    """Names of label values."""
    names = Counter(name.lower() for name in (listing.values or {}).values())
    if twice := [name for name, count in names.items() if count > 1]:
        yield f"labels: several values have the same name: {listed(twice)}; accepted: one name per value; correct it"
    if "background" in names:
        value = next(value for value, name in (listing.values or {}).items() if name.lower() == "background")
        yield f"labels: {value} is named background; accepted: background is 0; correct it"
