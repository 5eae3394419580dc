"""Pair images and masks of a folder as subjects, with its subjects table; for all sources of a user's own files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from fewlabel.data.paths import place, stem
from fewlabel.data.subjects.subject import Subject
from fewlabel.data.subjects.subjects_table import SubjectRow, read_table
from fewlabel.utils.formatting import listed

FilesBySubject = dict[str, list[Path]]
"""Files by subject; more than one is a problem."""


def by_subject(paths: Iterable[Path]) -> FilesBySubject:
    """Group files by the names of their subjects."""
    files: FilesBySubject = {}
    for path in paths:
        files.setdefault(stem(path), []).append(path)
    return files


def read_entries(tables: Sequence[Path], images: FilesBySubject) -> tuple[dict[str, SubjectRow], list[str]]:
    """What the subjects table says, if there is one, and what is wrong with it."""
    if len(tables) > 1:
        names = listed([table.name for table in tables])
        return {}, [f"{names}: two subjects tables; accepted: one; to fix: remove one, or set `subjects_table`"]
    return read_table(tables[0], images) if tables else ({}, [])


def pair(name: str, images: FilesBySubject, labels: FilesBySubject, entry: SubjectRow | None) -> Subject:
    """A subject with its image and, unless its use is unlabelled, its mask."""
    entry = entry or SubjectRow(patient=name, use="auto")
    label = labels[name][0] if name in labels and entry.use != "unlabelled" else None
    return Subject(name, entry.patient, labelled=label is not None, use=entry.use, image=images[name][0], label=label)


def duplicates(folder: Path, *found: FilesBySubject) -> list[str]:
    """Problems of subjects with several files of one role."""
    doubled = [(name, paths) for each in found for name, paths in each.items() if len(paths) > 1]
    return [
        f"duplicate subject {name}: {listed([place(path, folder) for path in paths])}; to fix: keep one of them"
        for name, paths in doubled
    ]


def use_problems(subjects: Sequence[Subject], labels_of: str) -> list[str]:
    """Problems of test subjects without a mask; `labels_of` is the path of a missing mask, with {} for the subject."""
    wrong = [subject.subject for subject in subjects if subject.use == "test" and not subject.labelled]
    return [
        f"subjects table: use 'test' of {name}, which has no label; accepted: auto, train, unlabelled, exclude; "
        f"to fix: add {labels_of.format(name)} or change the use"
        for name in wrong
    ]
