"""Folders in the layouts of other programs: detect them, and give commands that convert the layout."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from fewlabel.data.paths import NIFTI_SUFFIXES, VOLUME_SUFFIXES, ends_with, stem
from fewlabel.data.subjects.folder_contents import contents
from fewlabel.utils.formatting import listed

MADE = "fewlabel"
"""Folder that the printed commands create inside the foreign one; it holds links, not copies."""
BIDS_NAME = re.compile(r"(sub-[^_]+(?:_ses-[^_]+)?)(_.+)")
"""A subject, its session, and the rest of a file's name."""


def recognised(folder: Path) -> str | None:
    """Name of a foreign layout and the commands that convert it for `kind: nifti`; None for other folders."""
    if not folder.is_dir():
        return None
    if any(path.is_dir() for path in folder.glob("Dataset[0-9][0-9][0-9]_*")):
        return "a folder of nnU-Net datasets; accepted: one dataset; to fix: give the path of one of them"
    return _nnunet(folder) or _bids(folder)


def channel_images(folder: Path) -> dict[str, Path]:
    """nnU-Net's first-channel images, `<case>_0000`, by case; empty unless `labelsTr` or `dataset.json` confirms it."""
    images = {stem(path): path for path in contents(folder / "imagesTr").used}
    cases = {name[:-5]: path for name, path in images.items() if name.endswith("_0000")}
    masks = {stem(path) for path in contents(folder / "labelsTr").used}
    return cases if masks & set(cases) or "channel_names" in _json(folder) else {}


# ---------------------------------------------------------------------------------------------------------- nnU-Net
def _nnunet(folder: Path) -> str | None:
    cases = channel_images(folder)
    if not cases:
        return None
    facts = _json(folder)
    first = next(iter(cases.values()))
    ending = first.name[len(stem(first)) :]
    text = f"an nnU-Net dataset ({len(cases)} cases; images end in _0000{ending}"
    channels = _names(facts.get("channel_names", facts.get("modality")))
    text += f", channels {channels}" if channels else ""
    values = _values(facts.get("labels"))
    text += f", labels {values}" if values else ""
    other = " (for another channel, replace 0000 by its number)" if "," in channels else ""
    loop = _links(f"imagesTr/*_0000{ending}", f"_0000{ending}", "images", ending)
    masks = _links(f"labelsTr/*{ending}", ending, "labels", ending)
    return f"{text}); {_todo(f'{loop}; {masks}')}{other}"


def _names(table: Any) -> str:
    pairs = table.items() if isinstance(table, dict) else []
    return listed([f"{number}: {name}" for number, name in pairs])


def _values(table: Any) -> str:
    """Label values with their names; nnU-Net version 1 writes them as value: name."""
    pairs = table.items() if isinstance(table, dict) else []
    return listed([f"{one}: {two}" if str(one).isdecimal() else f"{two}: {one}" for one, two in pairs])


# -------------------------------------------------------------------------------------------------------------- BIDS
def _bids(folder: Path) -> str | None:
    raw = _tails([*folder.glob("sub-*/anat/*"), *folder.glob("sub-*/ses-*/anat/*")])
    if not raw:
        return None
    derived = "derivatives/*/sub-*"
    masks = _tails([*folder.glob(f"{derived}/anat/*"), *folder.glob(f"{derived}/ses-*/anat/*")])
    masks = Counter({tail: count for tail, count in masks.items() if re.search("dseg|mask|seg|label", tail)})
    text = f"a BIDS dataset (images {_counted(raw)}; masks in derivatives: {_counted(masks) or 'none'})"
    first = _most(raw)
    table = f'echo "$n,${{n%%_*}}" >> {MADE}/subjects.csv'
    begin = f"echo subject,patient > {MADE}/subjects.csv; "
    steps = begin + _links(f"sub-*/anat/*{first} sub-*/ses-*/anat/*{first}", first, "images", _ending(first), table)
    if masks:
        tail = _most(masks)
        where = f"{derived}/anat/*{tail} {derived}/ses-*/anat/*{tail}"
        steps += "; " + _links(where, tail, "labels", _ending(tail))
    several = " (for other images or masks, replace the ending)" if len(raw) > 1 or len(masks) > 1 else ""
    return f"{text}; {_todo(steps)}{several}" + ("" if masks else "; masks go to fewlabel/labels/<subject>.nii.gz")


def _tails(paths: list[Path]) -> Counter[str]:
    """Name endings after subject and session, with their counts."""
    matches = (BIDS_NAME.fullmatch(path.name) for path in paths if ends_with(path, NIFTI_SUFFIXES))
    return Counter(match[2] for match in matches if match)


def _most(tails: Counter[str]) -> str:
    """The most frequent ending; ties: T2-weighted images first, then by name."""
    return min(tails, key=lambda tail: (-tails[tail], "T2w" not in tail, tail))


def _counted(tails: Counter[str]) -> str:
    return listed([f"{count} *{tail}" for tail, count in sorted(tails.items())])


# ------------------------------------------------------------------------------------------------------------- steps
def _links(pattern: str, tail: str, part: str, ending: str, then: str = "") -> str:
    """A shell loop that links files ending in `tail` into a part of the new folder, under the name without it."""
    steps = [f'n=$(basename "$f" "{tail}")', f'ln -s "$PWD/$f" "{MADE}/{part}/$n{ending}"', *([then] if then else [])]
    return f'for f in {pattern}; do [ -e "$f" ] && {" && ".join(steps)}; done'


def _todo(steps: str) -> str:
    return (
        f"accepted: images/<subject> and labels/<subject> (kind: nifti); to fix: in that folder, run `mkdir -p "
        f"{MADE}/images {MADE}/labels; {steps}`, then set `folder` to its sub-folder {MADE} and `kind: nifti`"
    )


def _ending(tail: str) -> str:
    return next(suffix for suffix in VOLUME_SUFFIXES if tail.lower().endswith(suffix))


def _json(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads((folder / "dataset.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}
