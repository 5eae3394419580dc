"""A finetuned network as its weights file describes it: all that is needed to use it on images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fewlabel.config.jobs.data import Preparation
from fewlabel.config.jobs.training import FinetuneSettings
from fewlabel.config.loading.load import load_files
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.data.subjects.tables import read_subjects
from fewlabel.inference.training_ranges import RANGES, Ranges, ranges_of_table
from fewlabel.training.devices.memory_check import refuse_prediction
from fewlabel.training.network import UNet
from fewlabel.training.weights import read_header, restore_network
from fewlabel.utils.errors import InputError

WANTED = "results/<study>/<cohort>/finetuned/<method>/n<N>/draw<D>/weights.safetensors, or a published one"


@dataclass(frozen=True)
class Trained:
    """A network with what it must be given.

    Attributes:
        network: on the CPU.
        settings: that it was finetuned with.
        preparation: how its images are made from volumes.
        ranges: of its training cohort; None if neither its file nor the study around it contains them.
        facts: all that its file holds.
    """

    network: UNet
    settings: FinetuneSettings
    preparation: Preparation
    ranges: Ranges | None
    facts: Mapping[str, Any]


def open_trained(path: Path) -> Trained:
    """The finetuned network of a weights file.

    Raises:
        InputError: no such file, not weights of fewlabel, of a pretraining, or nothing tells how images are prepared.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder; accepted: a weights file, {WANTED}")
    facts = read_header(path).facts
    settings = _settings(path, facts)
    preparation = _preparation(path, facts)
    matrix, reduction = preparation.grid.matrix, settings.network.reduction
    if any(side % reduction for side in matrix):
        raise InputError(f"{path.name}: its working grid {matrix} does not suit its network; make the weights again")
    if facts["widths"] != settings.network.widths:
        raise InputError(
            f"{path.name}: widths {facts['widths']}, but its settings say {settings.network.widths}; make the weights "
            "again"
        )
    refuse_prediction(settings.network.widths, matrix, path.name)
    ranges = _ranges(path, facts)
    network, _ = restore_network(path)
    return Trained(network, settings, preparation, ranges, facts)


def study_folder(path: Path) -> tuple[Path, Run] | None:
    """The results of the study that a weights file lies in, and its run there; None where it lies elsewhere."""
    found = Run.of_file(path)
    return found if found and (found[0] / LAYOUT.experiment).is_file() else None


def _settings(path: Path, facts: Mapping[str, Any]) -> FinetuneSettings:
    settings = facts.get("settings", {})
    if "method" in settings and "finetuning" not in settings:
        raise InputError(
            f"{path.name}: weights of a pretraining, which segment nothing yet; accepted: finetuned ones, {WANTED}"
        )
    try:
        return FinetuneSettings.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{path.name}: settings that this version of fewlabel does not know ({place}: {first['msg']}); use the "
            "version that made the weights, or make them again"
        ) from None


def _ranges(path: Path, facts: Mapping[str, Any]) -> Ranges | None:
    if RANGES not in facts:
        return _ranges_beside(path)
    try:
        return Ranges.model_validate(facts[RANGES])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (RANGES, *first["loc"])))
        raise InputError(f"{path.name}: {place}: {first['msg']}; make the weights again") from None


def _ranges_beside(path: Path) -> Ranges | None:
    """The ranges for an older weights file, from the tables of the finished or published study around it."""
    if (found := study_folder(path)) is None:
        return None
    study, run = found
    try:
        pool = read_subjects(study / LAYOUT.order(run.part, str(run.draw)))["subject"]
        return ranges_of_table(read_subjects(study / LAYOUT.subjects(run.cohort)), list(pool))
    except (OSError, KeyError, ValidationError):  # an older study whose tables lack these columns
        return None


def _preparation(path: Path, facts: Mapping[str, Any]) -> Preparation:
    """As the file itself says; a file of before it did, as the experiment says that lies above it in the results."""
    if "prepared" in facts:
        try:
            return Preparation.model_validate(facts["prepared"])
        except ValidationError as error:
            raise InputError(f"{path.name}: its working grid cannot be read ({error.errors()[0]['msg']})") from None
    found = study_folder(path)
    if found is None:
        raise InputError(
            f"{path.name}: does not say on which grid its network works (older weights do not); "
            "use it where it lies in its results, beneath their experiment.yaml, or finetune it again"
        )
    study, run = found
    file = study / LAYOUT.experiment
    cohort = load_files([file]).cohorts.get(run.cohort)
    if cohort is None:
        raise InputError(f"{file}: holds no cohort {run.cohort}, of which {path.name} is; restore it")
    return Preparation(grid=cohort.grid, bias_correction=cohort.bias_correction)
