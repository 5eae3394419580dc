"""A finetuned network with the settings needed to use it on images, read from its weights file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fewlabel.config.evaluation import EvaluationOptions
from fewlabel.config.jobs.data import Preparation
from fewlabel.config.jobs.training import FinetuneSettings
from fewlabel.config.loading.load import load_files
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.data.csv_tables import read_subjects
from fewlabel.inference.training_ranges import RANGES, Ranges, ranges_of_table
from fewlabel.training.devices.memory_check import refuse_prediction
from fewlabel.training.network import UNet
from fewlabel.training.weights import read_header, restore_network
from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError, first_fault

ACCEPTED = "results/<study>/<cohort>/finetuned/<method>/n<N>/draw<D>/weights.safetensors, or a published one"


@dataclass(frozen=True)
class TrainedNetwork:
    """A finetuned network and its settings."""

    network: UNet  # on the CPU
    settings: FinetuneSettings  # of its finetuning
    preparation: Preparation  # working grid and bias correction of its images
    ranges: Ranges | None  # of its training cohort; None if neither its file nor its study contains them
    facts: Mapping[str, Any]  # all metadata of its file


def open_trained_network(path: Path) -> TrainedNetwork:
    """Read the finetuned network of a weights file.

    Raises:
        InputError: the file is missing, no weights of fewlabel, or of a pretraining; or the working grid is unknown.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder; accepted: a weights file, {ACCEPTED}")
    facts = read_header(path).facts
    settings = _settings(path, facts)
    preparation = _preparation(path, facts)
    matrix, reduction = preparation.grid.matrix, settings.network.reduction
    if any(side % reduction for side in matrix):
        raise InputError(
            f"{path.name}: its working grid {matrix} does not suit its network; to fix: make the weights again"
        )
    if facts["widths"] != settings.network.widths:
        raise InputError(
            f"{path.name}: widths {facts['widths']} differ from its settings, {settings.network.widths}; to fix: make "
            "the weights again"
        )
    refuse_prediction(settings.network.widths, matrix, path.name)
    ranges = _ranges(path, facts)
    network, _ = restore_network(path)
    found = (network.encoder.inputs, network.output.out_channels)
    if found != (settings.inputs, settings.outputs):
        raise InputError(
            f"{path.name}: a network of {found[0]} inputs and {found[1]} outputs; its settings have {settings.inputs} "
            f"and {settings.outputs}; to fix: make the weights again"
        )
    return TrainedNetwork(network, settings, preparation, ranges, facts)


def study_folder(path: Path) -> tuple[Path, Run] | None:
    """The results folder of a weights file's study and the run's relative path; None outside a study."""
    location = Run.of_file(path)
    return location if location and (location[0] / LAYOUT.experiment).is_file() else None


def study_evaluation(path: Path) -> tuple[str, EvaluationOptions] | None:
    """Name of a weights file's study, and how it evaluates networks; None outside a study.

    Raises:
        InputError: the study's experiment cannot be read.
    """
    if (location := study_folder(path)) is None:
        return None
    file = location[0] / LAYOUT.experiment
    recorded_hashes.check(file)
    try:
        return location[0].name, EvaluationOptions.model_validate(read_config([file]).get("evaluation", {}))
    except ValidationError as error:
        raise InputError(f"{file}: {first_fault(error, 'evaluation')}; to fix: restore the file") from None


def _settings(path: Path, facts: Mapping[str, Any]) -> FinetuneSettings:
    settings = facts.get("settings", {})
    if "method" in settings and "finetuning" not in settings:
        raise InputError(
            f"{path.name}: weights of a pretraining, which cannot segment; accepted: finetuned weights, {ACCEPTED}"
        )
    try:
        return FinetuneSettings.model_validate(settings)
    except ValidationError as error:
        raise InputError(
            f"{path.name}: settings that this version of fewlabel does not know ({first_fault(error)}); to fix: use "
            "the version that made the weights, or make them again"
        ) from None


def _ranges(path: Path, facts: Mapping[str, Any]) -> Ranges | None:
    if RANGES not in facts:
        return _ranges_of_study(path)
    try:
        return Ranges.model_validate(facts[RANGES])
    except ValidationError as error:
        raise InputError(f"{path.name}: {first_fault(error, RANGES)}; to fix: make the weights again") from None


def _ranges_of_study(path: Path) -> Ranges | None:
    """The ranges for an older weights file, from the tables of the finished or published study around it."""
    if (location := study_folder(path)) is None:
        return None
    study, run = location
    order, subjects = study / LAYOUT.order(run.part, str(run.draw)), study / LAYOUT.subjects(run.cohort)
    if not (order.is_file() and subjects.is_file()):
        return None
    try:
        return ranges_of_table(read_subjects(subjects), list(read_subjects(order)["subject"]))
    except (KeyError, ValidationError):  # an older study whose tables lack these columns
        return None


def _preparation(path: Path, facts: Mapping[str, Any]) -> Preparation:
    """The preparation in the weights file, or, for older files, in the experiment of the study."""
    if "prepared" in facts:
        try:
            return Preparation.model_validate(facts["prepared"])
        except ValidationError as error:
            raise InputError(
                f"{path.name}: its working grid cannot be read ({error.errors()[0]['msg']}); to fix: make the weights "
                "again"
            ) from None
    location = study_folder(path)
    if location is None:
        raise InputError(
            f"{path.name}: no working grid (older weights have none); "
            "to fix: use the file inside its study's results, which contain experiment.yaml, or finetune it again"
        )
    study, run = location
    file = study / LAYOUT.experiment
    cohort = load_files([file]).cohorts.get(run.cohort)
    if cohort is None:
        raise InputError(f"{file}: no cohort {run.cohort}, to which {path.name} belongs; to fix: restore the file")
    return Preparation(grid=cohort.grid, bias_correction=cohort.bias_correction)
