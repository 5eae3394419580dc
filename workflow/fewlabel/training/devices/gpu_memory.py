"""How much GPU memory a run will need: what finished runs of its kind took, as their `run.json` tells."""

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
"""What a process takes of a GPU beside its tensors (CUDA's context, kernels, libraries): hundreds of MB."""

LOOKED_AT = 50
"""Finished runs that are read at most: in a study of thousands, reading all of them would take longer than waiting."""


def measured_need(
    run: Path, settings: PretrainSettings | FinetuneSettings, inputs: Mapping[str, Path], gpu: str
) -> int | None:
    """GPU memory in bytes that finished runs of the same kind took, with room for what is not counted; None: unknown.

    Of the same kind are finetunings of one cohort whose settings differ in N, draw and seed alone, on GPUs of the same
    name: batches are as large, and the slices on the GPU are those of the whole cohort, whatever N. Of a pretraining
    there is no second one.

    Args:
        run: where the facts of the run will lie, among those of the others: `finetuned/<method>/n<N>/draw<D>/run.json`.
        settings, inputs: of the run.
        gpu: the name of the GPU.
    """
    if not isinstance(settings, FinetuneSettings):
        return None
    mine = {**_kind(settings.model_dump(mode="json")), "store": sha256(inputs[STORE]), "gpu": gpu}
    for facts in islice(_finished(run), LOOKED_AT):
        try:
            theirs = {
                **_kind(facts["settings"]),
                "store": facts["inputs"][STORE],
                "gpu": facts["hardware"]["gpu"],
            }
            if theirs == mine:
                return int(facts["memory"]["reserved_gpu_bytes"]) + CONTEXT_BYTES
        except (KeyError, TypeError, AttributeError):  # trained on a CPU, or by another version
            continue
    return None


def _kind(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in ("labels", "draw", "seed")}


def _finished(run: Path) -> Iterator[dict[str, Any]]:
    """The facts of other finetunings of the cohort, those of the same method first."""
    if (found := Run.of_file(run)) is None:
        return
    study, own = found
    for pattern in (Run.pattern(own.part, method, "*", "*") for method in (own.method, "*")):
        for name in iglob(LAYOUT.record(pattern), root_dir=study):  # noqa: PTH207 - not what is hidden
            try:
                facts = load_json(study / name)
            except (OSError, ValueError):
                continue
            if isinstance(facts, dict):
                yield facts
