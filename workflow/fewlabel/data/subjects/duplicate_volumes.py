"""Find volumes under two names by a hash of their voxels."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewlabel.utils.atomic_files import write_text
from fewlabel.utils.formatting import listed

FILE = "voxels.json"
"""File in the folder of a cohort's list of subjects; Snakemake does not track it."""
Group = tuple[list[str], list[str]]
"""Subjects with equal voxels, and their files."""
TRAINED_ON = ("pool", "unlabelled")


class VolumeHash(NamedTuple):
    """The hash and name of one subject's image."""

    digest: str
    """SHA-256 of its voxels, or of its file if it is not reconstructed yet."""
    file: str
    """Its name in messages."""


def voxel_digest(array: NDArray[np.float32]) -> str:
    """A hash of an image's shape and values, independent of file name and compression."""
    digest = hashlib.sha256(repr(array.shape).encode())
    digest.update(np.ascontiguousarray(array, dtype="<f4").data)
    return digest.hexdigest()


def duplicate_findings(hashes: Mapping[str, VolumeHash], sides: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Find volumes that a cohort contains under several names.

    Args:
        hashes: by subject.
        sides: the side of each subject (see `sides_of`); empty if unknown.

    Returns:
        Problems (volumes on both sides of a split) and notes (others).
    """
    names: dict[str, list[str]] = defaultdict(list)
    for subject, image in hashes.items():
        names[image.digest].append(subject)
    groups = (group for group in names.values() if len(group) > 1)
    return _messages(((group, [hashes[name].file for name in group]) for group in groups), sides)


def duplicates_elsewhere(
    hashes: Mapping[str, VolumeHash], neighbours: Mapping[str, Path], sides: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Find volumes under other names in cohorts that are split like this one (`split_as`).

    Args:
        hashes: by subject.
        neighbours: files of the other cohorts' hashes, by cohort; missing if a cohort is not checked yet.
        sides: the side of each subject, in this cohort and in the others.
    """
    pairs: list[Group] = []
    for cohort, path in neighbours.items():
        others: dict[str, list[str]] = defaultdict(list)
        for name, (digest, _) in (other_hashes := read_hashes(path)).items():
            others[digest].append(name)
        for subject, image in hashes.items():
            pairs += [
                ([subject, other], [image.file, f"{other_hashes[other].file} of cohort {cohort}"])
                for other in others[image.digest]
                if other != subject
            ]
    return _messages(pairs, sides)


def sides_of(subjects: Sequence[str], roles: Sequence[str], folds: Sequence[int]) -> dict[str, str]:
    """The side of the split of each subject, as text; equal texts mean the same side.

    Args:
        roles: of each (see `splits.Role`).
        folds: the test fold of each, from 1; 0: none.
    """
    tested = {name: f"tested in fold {fold}" if fold else "tested" for name, fold in zip(subjects, folds, strict=True)}
    return {
        name: "trained on" if role in TRAINED_ON else tested[name] for name, role in zip(subjects, roles, strict=True)
    }


def write_hashes(path: Path, hashes: Mapping[str, VolumeHash]) -> None:
    """Write the hashes of a cohort, so that others can be compared with it."""
    write_text(path, json.dumps(hashes, indent=1, sort_keys=True) + "\n")


def read_hashes(path: Path) -> dict[str, VolumeHash]:
    """The hashes of a cohort; empty if the file is missing or invalid."""
    try:
        return {
            str(name): VolumeHash(*map(str, one)) for name, one in json.loads(path.read_text(encoding="utf-8")).items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _messages(groups: Iterable[Group], sides: Mapping[str, str]) -> tuple[list[str], list[str]]:
    problems, notes = [], []
    for names, files in groups:
        their_sides = [sides.get(name, "") for name in names]
        files_text = listed(files)
        if len(set(their_sides)) > 1:
            where = ", ".join(f"{name} is {side}" for name, side in zip(names, their_sides, strict=True))
            problems.append(
                f"{files_text}: the same voxels under {len(names)} names on both sides of the split ({where}); "
                "accepted: each volume once; to fix: remove all but one, or give them one patient in the subjects table"
            )
        else:
            notes.append(f"{files_text}: the same voxels under {len(names)} names; it counts as {len(names)} subjects")
    return problems, notes
