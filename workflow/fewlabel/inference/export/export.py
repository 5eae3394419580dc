"""Export a trained network to a folder for other runtimes, atomically."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fewlabel.inference.export.formats import CARD, FILES, PACKAGES, Format
from fewlabel.inference.export.module import input_names
from fewlabel.inference.image_channels import channels_of_study
from fewlabel.inference.trained_network import TrainedNetwork, open_trained_network, study_folder
from fewlabel.utils.atomic_files import atomic_folder, sha256
from fewlabel.utils.errors import InputError
from fewlabel.utils.optional_dependencies import require_export
from fewlabel.utils.system_errors import demand_writable


@dataclass(frozen=True)
class Exported:
    """An exported format: its path, and the largest difference of its probabilities from torch's (0 to 1)."""

    path: Path
    difference: float


def export(weights: Path, to: Path, formats: Collection[Format], replace: bool = False) -> list[Exported]:
    """Write a network in other formats and check that each gives the same probabilities.

    Args:
        to: folder that receives `network.onnx` and `monai_bundle/`.
        replace: whether to replace an earlier export.

    Raises:
        InputError: no finetuned weights, `to` exists or cannot be made, a library is missing, or MONAI cannot prepare
            the network's images.
        TrainingError: a format gives other probabilities.
    """
    _check_place(to, replace)
    chosen = [name for name in Format if name in formats]
    require_export([package for name in chosen for package in PACKAGES[name]])
    trained = open_trained_network(weights)
    if Format.MONAI in formats:
        from fewlabel.inference.export.monai_bundle import refuse_bias_correction

        refuse_bias_correction(trained)
    exported = []
    with atomic_folder(to.resolve()) as partial:
        for name in chosen:
            if name is Format.ONNX:
                from fewlabel.inference.export.onnx import write_onnx

                difference = write_onnx(trained, partial / FILES[name], onnx_facts(trained, weights))
            else:
                from fewlabel.inference.export.monai_bundle import write_bundle

                (partial / FILES[name]).mkdir()
                channels = channels_of_study(weights, trained.settings.channels)
                card = "# A network of FewLabel\n"
                difference = write_bundle(trained, partial / FILES[name], card, "See docs.\n", channels)
            exported.append(Exported(to / FILES[name], difference))
    return exported


def onnx_facts(trained: TrainedNetwork, weights: Path) -> dict[str, str]:
    """Metadata of an ONNX file, by keys that begin with `fewlabel.`; names no subject and no path."""
    facts = {
        "prepared": json.dumps(trained.preparation.model_dump(mode="json"), sort_keys=True),
        "settings": json.dumps(trained.settings.model_dump(mode="json"), sort_keys=True),
        "weights_sha256": sha256(weights),
        "versions": json.dumps({name: version(name) for name in ("fewlabel", "torch", "onnx", "onnxruntime")}),
    }
    if trained.settings.inputs > 1:
        facts["inputs"] = json.dumps(input_names(trained))
    if trained.settings.classes:
        # A list, since the order is that of the outputs.
        facts["classes"] = json.dumps([{"name": name, "values": v} for name, v in trained.settings.classes.items()])
    if location := study_folder(weights):
        study, run = location
        facts |= {
            "study": study.name,
            "cohort": run.cohort,
            "method": run.method,
            "n": str(run.n),
            "draw": str(run.draw),
        }
        facts |= {"fold": str(run.fold)} if run.fold else {}
    return {f"fewlabel.{name}": fact for name, fact in facts.items()}


def _check_place(to: Path, replace: bool) -> None:
    if not to.exists():
        if not to.absolute().parent.is_dir():
            raise InputError(f"-o {to}: no such folder {to.absolute().parent}; to fix: make it first")
        demand_writable([to])
        return
    if not to.is_dir():
        raise InputError(f"-o {to}: a file; accepted: a folder, new or of an earlier export")
    existing = {path.name for path in to.iterdir()}
    if strange := sorted(existing - {*FILES.values(), CARD}):
        raise InputError(f"-o {to}: contains {strange[0]}, which is not of an export; to fix: choose another folder")
    if existing and not replace:
        raise InputError(f"-o {to}: contains an export; to fix: use --replace to replace it, or choose another -o")
    demand_writable([to])
