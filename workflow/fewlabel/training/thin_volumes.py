"""Checks for volumes with fewer slices than partitions of a contrastive stage; a slice then has several partitions."""

from collections.abc import Iterable, Sequence

import pandas as pd

from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.contrastive import GlobalStage
from fewlabel.config.pretexts.registry import outlines
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import listed


def thin_volumes(index: pd.DataFrame, subjects: Iterable[str], partitions: int) -> dict[str, int]:
    """The number of slices of each subject that has fewer than `partitions`; `index`: of a slice store."""
    counts = index["subject"].astype(str).value_counts()
    return {name: int(counts[name]) for name in sorted(set(subjects)) if 0 < counts.get(name, 0) < partitions}


def thin_warnings(index: pd.DataFrame, subjects: Sequence[str], method: PretrainedBase) -> list[str]:
    """Warnings about such volumes, one line per stage of a method."""
    texts = []
    for name, stage in outlines(method).items():
        if thin := thin_volumes(index, subjects, stage.partitions):
            texts.append(
                f"{name}: {len(thin)} of {len(subjects)} volumes have fewer slices than the {stage.partitions} "
                f"partitions: {listed([f'{subject} ({count})' for subject, count in thin.items()])}; each of their "
                "slices represents several parts and is never a negative of itself"
            )
    return texts


def refuse_lone_slices(name: str, stage: GlobalStage, index: pd.DataFrame, subjects: Sequence[str]) -> None:
    """Refuse a stage whose batch may contain only one slice: its views have no negative.

    Raises:
        InputError: a volume has one slice, and batches hold a single volume or may repeat one.
    """
    single = list(thin_volumes(index, subjects, 2))
    volumes = stage.batch // stage.partitions
    if single and (volumes == 1 or volumes > len(subjects)):
        raise InputError(
            f"{name}: a batch of {volumes} of {len(subjects)} volumes may contain only one slice, which leaves no "
            f"negative (volumes of one slice: {listed(single)}); accepted: 2 to all volumes (`batch` / `partitions`); "
            "to fix: change `batch`, or exclude volumes of one slice"
        )
