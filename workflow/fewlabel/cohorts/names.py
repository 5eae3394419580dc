"""Images whose names tell that they are no images, or that they belong together."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping

from fewlabel.cohorts.layout import listed

WORDS = "seg|segm|segmentations?|masks?|msk|labels?|labelmap|lbl|gt|ground_?truth|rois?|annotations?|manual|contours?"
MASK_SUFFIX = re.compile(rf"[_.-]({WORDS})([_.-].*)?", re.IGNORECASE)
MASK_END = re.compile(rf"[_.-]({WORDS})$", re.IGNORECASE)
MASK_PREFIX = re.compile(rf"({WORDS})[_.-]", re.IGNORECASE)
CHANNEL = re.compile(r"(.+)_(\d{4})")
"""As nnU-Net names the channels of a subject."""


def twins(names: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Names that are another one and a suffix: the name, the other, the suffix with the mark that begins it."""
    known = {name.lower(): name for name in names}
    for name in names:
        cuts = [match.start() for match in re.finditer(r"[_.-]", name)]
        base = next((known[name[:cut].lower()] for cut in reversed(cuts) if name[:cut].lower() in known), None)
        if base is not None:
            yield name, base, name[len(base) :]


def masks_among(names: Collection[str]) -> dict[str, str]:
    """Names that are those of another's mask, `z1_seg` or `mask_z1` beside `z1`: the other by the name."""
    known = {name.lower(): name for name in names}
    found = {name: base for name, base, suffix in twins(names) if MASK_SUFFIX.fullmatch(suffix)}
    for name in names:
        rest = MASK_PREFIX.sub("", name, count=1).lower()
        if rest != name.lower() and rest in known:
            found[name] = known[rest]
    return found


def name_problems(names: Mapping[str, str], cure: str) -> list[str]:
    """Images that are masks or channels of one subject by their names.

    Args:
        names: of the images, with the names of their files in messages.
        cure: what to do with masks.
    """
    masks = sorted(masks_among(names).items())
    problems = [f"{names[name]}: named like the mask of {base}; {cure}" for name, base in masks]
    channels = defaultdict(set)
    for match in filter(None, map(CHANNEL.fullmatch, names)):
        channels[match[1]].add(match[2])
    sets = Counter(frozenset(numbers) for numbers in channels.values() if len(numbers) > 1 and "0000" in numbers)
    # A single series of numbers may as well be subjects: scan_0000, scan_0001 and so on.
    for numbers in (numbers for numbers, count in sets.items() if count > 1):
        bases = sorted(base for base, found in channels.items() if found == numbers)
        problems.append(
            f"{listed(bases)}: several files of one subject that end in _{', _'.join(sorted(numbers))}, as nnU-Net "
            "names channels; accepted: one image a subject; leave those of one channel in the folder"
        )
    return problems


def patient_notes(patients: Collection[str]) -> list[str]:
    """Patients whose names differ in case, spaces or the form of their letters alone: often one person."""
    alike = defaultdict(set)
    for patient in patients:
        alike["".join(unicodedata.normalize("NFKC", patient).casefold().split())].add(patient)
    several = [sorted(names) for _, names in sorted(alike.items()) if len(names) > 1]
    return [
        f"patients that differ in case or spaces only: {listed([repr(name) for name in names])}; if they are one "
        "person, write one name, or their volumes may stand on both sides of the split"
        for names in several
    ]


def name_notes(names: Collection[str]) -> list[str]:
    """Images that are named like masks, or like another one with more behind: often of one patient."""
    masks = masks_among(names)
    longer = [f"{name} ({base})" for name, base, _ in sorted(twins(names)) if name not in masks]
    alone = [name for name in sorted(names) if name not in masks and MASK_END.search(name)]
    notes = [f"images named like masks: {listed(alone)}; are they images?"] if alone else []
    if longer:
        notes.append(
            f"images named like another with more behind: {listed(longer)}; if of one patient, the subjects table "
            "must say so"
        )
    return notes
