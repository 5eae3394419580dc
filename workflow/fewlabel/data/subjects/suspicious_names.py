"""Names of images that suggest masks, or several images of one subject."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping

from fewlabel.utils.formatting import listed

WORDS = "seg|segm|segmentations?|masks?|msk|labels?|labelmap|lbl|gt|ground_?truth|rois?|annotations?|manual|contours?"
MASK_SUFFIX = re.compile(rf"[_.-]({WORDS})([_.-].*)?", re.IGNORECASE)
MASK_END = re.compile(rf"[_.-]({WORDS})$", re.IGNORECASE)
MASK_PREFIX = re.compile(rf"({WORDS})[_.-]", re.IGNORECASE)
CHANNEL = re.compile(r"(.+)_(\d{4})")
"""nnU-Net's names for the channels of a subject."""


def extended_names(names: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield names that extend another name: the name, the other name, and the suffix with its separator."""
    by_lower = {name.lower(): name for name in names}
    for name in names:
        cuts = [match.start() for match in re.finditer(r"[_.-]", name)]
        base = next((by_lower[name[:cut].lower()] for cut in reversed(cuts) if name[:cut].lower() in by_lower), None)
        if base is not None:
            yield name, base, name[len(base) :]


def masks_among(names: Collection[str]) -> dict[str, str]:
    """Names of masks of another image, such as `z1_seg` or `mask_z1` of `z1`, mapped to that image."""
    by_lower = {name.lower(): name for name in names}
    masks = {name: base for name, base, suffix in extended_names(names) if MASK_SUFFIX.fullmatch(suffix)}
    for name in names:
        rest = MASK_PREFIX.sub("", name, count=1).lower()
        if rest != name.lower() and rest in by_lower:
            masks[name] = by_lower[rest]
    return masks


def name_problems(names: Mapping[str, str], remedy: str) -> list[str]:
    """Problems of images that are named like masks (with a `remedy`) or like channels of one subject.

    `names`: names of the images, mapped to file names for messages.
    """
    masks = sorted(masks_among(names).items())
    problems = [f"{names[name]}: named like the mask of {base}; {remedy}" for name, base in masks]
    channels = defaultdict(set)
    for match in filter(None, map(CHANNEL.fullmatch, names)):
        channels[match[1]].add(match[2])
    sets = Counter(frozenset(numbers) for numbers in channels.values() if len(numbers) > 1 and "0000" in numbers)
    # A single numbered series may also be subjects: scan_0000, scan_0001 and so on.
    for numbers in (numbers for numbers, count in sets.items() if count > 1):
        bases = sorted(base for base, present in channels.items() if present == numbers)
        problems.append(
            f"{listed(bases)}: several files per subject, ending in _{', _'.join(sorted(numbers))} like channels "
            "of nnU-Net; accepted: one image per subject, or `channels` of the source, such as `{first: _0000, second: "
            "_0001}`; to fix: set `channels`, or keep the files of one channel in the folder"
        )
    return problems


def patient_notes(patients: Collection[str]) -> list[str]:
    """Notes on patient names that differ only in case, spaces or Unicode form: often one person."""
    alike = defaultdict(set)
    for patient in patients:
        alike["".join(unicodedata.normalize("NFKC", patient).casefold().split())].add(patient)
    several = [sorted(names) for _, names in sorted(alike.items()) if len(names) > 1]
    return [
        f"patient names that differ only in case or spaces: {listed([repr(name) for name in names])}; if they are one "
        "person, use one name; otherwise their volumes may be on both sides of the split"
        for names in several
    ]


def name_notes(names: Collection[str]) -> list[str]:
    """Notes on images named like masks, or like another image with a suffix: often of one patient."""
    masks = masks_among(names)
    longer = [f"{name} ({base})" for name, base, _ in sorted(extended_names(names)) if name not in masks]
    alone = [name for name in sorted(names) if name not in masks and MASK_END.search(name)]
    notes = [f"images named like masks: {listed(alone)}; check that they are images"] if alone else []
    if longer:
        notes.append(
            f"images whose names extend another name: {listed(longer)}; if they are of one patient, set it in the "
            "subjects table"
        )
    return notes
