"""The GPUs of this machine, as the driver reports them, and the choice of one for a training.

Torch is not used: its query for free memory allocates some on every GPU. Imports nothing slow.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fewlabel.utils.errors import InputError

QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,memory.free,memory.total", "--format=csv,noheader,nounits")
MIB = 2**20
NEARLY_ALL = 0.9
"""Share of free memory that suffices for any run; more may never be free."""

REMEDY = (
    "to fix: use profiles/default (CPU), or install a driver (`nvidia-smi` lists the GPUs) and a CUDA build of torch; "
    "`fewlabel doctor` shows more"
)


@dataclass(frozen=True)
class Gpu:
    """A GPU as the driver reports it; memory in bytes, 0 if unknown."""

    index: int
    uuid: str
    name: str
    free: int
    total: int

    def __str__(self) -> str:
        return f"GPU {self.index} ({self.name})"


@dataclass(frozen=True)
class Use:
    """Use of a GPU by a run, as stated when it took its slot."""

    need: int | None  # GPU memory in bytes, from finished runs of its kind; None: unknown, so it does not share the GPU
    others: int  # bytes used by other programs when the first run took a slot
    slots: int  # number of runs that may share the GPU, in the settings of this run


def query_driver() -> list[Gpu] | None:
    """All GPUs that `nvidia-smi` lists, in its order; None if the command or its driver is missing."""
    command = shutil.which(QUERY[0])
    if command is None:
        return None
    try:
        process = subprocess.run([command, *QUERY[1:]], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_table(process.stdout) if process.returncode == 0 else None


def parse_table(table: str) -> list[Gpu]:
    """Read the driver's table; unknown values ("[N/A]") become 0."""
    gpus = []
    for line in table.splitlines():
        match [part.strip() for part in line.split(",")]:
            case [index, uuid, name, free, total] if index.isdigit():
                memory = [int(text) * MIB if text.isdigit() else 0 for text in (free, total)]
                gpus.append(Gpu(int(index), uuid, name, *memory))
    return gpus


def visible_gpus(gpus: Sequence[Gpu], setting: str | None) -> list[Gpu]:
    """The GPUs in CUDA_VISIBLE_DEVICES, in its order.

    As in CUDA: if it is unset, all are visible; if empty, none; an invalid entry hides all later ones. Numbers are
    those of `nvidia-smi`. A MIG device (`MIG-…`), which is not in the driver's table, is used as named.
    """
    if setting is None:
        return list(gpus)
    chosen: list[Gpu] = []
    for word in (part.strip() for part in setting.split(",")):
        if word.startswith("MIG-"):
            match = [Gpu(len(chosen), word, "a part of a GPU", 0, 0)]
        elif word.isdigit():
            match = [gpu for gpu in gpus if gpu.index == int(word)]
        else:
            match = [gpu for gpu in gpus if word.startswith("GPU-") and gpu.uuid.startswith(word)]
        if len(match) != 1 or match[0] in chosen:
            break
        chosen += match
    return chosen


def admits(gpu: Gpu, uses: Sequence[Use], need: int | None, slots: int) -> bool:
    """Whether a run that needs `need` bytes (None: unknown) may share a GPU with the runs that hold a slot on it.

    Args:
        gpu: with its current free memory.
        uses: of the runs that hold a slot.
        slots: number of runs that may share a GPU.
    """
    if not uses:
        # Only programs of others use the GPU. For an unknown need, half of the memory is assumed to suffice.
        return gpu.free >= (gpu.total // 2 if need is None else min(need, int(NEARLY_ALL * gpu.total)))
    needs = [use.need for use in uses if use.need is not None]
    if need is None or len(needs) < len(uses) or len(uses) >= min(slots, *(use.slots for use in uses)):
        return False
    # Free memory alone misleads: a run that has just started has not allocated all its memory.
    return need <= gpu.free and max(use.others for use in uses) + sum(needs) + need <= gpu.total


def choose_gpus(
    gpus: Sequence[Gpu], uses: Mapping[str, Sequence[Use]], need: int | None, slots: int, count: int = 1
) -> list[Gpu]:
    """The GPUs for a run: of those that admit it, the ones with the fewest runs, then the most free memory.

    Args:
        uses: of the runs that hold a slot, by `uuid` of the GPU.
        need, slots: see `admits`.
        count: number of GPUs.

    Returns:
        All `count` GPUs, or none: the run waits.
    """
    ranked = sorted(gpus, key=lambda gpu: (len(uses[gpu.uuid]), -gpu.free))
    admitting = [gpu for gpu in ranked if admits(gpu, uses[gpu.uuid], need, slots)]
    return admitting[:count] if len(admitting) >= count else []


def usable_gpus(name: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """The GPUs of a device name: all for `cuda` and `auto`, the second for `cuda:1`. Raises InputError: no such GPU."""
    number = name.partition(":")[2] or ("" if gpus else "0")
    if number and not (number.isdigit() and int(number) < len(gpus)):
        accepted = ", ".join(f"cuda:{index}" for index in range(len(gpus))) or "none, there is no GPU"
        raise InputError(f"--device {name}: no such GPU here; accepted: {accepted}; {REMEDY}")
    return [gpus[int(number)]] if number else list(gpus)
