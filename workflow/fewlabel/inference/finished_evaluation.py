"""The evaluation of a run by its own training process, which `fewlabel evaluate` takes over.

A process that has trained has imported PyTorch and opened the slice store, so it evaluates its network too, into the
folder `training.evaluated` beside the weights: scores, masks with their record, and `identity.json`, which names
everything that they depend on. `fewlabel evaluate` moves them to their places if the identity is its own, and evaluates
otherwise. Imports nothing slow.
"""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.training import EvaluateSettings
from fewlabel.config.study_layout import STORE, WEIGHTS
from fewlabel.utils.atomic_files import atomic_file, atomic_folder, hard_link, partials_of, sha256
from fewlabel.utils.json_files import load_json
from fewlabel.utils.locks import hold_lock
from fewlabel.utils.log import LOG
from fewlabel.utils.recorded_hashes import EVALUATION

SCORES, PREDICTIONS, IDENTITY = "scores.csv", "predictions", "identity.json"
LIBRARIES = ("torch", "numpy", "scipy", "scikit-image", "nibabel")
"""Libraries on which masks and scores depend."""


@dataclass(frozen=True)
class Evaluation:
    """Settings and inputs of the evaluation of a run."""

    settings: EvaluateSettings
    # store, roles, weights: files (of the store its manifest); truth: folder of `<subject>.nii.gz`, native masks
    store: Path
    roles: Path
    truth: Path
    weights: Path
    device: str = "cpu"  # see `choose_device`
    threads: int = 1

    @property
    def folder(self) -> Path:
        """The folder in which the training process leaves the evaluation."""
        return self.weights.with_name("training.evaluated")

    def inputs(self) -> dict[str, Path]:
        """The files of which the record of an evaluation holds hashes, by kind."""
        return {WEIGHTS: self.weights, STORE: self.store, f"splits/{self.roles.name}": self.roles}

    def identity(self) -> dict[str, Any]:
        """Values that are equal for equal evaluations.

        Raises:
            OSError: an input is missing or cannot be read.
            ValueError, KeyError, csv.Error: the roles are no table of subjects and roles.
        """
        with self.roles.open(newline="", encoding="utf-8") as file:
            tested = [row["subject"] for row in csv.DictReader(file) if row["role"] == "test"]
        return {
            "settings": canonical(self.settings),
            "device": self.device,
            "threads": self.threads,
            "libraries": {name: version(name) for name in LIBRARIES},
            "inputs": {what: sha256(path) for what, path in self.inputs().items()},
            "truth": {name: sha256(self.truth / f"{name}.nii.gz") for name in tested},
        }


def evaluate_ahead(evaluation: Evaluation, evaluate: Callable[[Evaluation, Path, Path], None]) -> None:
    """Evaluate in a process that has trained, and leave the result for `take_over`.

    Never fails, because the training is complete: on an error it prints a message, and `fewlabel evaluate` evaluates
    and reports it. If an earlier process was killed while it evaluated, which it may be again, that is left to it too.

    Args:
        evaluate: writes the scores and the folder of masks; see `inference.evaluate.evaluate_run`.
    """
    folder = evaluation.folder
    try:
        with hold_lock(folder):
            if killed := partials_of(folder):
                for partial in killed:
                    shutil.rmtree(partial)
                LOG.info("an earlier process was killed while it evaluated: left to `fewlabel evaluate`")
                return
            identity = evaluation.identity()
            if _kept(evaluation, identity, SCORES):
                return
            shutil.rmtree(folder, ignore_errors=True)
            with atomic_folder(folder) as partial:
                evaluate(evaluation, partial / SCORES, partial / PREDICTIONS)
                (partial / IDENTITY).write_text(json.dumps(identity), encoding="utf-8")
    except Exception as error:
        LOG.info(f"not evaluated here: left to `fewlabel evaluate` ({error})")


def take_over(evaluation: Evaluation, scores: Path, predictions: Path) -> bool:
    """Put scores and masks of a finished evaluation in their places, if there is one of this identity.

    Returns:
        Whether they are there now.
    """
    folder = evaluation.folder
    try:
        if not folder.is_dir() or not _kept(evaluation, evaluation.identity(), scores.name):
            return False
        with atomic_folder(predictions) as masks, atomic_file(scores) as table:
            for path in (folder / PREDICTIONS).iterdir():
                hard_link(path, masks / path.name)
            # A copy has a date of its own, and is newer than all inputs.
            shutil.copyfile(folder / SCORES, table)
    except (OSError, ValueError, KeyError, csv.Error):
        return False
    return True


def forget(evaluation: Evaluation) -> None:
    """Remove the finished evaluation, which was taken over or is not this one."""
    shutil.rmtree(evaluation.folder, ignore_errors=True)


def _kept(evaluation: Evaluation, identity: dict[str, Any], scores: str) -> bool:
    """Whether a finished evaluation of this identity lies there, whole and unchanged, and names its table `scores`."""
    folder = evaluation.folder
    try:
        if load_json(folder / IDENTITY) != identity:
            return False
        outputs = dict(load_json(folder / PREDICTIONS / EVALUATION)["outputs"])
        return scores in outputs and all(sha256(folder / name) == value for name, value in outputs.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False
