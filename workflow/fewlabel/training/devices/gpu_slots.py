"""Slots on the GPUs of this machine: a lock for each GPU and slot, which the system frees when its process ends.

All jobs of a user on one machine share the folder of locks. It is in the temporary folder and contains the machine's
name, so that nodes of a cluster do not share it, even on a shared disk.
"""

import json
import os
import platform
import re
import stat
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from fewlabel.training.devices.gpus import Gpu, Use, choose_gpus
from fewlabel.utils.errors import InputError
from fewlabel.utils.json_files import load_json
from fewlabel.utils.locks import hold_lock_until_exit, lock_files, read_holder
from fewlabel.utils.log import LOG

POLL_SECONDS = 2.0
MESSAGE_SECONDS = 600.0
UNKNOWN_USE = Use(need=None, others=0, slots=1)
"""Assumed use of a run whose file cannot be read: it does not share its GPU."""


@dataclass(frozen=True)
class Slot:
    """A slot on a GPU that this process holds until it ends."""

    gpu: Gpu
    number: int  # of the slot, from 0
    slots: int  # number of slots of the GPU

    def __str__(self) -> str:
        return f"{self.gpu}, slot {self.number + 1} of {self.slots}"


def lock_folder() -> Path:
    """The folder of this user's locks on this machine. Raises InputError: the path belongs to another user."""
    folder = Path(tempfile.gettempdir()) / f"fewlabel-gpus-{os.getuid()}-{platform.node()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise InputError(f"{folder}: belongs to another user; to fix: remove it, or set TMPDIR to a folder of your own")
    return folder


def acquire_slots(query: Callable[[], Sequence[Gpu]], need: int | None, slots: int, count: int = 1) -> list[Slot]:
    """Take slots on GPUs until this process ends; while too few are free, print the holders and wait.

    All slots are taken at once, so that two runs never wait for each other.

    Args:
        query: returns the GPUs that may be used (at least `count`), with their current free memory.
        need: bytes of GPU memory that the run needs on each; None: unknown.
        slots: number of runs that may share a GPU.
        count: number of GPUs.
    """
    folder, last_message = lock_folder(), -MESSAGE_SECONDS
    while True:
        # One process at a time chooses, so that no two count on the same slot or memory.
        with FileLock(folder / "choice.lock"):
            gpus = query()
            by_gpu = {gpu.uuid: holders(folder, gpu) for gpu in gpus}
            uses = {uuid: [use for _, use in by_slot.values()] for uuid, by_slot in by_gpu.items()}
            if chosen := choose_gpus(gpus, uses, need, slots, count):
                return [_acquire(folder, gpu, uses[gpu.uuid], need, slots) for gpu in chosen]
        if time.monotonic() - last_message >= MESSAGE_SECONDS:
            last_message = time.monotonic()
            LOG.info(_waiting_message(gpus, by_gpu, need))
        time.sleep(POLL_SECONDS)


def holders(folder: Path, gpu: Gpu) -> dict[int, tuple[str, Use]]:
    """Holders of a GPU's slots and their use, by slot; call in one process at a time."""
    holding = {}
    for lock in folder.glob(f"{_stem(gpu)}-*.lock"):
        try:
            with FileLock(lock, timeout=0):
                continue
        except Timeout:
            holder = read_holder(lock_files(lock)[1])
            holding[int(lock.stem.rpartition("-")[2])] = (holder, _read_use(lock.with_suffix(".use")))
    return holding


def _acquire(folder: Path, gpu: Gpu, uses: Sequence[Use], need: int | None, slots: int) -> Slot:
    others = max((use.others for use in uses), default=gpu.total - gpu.free)
    for number in range(len(uses) + 1):
        path = folder / f"{_stem(gpu)}-{number}"
        if hold_lock_until_exit(path) is None:
            path.with_suffix(".use").write_text(json.dumps(asdict(Use(need, others, slots))), encoding="utf-8")
            return Slot(gpu, number, slots)
    raise AssertionError("only this process may take a slot, so one of them is free")


def _read_use(file: Path) -> Use:
    with suppress(OSError, ValueError, TypeError):
        return Use(**load_json(file))
    return UNKNOWN_USE


def _stem(gpu: Gpu) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", gpu.uuid)


def _waiting_message(gpus: Sequence[Gpu], by_gpu: dict[str, dict[int, tuple[str, Use]]], need: int | None) -> str:
    need_text = "the memory it needs is unknown" if need is None else f"it needs {need / 1e9:.1f} GB"
    lines = [f"no GPU is free for this run ({need_text}); waiting:"]
    for gpu in gpus:
        who = ", ".join(holder for holder, _ in by_gpu[gpu.uuid].values()) or "no run of yours"
        lines.append(f"  {gpu}: {gpu.free / 1e9:.1f} of {gpu.total / 1e9:.1f} GB free; {who}")
    return "\n".join(lines)
