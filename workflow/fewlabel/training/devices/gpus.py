"""The GPUs of this machine, and which of them a training takes: facts as the driver reports them, and the choice.

Torch is not asked: to tell how much memory is free it would take some on every GPU. Nothing slow comes with this.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fewlabel.utils.errors import InputError

ASK = ("nvidia-smi", "--query-gpu=index,uuid,name,memory.free,memory.total", "--format=csv,noheader,nounits")
MIB = 2**20
NEARLY_ALL = 0.9
"""A run that needs more of a GPU than this takes one of which so much is free: there is no better one to wait for."""

NEXT = (
    "take profiles/default (CPU), or give this machine a driver (`nvidia-smi` lists its GPUs) and a CUDA build of "
    "torch; `fewlabel doctor` looks closer"
)


@dataclass(frozen=True)
class Gpu:
    """A GPU as the driver reports it; memory in bytes, 0 where it is unknown."""

    index: int
    uuid: str
    name: str
    free: int
    total: int

    def __str__(self) -> str:
        return f"GPU {self.index} ({self.name})"


@dataclass(frozen=True)
class Use:
    """What a run said when it took a place on a GPU.

    Attributes:
        need: GPU memory in bytes, from finished runs of its kind; None: unknown, so it shares with nobody.
        others: bytes that programs other than ours held when the first of us came.
        slots: how many runs may share the GPU, as this one was told.
    """

    need: int | None
    others: int
    slots: int


def ask_driver() -> list[Gpu] | None:
    """All GPUs by the driver's own command, in its order; None where there is no such command, or no driver for it."""
    command = shutil.which(ASK[0])
    if command is None:
        return None
    try:
        process = subprocess.run([command, *ASK[1:]], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse(process.stdout) if process.returncode == 0 else None


def parse(table: str) -> list[Gpu]:
    """The driver's table; what it does not know ("[N/A]") is 0."""
    gpus = []
    for line in table.splitlines():
        match [part.strip() for part in line.split(",")]:
            case [index, uuid, name, free, total] if index.isdigit():
                memory = [int(text) * MIB if text.isdigit() else 0 for text in (free, total)]
                gpus.append(Gpu(int(index), uuid, name, *memory))
    return gpus


def visible(gpus: Sequence[Gpu], wanted: str | None) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES leaves, in its order.

    As in CUDA: unset leaves all, empty leaves none, and what is no GPU hides all that stand after it. Numbers are those
    that `nvidia-smi` shows. A part of a GPU (`MIG-…`), of which the driver's table knows nothing, is taken as named.
    """
    if wanted is None:
        return list(gpus)
    found: list[Gpu] = []
    for word in (part.strip() for part in wanted.split(",")):
        if word.startswith("MIG-"):
            match = [Gpu(len(found), word, "a part of a GPU", 0, 0)]
        elif word.isdigit():
            match = [gpu for gpu in gpus if gpu.index == int(word)]
        else:
            match = [gpu for gpu in gpus if word.startswith("GPU-") and gpu.uuid.startswith(word)]
        if len(match) != 1 or match[0] in found:
            break
        found += match
    return found


def admits(gpu: Gpu, uses: Sequence[Use], need: int | None, slots: int) -> bool:
    """Whether a run may take a place on a GPU beside those that have one.

    Args:
        gpu: with its free memory as of now.
        uses: what the runs said that hold a place on it.
        need: bytes that the run will need; None: unknown.
        slots: how many may share a GPU.
    """
    if not uses:
        # Alone with other people's programs: of an unknown need, half of the memory is thought to suffice.
        return gpu.free >= (gpu.total // 2 if need is None else min(need, int(NEARLY_ALL * gpu.total)))
    needs = [use.need for use in uses if use.need is not None]
    if need is None or len(needs) < len(uses) or len(uses) >= min(slots, *(use.slots for use in uses)):
        return False
    # Free memory alone would deceive: a run that has only just begun has not taken yet what it will need.
    return need <= gpu.free and max(use.others for use in uses) + sum(needs) + need <= gpu.total


def choose(gpus: Sequence[Gpu], uses: Mapping[str, Sequence[Use]], need: int | None, slots: int) -> Gpu | None:
    """The GPU to take: one that admits the run, with as few others as possible, then as much free memory as possible.

    Args:
        gpus: those that may be used.
        uses: of each, by `uuid`, what the runs said that hold a place on it.
        need, slots: see `admits`.
    """
    ranked = sorted(gpus, key=lambda gpu: (len(uses[gpu.uuid]), -gpu.free))
    return next((gpu for gpu in ranked if admits(gpu, uses[gpu.uuid], need, slots)), None)


def usable(name: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """The GPUs that a device name leaves: `cuda` (or `auto`) all, `cuda:1` the second.

    Raises:
        InputError: there is no such GPU, or none at all.
    """
    number = name.partition(":")[2] or ("" if gpus else "0")
    if number and not (number.isdigit() and int(number) < len(gpus)):
        accepted = ", ".join(f"cuda:{place}" for place in range(len(gpus))) or "none, there is no GPU"
        raise InputError(f"--device {name}: no such GPU here; accepted: {accepted}; {NEXT}")
    return [gpus[int(number)]] if number else list(gpus)
