"""Where the time of a finetuning step goes, by PyTorch's profiler, and the speed of matrix products."""

import contextlib
import io
import re
import time
from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.profiler import record_function
from torch.autograd.profiler_util import FunctionEvent
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.pipelines.steps import BATCH, WARM_UP, WIDTHS, arrays
from fewlabel.config.augmentation import AUGMENTATIONS
from fewlabel.config.training import Training
from fewlabel.training.augmentation import augment
from fewlabel.training.devices.device import autocast, choose_precision, use_threads
from fewlabel.training.loop import train
from fewlabel.training.network import UNet, seeded
from fewlabel.training.segmentation import Segmentation

CPU = torch.device("cpu")
SAMPLE = "sample"
KINDS = {
    "optimiser": r"adam",
    "convolution": r"conv|onednn|mkldnn",
    "normalisation (with ReLU where fused)": r"norm",
    "activation": r"relu|threshold|clamp",
    "copies, layout, type": r"copy|contiguous|clone|_to_|to_dense|to_mkldnn|empty|zero|fill|resize|new_",
    "pooling, up-sampling, concatenation": r"pool|upsample|cat|pad|concat|interpolate|phases",
}
"""Regular expressions of operations' names, in the order in which they are tried."""
REST, BETWEEN = "loss and other operations", "between operations (Python, autograd)"


def kind(event: FunctionEvent) -> str:
    """What an operation belongs to, by its name and by what called it."""
    if SAMPLE in _callers(event):
        return "augmentation and reading"
    # An operation's copies count as copies, also within a convolution: the event itself decides.
    return next((found for found, pattern in KINDS.items() if re.search(pattern, event.name, re.IGNORECASE)), REST)


def _callers(event: FunctionEvent | None) -> Iterator[str]:
    while event is not None:
        yield event.name
        event = event.cpu_parent


def shares(side: int, precision: str, threads: int, steps: int) -> dict[str, float]:
    """Milliseconds of a step by kind; call it in a process of its own.

    Also `floating-point operations` of a step's convolutions, and `wall` and `cpu` milliseconds of a step without the
    profiler.
    """
    use_threads(threads)
    chosen = choose_precision(precision, CPU)
    images, masks = (torch.from_numpy(array[: 4 * BATCH, None]) for array in arrays(side))
    objective = Segmentation(seeded(lambda: UNet(WIDTHS), 0, "network"))

    def sample(step: int) -> tuple[Tensor, ...]:
        with record_function(SAMPLE):
            rows = torch.arange(step, step + BATCH) % len(images)
            generator = torch.Generator().manual_seed(step)
            made = augment(images[rows], masks[rows], AUGMENTATIONS["extensive"], ["columns"], generator)
        assert made[1] is not None
        return made[0], made[1]

    def run(count: int) -> None:
        budget = Training(steps=count, batch=BATCH, augmentation="extensive")
        with contextlib.redirect_stderr(io.StringIO()):
            train(objective, sample, budget, CPU, chosen, "shares")

    run(WARM_UP)
    wall, cpu = time.perf_counter(), time.process_time()
    run(steps)
    plain = {"wall": (time.perf_counter() - wall) / steps, "cpu": (time.process_time() - cpu) / steps}
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        start = time.perf_counter()
        run(steps)
        profiled = (time.perf_counter() - start) / steps
    found: dict[str, float] = defaultdict(float)
    for event in profile.events():
        found[kind(event)] += event.self_cpu_time_total / 1e6 / steps
    found[BETWEEN] = max(0.0, profiled - sum(found.values()))
    with FlopCounterMode(display=False) as flops, autocast(chosen, CPU):
        objective(*sample(0)).backward()
    counted = sum(count for operation, count in flops.get_flop_counts()["Global"].items() if "conv" in str(operation))
    return {
        **{name: 1000 * seconds for name, seconds in found.items()},
        **{name: 1000 * seconds for name, seconds in plain.items()},
        "floating-point operations": float(counted),
    }


def matrix_product(precision: str, threads: int, size: int, seconds: float) -> float:
    """Floating-point operations a second of products of square matrices; call it in a process of its own."""
    use_threads(threads)
    dtype = torch.bfloat16 if choose_precision(precision, CPU) == "bf16" else torch.float32
    one, other = torch.randn(2, size, size).to(dtype)
    one @ other
    start, count = time.perf_counter(), 0
    while count < 3 or time.perf_counter() - start < seconds:
        one @ other
        count += 1
    return 2 * size**3 * count / (time.perf_counter() - start)
