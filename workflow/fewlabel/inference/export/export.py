"""A trained network as a folder for other runtimes: whole or not at all."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fewlabel.inference.export.formats import CARD, PACKAGES, PLACES, Format
from fewlabel.inference.trained_network import Trained, open_trained, study_folder
from fewlabel.utils.atomic_files import sha256, whole_folder
from fewlabel.utils.errors import InputError
from fewlabel.utils.optional_dependencies import require_export
from fewlabel.utils.system_errors import demand_writable


@dataclass(frozen=True)
class Exported:
    """What was written: its place, and by how much its probabilities differ from torch's at most (0 to 1)."""

    path: Path
    difference: float


def export(weights: Path, to: Path, formats: Collection[Format], replace: bool = False) -> list[Exported]:
    """Write a network in other formats, each checked to give the same probabilities.

    Args:
        weights: finetuned ones.
        to: the folder, which receives `network.onnx` and `monai_bundle/`.
        formats: which of them.
        replace: put it in the place of an earlier export.

    Raises:
        InputError: no finetuned weights, `to` is taken or no place for a folder, a library is missing, or MONAI cannot
            prepare the network's images.
        TrainingError: a format gives other probabilities.
    """
    _check_place(to, replace)
    chosen = [name for name in Format if name in formats]
    require_export([package for name in chosen for package in PACKAGES[name]])
    trained = open_trained(weights)
    if Format.MONAI in formats:
        from fewlabel.inference.export.monai_bundle import refuse_bias_correction

        refuse_bias_correction(trained)
    done = []
    with whole_folder(to.resolve()) as partial:
        for name in chosen:
            if name is Format.ONNX:
                from fewlabel.inference.export.onnx import write_onnx

                difference = write_onnx(trained, partial / PLACES[name], onnx_facts(trained, weights))
            else:
                from fewlabel.inference.export.monai_bundle import write_bundle

                (partial / PLACES[name]).mkdir()
                difference = write_bundle(trained, partial / PLACES[name], "# A network of FewLabel\n", "See docs.\n")
            done.append(Exported(to / PLACES[name], difference))
    return done


def onnx_facts(trained: Trained, weights: Path) -> dict[str, str]:
    """What an ONNX file tells of its network, by keys that begin with `fewlabel.`; no subject, no place on a disk."""
    facts = {
        "prepared": json.dumps(trained.preparation.model_dump(mode="json"), sort_keys=True),
        "settings": json.dumps(trained.settings.model_dump(mode="json"), sort_keys=True),
        "weights_sha256": sha256(weights),
        "versions": json.dumps({name: version(name) for name in ("fewlabel", "torch", "onnx", "onnxruntime")}),
    }
    if found := study_folder(weights):
        study, run = found
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
            raise InputError(f"-o {to}: there is no folder {to.absolute().parent}; make it first")
        demand_writable([to])
        return
    if not to.is_dir():
        raise InputError(f"-o {to}: is a file; accepted: a folder, new or of an earlier export")
    there = {path.name for path in to.iterdir()}
    if strange := sorted(there - {*PLACES.values(), CARD}):
        raise InputError(
            f"-o {to}: holds {strange[0]}, which is of no export; nothing of it is touched; name another folder"
        )
    if there and not replace:
        raise InputError(f"-o {to}: holds an export; give --replace to put this one in its place, or another -o")
    demand_writable([to])
