"""GPU memory that a run needs, estimated from finished runs of its kind (`run.json`)."""

from collections.abc import Iterator, Mapping
from glob import iglob
from itertools import islice
from pathlib import Path
from typing import Any

from fewlabel.config.jobs.training import FinetuneSettings, PretrainSettings
from fewlabel.config.study_layout import LAYOUT, STORE, Run
from fewlabel.utils.atomic_files import sha256
from fewlabel.utils.json_files import load_json

CONTEXT_BYTES = 10**9
"""GPU memory of a process besides its tensors (CUDA's context, kernels, libraries): hundreds of MB."""

MOST_RUNS = 50
"""Largest number of finished runs to read: reading thousands would take longer than waiting for a GPU."""


def measured_gpu_bytes(
    run: Path, settings: PretrainSettings | FinetuneSettings, inputs: Mapping[str, Path], gpu: str
) -> int | None:
    """GPU memory in bytes that a finished run of the same kind used, plus `CONTEXT_BYTES`; None: unknown.

    Runs of the same kind are finetunings of one cohort whose settings differ only in N, draw and seed, on GPUs of one
    model: their batches are equal, and the GPU holds the slices of the whole cohort for any N. A pretraining has no
    second run of its kind.

    Args:
        run: path of the run's record, `finetuned/<method>/n<N>/draw<D>/run.json`.
        gpu: model name of the GPU.
    """
    if not isinstance(settings, FinetuneSettings):
        return None
    own = {**_kind(settings.model_dump(mode="json")), "store": sha256(inputs[STORE]), "gpu": gpu}
    for facts in islice(_finished(run), MOST_RUNS):
        try:
            stored = {"store": facts["inputs"][STORE], "gpu": facts["hardware"]["gpu"]}
            if {**_kind(facts["settings"]), **stored} == own:
                return int(facts["memory"]["reserved_gpu_bytes"]) + CONTEXT_BYTES
        except (KeyError, TypeError, AttributeError):  # trained on a CPU, or by another version
            continue
    return None


def _kind(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in ("labels", "draw", "seed")}


def _finished(run: Path) -> Iterator[dict[str, Any]]:
    """The facts of other finetunings of the cohort, those of the same method first."""
    if (location := Run.of_file(run)) is None:
        return
    study, own = location
    for pattern in (Run.pattern(own.part, method, "*", "*") for method in (own.method, "*")):
        for name in iglob(LAYOUT.record(pattern), root_dir=study):  # noqa: PTH207 - not what is hidden
            try:
                facts = load_json(study / name)
            except (OSError, ValueError):
                continue
            if isinstance(facts, dict):
                yield facts
