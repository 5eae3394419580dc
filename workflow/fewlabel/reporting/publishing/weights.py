"""Weights files to publish with a study, unchanged or with codes for subjects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.reporting.publishing.privacy import Codes, refuse_places
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size

LARGEST_MB = 10.0
"""Default limit of the total size of published weights, since they are committed to git."""


@dataclass(frozen=True)
class WeightsFile:
    """A weights file to publish."""

    run: Run
    content: bytes  # bytes of the published file


def read_weights_files(
    folder: Path, runs: Sequence[Run], codes: Mapping[str, Codes] | None, largest_mb: float = LARGEST_MB
) -> list[WeightsFile]:
    """Read the weights of these finetunings.

    Args:
        codes: code of each subject, by cohort; None: files are unchanged.
        largest_mb: largest total size, in 10^6 bytes.

    Raises:
        InputError: files are missing, no weights, too large in total, or contain a path.
    """
    paths = {run: folder / LAYOUT.weights(run) for run in dict.fromkeys(runs)}
    if missing := [str(path) for path in paths.values() if not path.is_file()]:
        heading = "weights are missing; to fix: run `snakemake` with the experiment to its end:"
        raise InputError.of(missing, heading=heading)
    total = sum(path.stat().st_size for path in paths.values())
    if total > largest_mb * 1e6:
        sizes = [f"{run}: {size(path.stat().st_size)}" for run, path in paths.items()]
        heading = (
            f"weights of {size(total)} in total; accepted: {largest_mb:g} MB; to fix: fewer, or raise --largest-mb:"
        )
        raise InputError.of(sizes, heading=heading)
    return [WeightsFile(run, _content(path, codes[run.cohort] if codes else None)) for run, path in paths.items()]


def _content(path: Path, codes: Codes | None) -> bytes:
    """The content of a file after a check of its facts, with ids replaced by codes if there are any."""
    # A slow import (PyTorch), needed only to publish weights.
    from fewlabel.training.weights import read_weights, save_weights

    tensors, facts = read_weights(path)
    refuse_places(str(path), facts)
    if codes is None:
        return path.read_bytes()
    coded = {**facts, **({"subjects": [codes[name] for name in facts["subjects"]]} if "subjects" in facts else {})}
    with TemporaryDirectory() as temporary:
        save_weights(Path(temporary) / path.name, tensors, coded)
        return (Path(temporary) / path.name).read_bytes()
