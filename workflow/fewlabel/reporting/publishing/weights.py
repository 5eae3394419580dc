"""Weights files that are published with a study, each as it was trained, or under codes for its subjects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.reporting.publishing.privacy import refuse_places
from fewlabel.reporting.publishing.pseudonymize import Codes
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size

LARGEST_MB = 10.0
"""All weights of a published study together, unless asked for more: it goes into git."""


@dataclass(frozen=True)
class WeightsFile:
    """One file.

    Attributes:
        run: of which it is.
        content: as it is published.
    """

    run: Run
    content: bytes


def read_weights_files(
    folder: Path, runs: Sequence[Run], codes: Mapping[str, Codes] | None, largest_mb: float = LARGEST_MB
) -> list[WeightsFile]:
    """Read the weights of these runs.

    Args:
        folder: `results/<study>`.
        runs: finetunings of it.
        codes: by cohort, what stands for the id of each subject; None: ids stay, and files too, to the byte.
        largest_mb: of all together, in 10^6 bytes.

    Raises:
        InputError: files are missing, no weights, too large together, or hold a place on a disk.
    """
    paths = {run: folder / LAYOUT.weights(run) for run in dict.fromkeys(runs)}
    if missing := [str(path) for path in paths.values() if not path.is_file()]:
        raise InputError.of(missing, heading="weights are missing; run `snakemake` with the experiment to its end:")
    total = sum(path.stat().st_size for path in paths.values())
    if total > largest_mb * 1e6:
        sizes = [f"{run}: {size(path.stat().st_size)}" for run, path in paths.items()]
        heading = f"weights of {size(total)} together, accepted are {largest_mb:g} MB; fewer, or a larger --largest-mb:"
        raise InputError.of(sizes, heading=heading)
    return [WeightsFile(run, _content(path, codes[run.cohort] if codes else None)) for run, path in paths.items()]


def _content(path: Path, codes: Codes | None) -> bytes:
    """A file, its facts checked, and the ids in them replaced where there are codes."""
    # PyTorch takes seconds to load: whoever publishes no weights does without.
    from fewlabel.training.weights import read_weights, save_weights

    tensors, facts = read_weights(path)
    refuse_places(str(path), facts)
    if codes is None:
        return path.read_bytes()
    coded = {**facts, **({"subjects": [codes[name] for name in facts["subjects"]]} if "subjects" in facts else {})}
    with TemporaryDirectory() as temporary:
        save_weights(Path(temporary) / path.name, tensors, coded)
        return (Path(temporary) / path.name).read_bytes()
