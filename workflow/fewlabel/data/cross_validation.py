"""Cross-validation: partition the labelled patients into K test sets, so that each is tested once."""

from collections.abc import Mapping

import pandas as pd

from fewlabel.config.base import Drawing
from fewlabel.data.drawing import in_random_order
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import listed


def partition(
    subjects: pd.DataFrame,
    cohort: str,
    count: int,
    seed: int,
    drawing: Drawing = "permutation",
    earlier: Mapping[str, int] | None = None,
) -> list[list[str]]:
    """Partition the labelled subjects into test sets of similar sizes, without splitting patients.

    Patients are ordered by number of volumes, then randomly by seed; each goes to the smallest set so far. With one
    volume a patient, sizes differ by at most one. The order of the rows has no effect. Patients with a volume of use
    `train` are in no set, but in every fold's pool.

    Args:
        subjects: columns subject, patient, labelled (0 or 1), use (see `data.subjects.subject.Use`).
        cohort: its key in the experiment, for the seed and for messages.
        count: number of test sets.
        earlier: folds (from 1) of an earlier run by subject; their patients stay there, and new patients follow.

    Returns:
        The test subjects of each fold, sorted by name.

    Raises:
        InputError: fewer patients than folds, or subjects with use `test`, which other folds would train on.
    """
    place = f"cohorts.{cohort}.folds"
    fixed = sorted(str(name) for name in subjects.loc[subjects["use"] == "test", "subject"])
    if fixed:
        raise InputError(
            f"{place}: use `test` of {listed(fixed)} in the subjects table, but other folds train on them; accepted: "
            "`auto` or `train`; to fix: clear it, or remove `folds`"
        )
    trained_only = set(subjects.loc[subjects["use"] == "train", "patient"])
    free = subjects[(subjects["labelled"] == 1) & ~subjects["patient"].isin(trained_only)]
    volumes = {str(patient): sorted(map(str, names)) for patient, names in free.groupby("patient")["subject"]}
    if count > len(volumes):
        accepted = f"accepted: 2 to {len(volumes)}" if len(volumes) > 1 else "folds need two patients or more"
        raise InputError(
            f"{place}: {count} folds of {len(volumes)} labelled patients; {accepted}; to fix: lower `folds` or label "
            "more"
        )
    order = in_random_order(volumes, drawing, seed, "folds", cohort)
    fold_of = {
        patient: fold for patient, names in volumes.items() for name in names if (fold := (earlier or {}).get(name))
    }
    folds: list[list[str]] = [[] for _ in range(count)]
    for patient, fold in fold_of.items():
        folds[fold - 1].extend(volumes[patient])
    for patient in sorted((name for name in order if name not in fold_of), key=lambda name: -len(volumes[name])):
        min(folds, key=len).extend(volumes[patient])
    return [sorted(fold) for fold in folds]
