"""One subject of a cohort, as its source lists it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fewlabel.utils.errors import InputError

Use = Literal["auto", "train", "test", "unlabelled", "exclude"]
"""What a subject may be used for; `auto` lets the split decide."""

SUBJECT_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Subject:
    """One volume, with or without a label.

    Attributes:
        subject: unique in its cohort; letters, digits, '.', '_' and '-' (it becomes part of file names).
        patient: whose volume it is; splits never separate the volumes of one patient.
        labelled: whether a mask exists.
        use: see `Use`.
        image, label: files on disk; None where the volume is made by code.
        computed: whether the image is made from its file by long work, so that results keep it.
    """

    subject: str
    patient: str
    labelled: bool
    use: Use = "auto"
    image: Path | None = None
    label: Path | None = None
    computed: bool = False


class ListingError(InputError):
    """Problems of a cohort's listing: its subjects are not those that were meant.

    Attributes:
        heading: where they are.
        problems: all of them, one line each.
        subjects: those that are listed nevertheless, so that their volumes can be checked at once; their files exist.
    """

    def __init__(self, heading: str, problems: Sequence[str], subjects: Sequence[Subject] = ()) -> None:
        super().__init__(str(InputError.of(problems, heading)))
        self.heading, self.problems = heading, list(problems)
        self.subjects = [one for one in subjects if all(path.exists() for path in (one.image, one.label) if path)]


def is_safe_name(name: str) -> bool:
    """Whether a subject's name may become part of a path and of a shell command."""
    return SUBJECT_PATTERN.fullmatch(name) is not None and ".." not in name
