"""A training as a job: one process at a time, interrupted or not, with outputs that appear together.

A job that is complete leaves hard links to its outputs beside them (`training.finished`). A workflow that was killed
does not know of a training that went on without it and ended; it deletes the outputs and asks for them again, and then
they are put back instead of being trained again. The workflow removes the links when it ends (see `leftovers`).
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256 as digest
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.training import FinetuneSettings, PretrainSettings
from fewlabel.training.checkpointing.checkpoint import Checkpoint, listening
from fewlabel.training.checkpointing.disk_reserve import FULL, NAME, Reserve
from fewlabel.training.checkpointing.live_history import live_path
from fewlabel.training.checkpointing.state import HistoryRow, history_table
from fewlabel.training.checkpointing.tensorboard import Scalars
from fewlabel.training.devices.device import Precision, choose_precision, deterministic, take_device, use_threads
from fewlabel.training.devices.gpu_memory import measured_need
from fewlabel.training.devices.gpu_slots import Slot
from fewlabel.training.weights import save_weights
from fewlabel.utils import environment
from fewlabel.utils.atomic_files import partials_of, sha256, whole_folder, whole_together
from fewlabel.utils.json_files import load_json
from fewlabel.utils.locks import held


@dataclass(frozen=True)
class Outputs:
    """The files that a training makes; `run` comes last, so where it is the others are.

    Attributes:
        weights, history, run: of every training.
        pretext: of a pretraining, where it is asked for: each stage's objective as it was trained, heads included.
    """

    weights: Path
    history: Path
    run: Path
    pretext: Path | None = None

    def paths(self) -> list[Path]:
        """In the order in which they appear."""
        return [self.weights, self.history, *([self.pretext] if self.pretext else []), self.run]


@dataclass(frozen=True)
class Job:
    """What identifies a training, and where it takes place.

    Attributes:
        kind: `pretrain` or `finetune`.
        settings: all settings that it depends on.
        subjects: whose slices are seen.
        inputs: files that it reads, by what they are (`initial weights`, or their place in the results).
        device, precision, threads: where and how.
        slot: the place on a GPU that this process holds; None: on no GPU, or on one whose driver cannot be asked.
    """

    kind: str
    settings: PretrainSettings | FinetuneSettings
    subjects: Sequence[str]
    inputs: Mapping[str, Path]
    device: torch.device
    precision: Precision
    threads: int
    slot: Slot | None = None

    @classmethod
    def here(
        cls,
        kind: str,
        settings: PretrainSettings | FinetuneSettings,
        subjects: Sequence[str],
        inputs: Mapping[str, Path],
        device: str,
        threads: int,
        run: Path,
    ) -> "Job":
        """On this machine, with the device of that name, a GPU taken until this process ends.

        Sets up threads and determinism for the whole process. `run`: where the facts of the run will lie.
        """
        use_threads(threads)
        if settings.deterministic:
            deterministic()
        where, slot = take_device(device, lambda gpu: measured_need(run, settings, inputs, gpu))
        precision = choose_precision(settings.precision, where)
        return cls(kind, settings, subjects, inputs, where, precision, threads, slot)

    def identity(self) -> dict[str, str]:
        """What makes two runs the same: settings with their recipe number, subjects, data, precision, libraries."""
        return {
            "settings": canonical(self.settings),
            "subjects": "\n".join(self.subjects),
            "precision": f"{self.device.type} {self.precision}",
            "libraries": " ".join(f"{name} {version(name).split('.')[0]}" for name in ("torch", "numpy")),
            **{name: sha256(path) for name, path in self.inputs.items()},
        }


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    Attributes:
        tensors: for the weights file.
        history: of each stage.
        facts: that only the training knows, for the weights file and `run.json`.
        pretext: of a pretraining, the tensors of its objectives.
        beside: facts for the weights file alone, which goes where the results are not.
    """

    tensors: Mapping[str, Tensor]
    history: Mapping[str, Sequence[HistoryRow]]
    facts: Mapping[str, Any]
    pretext: Mapping[str, Tensor] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)


def run(
    job: Job,
    outputs: Outputs,
    state: Path | None,
    every: float,
    train: Callable[[Checkpoint], Trained],
    tensorboard: bool = False,
) -> None:
    """Do a training unless it is done; its outputs appear together when it is complete.

    Args:
        job: what is trained, and where.
        outputs: the files to make.
        state: keeps an interrupted run; None: nothing is kept, and no other process is waited for.
        every: seconds between two states.
        train: does the work, and saves and restores its progress with the checkpoint.
        tensorboard: whether it also writes TensorBoard logs, to the folder `tensorboard` beside the outputs.

    Raises:
        InputError: TensorBoard is wanted and not installed.
        Interrupted: a signal asked for the end, and the state is saved.
        TrainingError: training cannot go on.
    """
    scalars = Scalars.of_run(outputs.run, tensorboard)
    identity = job.identity()
    checkpoint = Checkpoint(state, every, identity, scalars=scalars, reserve=Reserve(outputs.weights.parent))
    if state is None:
        with closing(scalars):
            _train(job, outputs, checkpoint, train)
        return
    state.parent.mkdir(parents=True, exist_ok=True)
    with held(state):
        if put_back(finished(state), identity, outputs):
            print(f"{outputs.weights.name}: complete already, nothing was trained again", file=sys.stderr)
        else:
            with listening(checkpoint), closing(scalars):
                _train(job, outputs, checkpoint, train)
                keep(finished(state), identity, outputs)
        for leftover in (state, state.with_suffix(".refused"), live_path(state), *_abandoned(outputs, state)):
            leftover.unlink(missing_ok=True)


def _abandoned(outputs: Outputs, state: Path) -> Iterator[Path]:
    """The partial files that killed processes left of a training; its lock is held."""
    for path in (*outputs.paths(), outputs.weights.with_name(NAME), state, live_path(state)):
        yield from partials_of(path)


def finished(state: Path) -> Path:
    """The folder with links to the outputs of a complete run."""
    return state.with_suffix(".finished")


def keep(folder: Path, identity: Mapping[str, str], outputs: Outputs) -> None:
    """Keep links to complete outputs, and what they are of; where that is impossible, go without."""
    try:
        with whole_folder(folder) as partial:
            for path in outputs.paths():
                _link(path, partial / path.name)
            (partial / "identity.json").write_text(_fingerprint(identity), encoding="utf-8")
    except OSError as error:
        print(f"{folder.name}: not kept ({error})", file=sys.stderr)


def put_back(folder: Path, identity: Mapping[str, str], outputs: Outputs) -> bool:
    """Put kept outputs back if they are of this very run and sound; whether they were."""
    try:
        if (folder / "identity.json").read_text(encoding="utf-8") != _fingerprint(identity):
            return False
        expected = load_json(folder / outputs.run.name)["outputs"]
        if any(sha256(folder / name) != value for name, value in expected.items()):
            return False
        with whole_together(outputs.paths()) as partials:
            for path, partial in zip(outputs.paths(), partials, strict=True):
                _link(folder / path.name, partial)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _fingerprint(identity: Mapping[str, str]) -> str:
    return digest(json.dumps(dict(identity), sort_keys=True).encode()).hexdigest()


def _link(path: Path, link: Path) -> None:
    try:
        os.link(path, link)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, link)


def _train(job: Job, outputs: Outputs, checkpoint: Checkpoint, train: Callable[[Checkpoint], Trained]) -> None:
    """Train and write the outputs; on a full disk, use the space reserved for them.

    Raises:
        OSError: the outputs cannot be written; the state of the finished training is kept if it fits on the disk.
    """
    reserve = checkpoint.reserve
    assert reserve is not None
    try:
        trained = train(checkpoint)
        try:
            _write(job, outputs, trained, checkpoint)
        except OSError as error:
            if error.errno not in FULL:
                raise
            reserve.release()
            _write(job, outputs, trained, checkpoint)
    except OSError:
        reserve.release()
        if checkpoint.ended is not None and checkpoint.write(checkpoint.ended):
            print(
                "the state of the finished training is kept; to fix: run the same command again to write its outputs",
                file=sys.stderr,
            )
        raise
    finally:
        reserve.release()


def _write(job: Job, outputs: Outputs, trained: Trained, checkpoint: Checkpoint) -> None:
    settings = job.settings.model_dump(mode="json")
    facts = {"subjects": list(job.subjects), "settings": settings, **trained.facts}
    described = {**facts, "widths": job.settings.network.widths, **trained.beside}
    with whole_together(outputs.paths()) as (weights, history, *pretext, run_facts):
        save_weights(weights, trained.tensors, described)
        for path in pretext:
            save_weights(path, trained.pretext, described)
        history.write_text(history_table(trained.history).to_csv(index=False), encoding="utf-8", newline="\n")
        partials = (weights, history, *pretext)
        made = {path.name: sha256(part) for path, part in zip(outputs.paths(), partials, strict=False)}
        everything = {**facts, **run_of(job, trained.history, checkpoint), "outputs": made}
        run_facts.write_text(json.dumps(everything, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


def _place(slot: Slot | None) -> dict[str, int]:
    """Which GPU it was and who may have shared it: a shared one is slower."""
    return {} if slot is None else {"gpu_index": slot.gpu.index, "gpu_slot": slot.number, "gpu_slots": slot.slots}


def run_of(job: Job, history: Mapping[str, Sequence[HistoryRow]], checkpoint: Checkpoint) -> dict[str, Any]:
    """What ran, on what, with what; see docs/running.md."""
    now = time.time()
    return {
        "kind": job.kind,
        "settings_sha256": digest(canonical(job.settings).encode()).hexdigest(),
        "recipe": job.settings.recipe,
        "seed": job.settings.seed,
        "device": job.device.type,
        "precision": job.precision,
        "threads": job.threads,
        "deterministic": job.settings.deterministic,
        "steps": {stage: rows[-1].step for stage, rows in history.items() if rows},
        "software": environment.software(),
        "hardware": {**environment.hardware(job.device), **_place(job.slot)},
        "memory": environment.memory(job.device, checkpoint.peak()),
        "inputs": {name: sha256(path) for name, path in job.inputs.items()},
        "time": {
            "started": environment.moment(checkpoint.began),
            "ended": environment.moment(now),
            "seconds": round(checkpoint.seconds(), 2),
            "wall_seconds": round(max(now - checkpoint.began, checkpoint.seconds()), 2),
            "resumed": checkpoint.resumed,
        },
    }
