"""Checks before a cohort is split: feasibility, changes to existing results, duplicate volumes."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from fewlabel.config.jobs.data import PlannedSplit, SplitSettings
from fewlabel.data.existing_split import ExistingSplit, read_existing_split
from fewlabel.data.moved_subjects import moved_problems
from fewlabel.data.splits import split_problems, split_roles
from fewlabel.data.subjects.duplicate_volumes import VolumeHash, duplicate_findings, duplicates_elsewhere, sides_of


def admission(
    table: pd.DataFrame,
    cohort: str,
    split: PlannedSplit,
    largest: int,
    pretrained: int,
    hashes: Mapping[str, VolumeHash],
) -> tuple[list[str], list[str]]:
    """Problems and notes of a cohort that is to be split.

    Args:
        table: columns subject, patient, labelled (0 or 1), use.
        cohort: its key in the experiment, also the name of its folder.
        split: its split, and the results that the split must not change.
        pretrained: the largest number of pretraining subjects of any method.
        hashes: of the images, by subject.

    Raises:
        InputError: a table of the study's results cannot be read.
    """
    plain = SplitSettings(**split.model_dump(include=set(SplitSettings.model_fields)))
    study = None if split.results is None else Path(split.results)
    earlier = None if study is None else read_existing_split(study, plain.cohort, plain.folds)
    if problems := split_problems(table, plain, largest, pretrained, earlier, split.labelling):
        return problems, []
    sides = _sides(table, plain, earlier)
    neighbours = {name: Path(path) for name, path in split.voxel_hashes.items()}
    findings = zip(duplicate_findings(hashes, sides), duplicates_elsewhere(hashes, neighbours, sides), strict=True)
    crossing, notes = ([*own, *others] for own, others in findings)
    moved = [] if study is None else moved_problems(table, cohort, plain, study, split.draws, split.labelling)
    return [*crossing, *moved], notes


def _sides(table: pd.DataFrame, split: SplitSettings, earlier: ExistingSplit | None) -> dict[str, str]:
    roles = split_roles(table, split, earlier)
    folds = roles["fold"].fillna(0).astype(int).tolist() if "fold" in roles else [0] * len(roles)
    return sides_of(roles["subject"].tolist(), roles["role"].tolist(), folds)
