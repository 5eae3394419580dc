"""Places on the GPUs of this machine: a lock for each GPU and slot, which the system frees when its process ends.

All jobs of a user on one machine share the folder of locks. It lies in the temporary folder and is named after the
machine, so that nodes of a cluster never meet, even where that folder is on a shared disk.
"""

import json
import os
import platform
import re
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from fewlabel.training.devices.gpus import Gpu, Use, choose
from fewlabel.utils.errors import InputError
from fewlabel.utils.json_files import load_json
from fewlabel.utils.locks import hold_for_life, lock_files, read_holder

POLL_SECONDS = 2.0
SAY_AGAIN_SECONDS = 600.0
UNKNOWN = Use(need=None, others=0, slots=1)
"""What is thought of a run that said nothing one can read: it shares with nobody."""


@dataclass(frozen=True)
class Slot:
    """A place on a GPU that this process holds until it ends; `number` is from 0, of `slots`."""

    gpu: Gpu
    number: int
    slots: int

    def __str__(self) -> str:
        return f"{self.gpu}, slot {self.number + 1} of {self.slots}"


def lock_folder() -> Path:
    """The folder of this user's locks on this machine.

    Raises:
        InputError: something of another user stands in its place.
    """
    folder = Path(tempfile.gettempdir()) / f"fewlabel-gpus-{os.getuid()}-{platform.node()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise InputError(f"{folder}: belongs to somebody else; remove it, or set TMPDIR to a folder of your own")
    return folder


def take(ask: Callable[[], Sequence[Gpu]], need: int | None, slots: int) -> Slot:
    """Take a place on a GPU for as long as this process lives; wait, and say for whom, while there is none.

    Args:
        ask: gives the GPUs that may be used, with their free memory as of now; not empty.
        need: bytes of GPU memory that the run will need; None: unknown.
        slots: how many runs may share a GPU.
    """
    folder, said = lock_folder(), -SAY_AGAIN_SECONDS
    while True:
        # One process at a time looks and takes, so that none counts on a place or on memory that another takes.
        with FileLock(folder / "choice.lock"):
            gpus = ask()
            held = {gpu.uuid: holders(folder, gpu) for gpu in gpus}
            uses = {uuid: [use for _, use in found.values()] for uuid, found in held.items()}
            gpu = choose(gpus, uses, need, slots)
            if gpu is not None:
                return _take(folder, gpu, uses[gpu.uuid], need, slots)
        if time.monotonic() - said >= SAY_AGAIN_SECONDS:
            said = time.monotonic()
            print(_waiting(gpus, held, need), file=sys.stderr, flush=True)
        time.sleep(POLL_SECONDS)


def holders(folder: Path, gpu: Gpu) -> dict[int, tuple[str, Use]]:
    """Who holds a place on a GPU, and what they said, by slot. Only to be called by one process at a time."""
    found = {}
    for lock in folder.glob(f"{_stem(gpu)}-*.lock"):
        try:
            with FileLock(lock, timeout=0):
                continue
        except Timeout:
            holder = read_holder(lock_files(lock)[1])
            found[int(lock.stem.rpartition("-")[2])] = (holder, _said(lock.with_suffix(".use")))
    return found


def _take(folder: Path, gpu: Gpu, uses: Sequence[Use], need: int | None, slots: int) -> Slot:
    others = max((use.others for use in uses), default=gpu.total - gpu.free)
    for number in range(len(uses) + 1):
        path = folder / f"{_stem(gpu)}-{number}"
        if hold_for_life(path) is None:
            path.with_suffix(".use").write_text(json.dumps(asdict(Use(need, others, slots))), encoding="utf-8")
            return Slot(gpu, number, slots)
    raise AssertionError("as many places are held as were counted, and this process alone may take one")


def _said(file: Path) -> Use:
    with suppress(OSError, ValueError, TypeError):
        return Use(**load_json(file))
    return UNKNOWN


def _stem(gpu: Gpu) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", gpu.uuid)


def _waiting(gpus: Sequence[Gpu], held: dict[str, dict[int, tuple[str, Use]]], need: int | None) -> str:
    wanted = "the memory it needs is not known yet" if need is None else f"it needs {need / 1e9:.1f} GB"
    lines = [f"no GPU is free for this run ({wanted}); waiting:"]
    for gpu in gpus:
        who = ", ".join(holder for holder, _ in held[gpu.uuid].values()) or "no run of yours"
        lines.append(f"  {gpu}: {gpu.free / 1e9:.1f} of {gpu.total / 1e9:.1f} GB free; {who}")
    return "\n".join(lines)
