"""Volumes with fewer slices than a contrastive stage cuts them into: one slice then stands for several parts."""

from collections.abc import Iterable, Sequence

import pandas as pd

from fewlabel.errors import InputError
from fewlabel.experiment import GlobalStage, PretrainedMethod
from fewlabel.jobs import pretraining_stages
from fewlabel.partition import some


def thin_volumes(index: pd.DataFrame, subjects: Iterable[str], partitions: int) -> dict[str, int]:
    """The slices of each subject that has fewer of them than `partitions`.

    Args:
        index: of a slice store: a row a slice, with its `subject`.
        subjects: whose slices are seen.
        partitions: parts of a volume.
    """
    counts = index["subject"].astype(str).value_counts()
    return {name: int(counts[name]) for name in sorted(set(subjects)) if 0 < counts.get(name, 0) < partitions}


def thin_warnings(index: pd.DataFrame, subjects: Sequence[str], method: PretrainedMethod) -> list[str]:
    """What to know of such volumes, in a line for each stage of a method."""
    texts = []
    for name, stage in pretraining_stages(method).items():
        if not isinstance(stage, GlobalStage):
            continue
        if thin := thin_volumes(index, subjects, stage.partitions):
            texts.append(
                f"{name}: {len(thin)} of {len(subjects)} volumes have fewer slices than the {stage.partitions} "
                f"partitions: {some([f'{subject} ({count})' for subject, count in thin.items()])}; a slice of theirs "
                "stands for several parts, and is no negative of itself"
            )
    return texts


def refuse_lone_slices(name: str, stage: GlobalStage, index: pd.DataFrame, subjects: Sequence[str]) -> None:
    """Refuse a stage whose batch may hold one slice alone: its views have no negative.

    Raises:
        InputError: a volume of one slice, and batches of a single volume, or in which one may be drawn several times.
    """
    lone = list(thin_volumes(index, subjects, 2))
    drawn = stage.batch // stage.partitions
    if lone and (drawn == 1 or drawn > len(subjects)):
        raise InputError(
            f"{name}: a batch of {drawn} volumes drawn of {len(subjects)} may hold one slice alone, which leaves no "
            f"negative: {some(lone)} of one slice; accepted: batches of 2 volumes or more (`batch` over `partitions`), "
            "but no more than there are; change `batch`, or exclude volumes of one slice"
        )
