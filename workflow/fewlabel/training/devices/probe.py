"""A probe of the CPU: the precision and the number of threads with which training steps take the least time.

bf16 steps take half as long as f32 steps on some processors and several times as long on others, also on some that
have the instructions: torch 2.13 has an open report of such a slowdown (pytorch/pytorch issue 183815). So a few steps
are timed. Layout is not probed: channels last was never slower than contiguous, in f32 and bf16.
"""

import os
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import Field

from fewlabel.config.base import Number, Settings

if TYPE_CHECKING:
    from torch import Tensor

    from fewlabel.training.network import UNet

Precision = Literal["f32", "bf16"]
Kind = TypeVar("Kind", bound=Hashable)
Seconds = Annotated[float, Field(gt=0, le=1_000_000)]
Threads = Annotated[int, Field(ge=1, le=100_000)]

WIDTHS, SIDE, BATCH, LARGEST_BATCH = (16, 32, 64), 96, 4, 12
"""Network, matrix, and slices of a step for each thread, up to the largest."""
ROUNDS, LEAST_ROUNDS = 6, 2
"""Steps of each kind; the fastest counts, since other load and the first calls only slow steps."""
ENOUGH_SECONDS = 2.0
"""Time after which no further round starts, by the clock of the steps."""
MARGIN = 0.9
"""bf16, or fewer threads than requested, must take at most this share of the time without."""


class ProbeKey(Settings):
    """What a probe depends on; a probe with another key is not used."""

    processor: str
    """Model name; virtual machines may hide the model."""
    processor_digest: str
    """Of its family, model, stepping and instructions."""
    threads: Threads
    """Requested by the job."""
    torch: str
    """Version."""
    code: str
    """Digest of the code of a step."""


class Probe(Settings):
    """Timings of the CPU of one machine; steps are forward and backward passes."""

    key: ProbeKey
    cpu_seconds: dict[Precision, Seconds] = Field(min_length=2)
    """CPU time of a step with one thread, by precision."""
    wall_seconds: dict[Threads, Seconds] = Field(default_factory=dict)
    """Wall time of a step in the chosen precision, by number of threads; empty: not measured."""
    load: Number | None = None
    """Load average of one minute before the probe."""
    measured: datetime

    @property
    def precision(self) -> Precision:
        """The precision of trainings."""
        return faster_precision(self.cpu_seconds)

    @property
    def threads(self) -> int:
        """The number of threads of a training."""
        return fastest_threads(self.wall_seconds, self.key.threads)

    def describe(self) -> str:
        """Choice, timings and date in one line."""
        times = ", ".join(f"{kind} {1000 * self.cpu_seconds[kind]:.3g} ms" for kind in ("f32", "bf16"))
        text = f"{self.precision}; a step takes {times}"
        if self.wall_seconds:
            walls = ", ".join(
                f"{count}: {1000 * self.wall_seconds[count]:.3g} ms" for count in sorted(self.wall_seconds)
            )
            text += f"; {self.threads} of {self.key.threads} threads ({walls})"
        return f"{text}; probed {self.measured.astimezone(UTC).date()}"


def faster_precision(cpu_seconds: Mapping[Precision, float]) -> Precision:
    """bf16 if its step takes at most `MARGIN` of the time of f32; otherwise f32."""
    return "bf16" if cpu_seconds["bf16"] <= MARGIN * cpu_seconds["f32"] else "f32"


def fastest_threads(wall_seconds: Mapping[int, float], threads: int) -> int:
    """The number of threads with the fastest step, if it takes at most `MARGIN` of the time with `threads`."""
    if threads not in wall_seconds:
        return threads
    fastest = min(wall_seconds, key=lambda count: wall_seconds[count])
    return fastest if wall_seconds[fastest] <= MARGIN * wall_seconds[threads] else threads


def thread_counts(threads: int) -> list[int]:
    """The numbers of threads to probe: `threads`, its half, and so on to 1."""
    counts = [threads]
    while counts[-1] > 1:
        counts.append(counts[-1] // 2)
    return counts


def is_quiet(threads: int, load: float, cores: int) -> bool:
    """Whether other load leaves enough cores for wall times with this number of threads to be meaningful."""
    return load + min(threads, cores) <= cores + 0.5


def measure_precisions(key: ProbeKey) -> Probe:
    """Probe precisions with one thread, in about a second; other load hardly changes CPU time."""
    load = os.getloadavg()[0]
    kinds: list[Precision] = ["f32", "bf16"]
    return Probe(
        key=key,
        cpu_seconds=_fastest([(kind, 1, kind) for kind in kinds], BATCH, time.process_time),
        load=round(load, 1),
        measured=datetime.now(UTC).replace(microsecond=0),
    )


def measure_threads(key: ProbeKey, base: Probe) -> Probe:
    """Add wall times by number of threads to a probe of precisions, in about two seconds."""
    load, batch = os.getloadavg()[0], min(BATCH * key.threads, LARGEST_BATCH)
    kinds = [(base.precision, count, count) for count in thread_counts(key.threads)]
    return Probe(
        key=key,
        cpu_seconds=base.cpu_seconds,
        wall_seconds=_fastest(kinds, batch, time.perf_counter),
        load=round(load, 1),
        measured=datetime.now(UTC).replace(microsecond=0),
    )


def _fastest(kinds: Sequence[tuple[Precision, int, Kind]], batch: int, clock: Callable[[], float]) -> dict[Kind, float]:
    """Seconds of the fastest step of each kind; kinds take turns.

    Args:
        kinds: precision, threads and name.
    """
    import torch

    from fewlabel.training.network import UNet, seeded

    before, began = torch.get_num_threads(), clock()
    network = seeded(lambda: UNet(WIDTHS), 0, "probe")
    images = torch.linspace(0, 1, batch * SIDE * SIDE).reshape(batch, 1, SIDE, SIDE)
    seconds: dict[Kind, list[float]] = {name: [] for _, _, name in kinds}
    try:
        for done in range(ROUNDS):
            if done >= LEAST_ROUNDS and clock() - began > ENOUGH_SECONDS:
                break
            for precision, threads, name in kinds:
                torch.set_num_threads(threads)
                start = clock()
                _step(network, images, precision)
                seconds[name].append(clock() - start)
    finally:
        torch.set_num_threads(before)
    return {name: round(min(times), 6) for name, times in seconds.items()}


def _step(network: "UNet", images: "Tensor", precision: Precision) -> None:
    """A forward and backward pass with Dice loss."""
    import torch

    from fewlabel.training.segmentation import dice_loss

    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = network(images)
    dice_loss(logits, (images > 0.5).float()).backward()  # type: ignore[no-untyped-call]
    network.zero_grad(set_to_none=True)
