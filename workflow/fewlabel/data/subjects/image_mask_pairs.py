"""Images and masks of a folder as subjects, with its subjects table: shared by the sources of a user's own files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from fewlabel.data.paths import listed, place, stem
from fewlabel.data.subjects.subject import Subject
from fewlabel.data.subjects.subjects_table import SubjectRow, read_table

Found = dict[str, list[Path]]
"""Files by subject; more than one is a problem."""


def by_subject(paths: Iterable[Path]) -> Found:
    """Files by the names of their subjects."""
    found: Found = {}
    for path in paths:
        found.setdefault(stem(path), []).append(path)
    return found


def read_entries(tables: Sequence[Path], images: Found) -> tuple[dict[str, SubjectRow], list[str]]:
    """What the subjects table says, if there is one, and what is wrong with it."""
    if len(tables) > 1:
        names = listed([table.name for table in tables])
        return {}, [f"{names}: two subjects tables; remove one, or name one with `subjects_table`"]
    return read_table(tables[0], images) if tables else ({}, [])


def pair(name: str, images: Found, labels: Found, entry: SubjectRow | None) -> Subject:
    """A subject with its image and, unless its use is unlabelled, its mask."""
    entry = entry or SubjectRow(patient=name, use="auto")
    label = labels[name][0] if name in labels and entry.use != "unlabelled" else None
    return Subject(name, entry.patient, labelled=label is not None, use=entry.use, image=images[name][0], label=label)


def duplicates(folder: Path, *found: Found) -> list[str]:
    """Subjects with several files of one role."""
    doubled = [(name, paths) for each in found for name, paths in each.items() if len(paths) > 1]
    return [
        f"duplicate subject {name}: {listed([place(path, folder) for path in paths])}; keep one of them"
        for name, paths in doubled
    ]


def use_problems(subjects: Sequence[Subject], labels_of: str) -> list[str]:
    """Test subjects without a mask; `labels_of` names the file that a mask would be, with {} for the subject."""
    wrong = [subject.subject for subject in subjects if subject.use == "test" and not subject.labelled]
    return [
        f"subjects table: use 'test' of {name}, which has no label; accepted: auto, train, unlabelled, exclude; "
        f"add {labels_of.format(name)} or change the use"
        for name in wrong
    ]
