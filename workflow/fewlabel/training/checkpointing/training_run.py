"""Run a training: one process at a time, resumed if it was interrupted, with outputs that appear together.

A complete training leaves hard links to its outputs (`training.finished`, see `finished_links`).
"""

import json
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
from fewlabel.training.checkpointing.checkpoint import Checkpoint
from fewlabel.training.checkpointing.disk_reserve import NAME, Reserve
from fewlabel.training.checkpointing.finished_links import finished_folder, keep_links, restore_links
from fewlabel.training.checkpointing.live_history import live_path
from fewlabel.training.checkpointing.signals import saving_on_signals
from fewlabel.training.checkpointing.state import HistoryRow, history_table
from fewlabel.training.checkpointing.tensorboard import Scalars
from fewlabel.training.devices import processes
from fewlabel.training.devices.device import (
    Precision,
    acquire_device,
    choose_precision,
    probe_device,
    use_deterministic_algorithms,
    use_full_f32,
    use_threads,
)
from fewlabel.training.devices.gpu_memory import measured_gpu_bytes
from fewlabel.training.devices.gpu_slots import Slot
from fewlabel.training.devices.probe import Probe
from fewlabel.training.kernels.library import kernels_in_use
from fewlabel.training.weights import save_weights
from fewlabel.utils import environment
from fewlabel.utils.atomic_files import FULL, atomic_files, partials_of, sha256
from fewlabel.utils.locks import hold_lock
from fewlabel.utils.log import LOG


@dataclass(frozen=True)
class Outputs:
    """Output files of a training; `run` is written last, so if it exists all do."""

    # weights, history, run: of every training
    weights: Path
    history: Path
    run: Path
    pretext: Path | None = None  # of a pretraining, if requested: the trained objective of each stage, with heads

    def paths(self) -> list[Path]:
        """All paths, in the order of writing."""
        return [self.weights, self.history, *([self.pretext] if self.pretext else []), self.run]


@dataclass(frozen=True)
class TrainingRun:
    """A training with its settings, inputs and device."""

    kind: str  # `pretrain` or `finetune`
    settings: PretrainSettings | FinetuneSettings  # all settings that it depends on
    subjects: Sequence[str]  # names of the training subjects
    inputs: Mapping[str, Path]  # input files, by kind (`initial weights`, or their path in the results)
    device: torch.device
    precision: Precision
    threads: int
    # the GPU slot that this process holds; None: no GPU, or one whose driver cannot be queried
    slot: Slot | None = None
    probe: Probe | None = None  # by which precision and threads were chosen; None: by the settings or the hardware

    @classmethod
    def on_this_machine(
        cls,
        kind: str,
        settings: PretrainSettings | FinetuneSettings,
        subjects: Sequence[str],
        inputs: Mapping[str, Path],
        device: str,
        threads: int,
        run: Path,
    ) -> "TrainingRun":
        """Set up a training on this machine; a GPU slot is held until this process ends.

        Sets threads, precision of f32 and determinism of the whole process.

        Args:
            kind, settings, subjects, inputs, threads: see the fields.
            device: its name; see `choose_device`.
            run: path of the run's record, `run.json`.
        """
        processes.refuse_several(f"fewlabel {kind}")
        use_threads(threads)
        use_full_f32()
        if settings.deterministic:
            use_deterministic_algorithms()
        where, slot = acquire_device(device, lambda gpu: measured_gpu_bytes(run, settings, inputs, gpu))
        processes.use_gpu(where)
        precision, probe = processes.from_first(
            lambda: (choose_precision(settings.precision, where), probe_device(settings.precision, where))
        )
        if probe is not None:
            threads = probe.threads
            use_threads(threads)
        return cls(kind, settings, subjects, inputs, where, precision, threads, slot, probe)

    def identity(self) -> dict[str, str]:
        """Values that are equal for equal runs: settings with recipe number, subjects, data, precision, libraries."""
        return {
            "settings": canonical(self.settings),
            "subjects": "\n".join(self.subjects),
            "precision": f"{self.device.type} {self.precision}",
            "kernels": kernels_in_use(self.device) or "none",
            "libraries": " ".join(f"{name} {version(name).split('.')[0]}" for name in ("torch", "numpy")),
            **{name: sha256(path) for name, path in self.inputs.items()},
        }


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training."""

    tensors: Mapping[str, Tensor]  # for the weights file
    history: Mapping[str, Sequence[HistoryRow]]  # of each stage
    facts: Mapping[str, Any]  # further facts for the weights file and `run.json`
    pretext: Mapping[str, Tensor] = field(default_factory=dict)  # of a pretraining, the tensors of its objectives
    # facts for the weights file alone, which is also used outside the results
    weights_facts: Mapping[str, Any] = field(default_factory=dict)


def run(
    training: TrainingRun,
    outputs: Outputs,
    state: Path | None,
    every: float,
    train: Callable[[Checkpoint], TrainingResult],
    tensorboard: bool = False,
) -> None:
    """Train, unless the training is complete; its outputs appear together at the end.

    Args:
        state: the state file, from which an interrupted run resumes; None: no state and no lock.
        every: seconds between two states.
        train: trains, and saves and restores its progress with the checkpoint.
        tensorboard: whether to write TensorBoard logs, to the folder `tensorboard` next to the outputs.

    Raises:
        InputError: TensorBoard is requested, but not installed.
        Interrupted: a signal ended the run, and the state is saved.
        TrainingError: training cannot continue.
    """
    if not processes.is_first():
        _assist(Checkpoint(None, every, {}), train, state is not None)
        return
    scalars = Scalars.of_run(outputs.run, tensorboard)
    identity = training.identity()
    checkpoint = Checkpoint(state, every, identity, scalars=scalars, reserve=Reserve(outputs.weights.parent))
    if state is None:
        with closing(scalars):
            _train(training, outputs, checkpoint, train)
        return
    state.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(state):
        if processes.from_first(lambda: restore_links(finished_folder(state), identity, outputs.paths())):
            LOG.info(f"{outputs.weights.name}: already complete, not trained again")
        else:
            with saving_on_signals(checkpoint), closing(scalars):
                _train(training, outputs, checkpoint, train)
                keep_links(finished_folder(state), identity, outputs.paths())
        for stale in (state, state.with_suffix(".refused"), live_path(state), *_stale_partials(outputs, state)):
            stale.unlink(missing_ok=True)


def _assist(checkpoint: Checkpoint, train: Callable[[Checkpoint], TrainingResult], resumes: bool) -> None:
    """Train as a further process of a training; the first one has its lock, state and outputs.

    Args:
        resumes: whether the training has a state file.
    """
    if not resumes:
        train(checkpoint)
    elif not processes.from_first(lambda: False):
        with saving_on_signals(checkpoint):
            train(checkpoint)


def _stale_partials(outputs: Outputs, state: Path) -> Iterator[Path]:
    """Partial files of killed processes of this training; its lock is held."""
    for path in (*outputs.paths(), outputs.weights.with_name(NAME), state, live_path(state)):
        yield from partials_of(path)


def _train(
    training: TrainingRun, outputs: Outputs, checkpoint: Checkpoint, train: Callable[[Checkpoint], TrainingResult]
) -> None:
    """Train and write the outputs; on a full disk, use the space reserved for them.

    Raises:
        OSError: the outputs cannot be written; the state of the finished training is kept if it fits on the disk.
    """
    reserve = checkpoint.reserve
    assert reserve is not None
    try:
        trained = train(checkpoint)
        try:
            _write(training, outputs, trained, checkpoint)
        except OSError as error:
            if error.errno not in FULL:
                raise
            reserve.release()
            _write(training, outputs, trained, checkpoint)
    except OSError:
        reserve.release()
        if checkpoint.ended is not None and checkpoint.write(checkpoint.ended):
            LOG.info(
                "the state of the finished training is kept; to fix: run the same command again to write its outputs"
            )
        raise
    finally:
        reserve.release()


def _write(training: TrainingRun, outputs: Outputs, trained: TrainingResult, checkpoint: Checkpoint) -> None:
    settings = training.settings.model_dump(mode="json")
    facts = {"subjects": list(training.subjects), "settings": settings, **trained.facts}
    described = {**facts, "widths": training.settings.network.widths, **trained.weights_facts}
    with atomic_files(outputs.paths()) as (weights, history, *pretext, run_facts):
        save_weights(weights, trained.tensors, described)
        for path in pretext:
            save_weights(path, trained.pretext, described)
        history.write_text(history_table(trained.history).to_csv(index=False), encoding="utf-8", newline="\n")
        partials = (weights, history, *pretext)
        hashes = {path.name: sha256(part) for path, part in zip(outputs.paths(), partials, strict=False)}
        content = {**facts, **run_record(training, trained.history, checkpoint), "outputs": hashes}
        run_facts.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


def _gpu_facts(slot: Slot | None) -> dict[str, int]:
    """The GPU and its slot; a shared GPU is slower."""
    return {} if slot is None else {"gpu_index": slot.gpu.index, "gpu_slot": slot.number, "gpu_slots": slot.slots}


def run_record(
    training: TrainingRun, history: Mapping[str, Sequence[HistoryRow]], checkpoint: Checkpoint
) -> dict[str, Any]:
    """The record of a run: settings, device, software, memory, inputs, time; see docs/how-to/resume.md."""
    now = time.time()
    return {
        "kind": training.kind,
        "settings_sha256": digest(canonical(training.settings).encode()).hexdigest(),
        "recipe": training.settings.recipe,
        "seed": training.settings.seed,
        "device": training.device.type,
        "precision": training.precision,
        "kernels": kernels_in_use(training.device),
        "threads": training.threads,
        **({"probe": training.probe.model_dump(mode="json")} if training.probe else {}),
        "processes": processes.count(),
        "deterministic": training.settings.deterministic,
        "steps": {stage: rows[-1].step for stage, rows in history.items() if rows},
        "software": environment.software(),
        "hardware": {**environment.hardware(training.device), **_gpu_facts(training.slot)},
        "memory": environment.memory(training.device, checkpoint.peak()),
        "inputs": {name: sha256(path) for name, path in training.inputs.items()},
        "time": {
            "started": environment.iso_time(checkpoint.began),
            "ended": environment.iso_time(now),
            "seconds": round(checkpoint.seconds(), 2),
            "wall_seconds": round(max(now - checkpoint.began, checkpoint.seconds()), 2),
            "resumed": checkpoint.resumed,
        },
    }
