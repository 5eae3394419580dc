"""A subject of a cohort."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fewlabel.utils.errors import InputError

Use = Literal["auto", "train", "test", "unlabelled", "exclude"]
"""Allowed use of a subject; `auto`: the split decides."""

SUBJECT_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Subject:
    """One volume, with or without a label."""

    subject: str  # unique in its cohort; letters, digits, '.', '_' and '-' (it becomes part of file names)
    patient: str  # name of the patient; splits never separate the volumes of one patient
    labelled: bool  # whether a mask exists
    use: Use = "auto"  # see `Use`
    # image, label: files on disk; None for synthetic volumes
    image: Path | None = None
    label: Path | None = None
    channels: tuple[Path, ...] = ()  # files of the channels after the first, where each channel has a file
    further: bool = False  # whether it is of the folder `unlabelled`, whose files are read alike for every source
    computed: bool = False  # whether the image is reconstructed from its file, which is slow, so that results keep it


class ListingError(InputError):
    """Problems of the list of a cohort's subjects.

    Attributes:
        heading: first line of the message.
        problems: one line each.
        subjects: listed subjects whose files exist, so that their volumes can be checked in the same run.
    """

    def __init__(self, heading: str, problems: Sequence[str], subjects: Sequence[Subject] = ()) -> None:
        super().__init__(str(InputError.of(problems, heading)))
        self.heading, self.problems = heading, list(problems)
        self.subjects = [
            subject
            for subject in subjects
            if all(path.exists() for path in (subject.image, subject.label, *subject.channels) if path)
        ]


def is_safe_name(name: str) -> bool:
    """Whether a subject's name is safe in paths and shell commands."""
    return SUBJECT_PATTERN.fullmatch(name) is not None and ".." not in name
