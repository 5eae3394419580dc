"""Training steps with feature maps channels last and contiguous: the reason why the probe does not choose a layout."""

import os
import statistics
import time
from unittest import mock

from benchmarks.shared import Section, apart, in_turns, significant

TITLE = "Layout and precision on a CPU"
NETWORKS = (([16, 32, 64], 96, 4), ([16, 32, 64, 128, 128], 96, 8), ([16, 32, 64, 128, 128], 192, 4))
"""Widths, side of the matrix, slices of a step."""
CASES = {
    "channels last, kernels": (True, True),
    "channels last": (True, False),
    "contiguous": (False, False),
}
"""Whether channels last, whether compiled kernels."""


def steps(
    widths: list[int], side: int, batch: int, last: bool, with_kernels: bool, count: int
) -> dict[str, list[float]]:
    """CPU milliseconds of forward and backward passes with one thread, by precision, without the first two."""
    import torch

    from fewlabel.training import network
    from fewlabel.training.devices.device import Precision, autocast, use_threads
    from fewlabel.training.kernels.library import library
    from fewlabel.training.segmentation import dice_loss

    use_threads(1)
    cpu, unet = torch.device("cpu"), network.seeded(lambda: network.UNet(widths), 0, "network")
    images = torch.rand(batch, 1, side, side)
    masks = (images > 0.5).float()
    found: dict[str, list[float]] = {"f32": [], "bf16": []}
    precisions: list[Precision] = ["f32", "bf16"]
    convert = network._channels_last if last else lambda features: features
    switch = {"FEWLABEL_KERNELS": "" if with_kernels else "off"}
    library.cache_clear()
    with mock.patch.dict(os.environ, switch), mock.patch.object(network, "_channels_last", convert):
        for _ in range(count + 2):
            for precision in precisions:
                start = time.process_time()
                with autocast(precision, cpu):
                    logits = unet(images)
                dice_loss(logits, masks).backward()  # type: ignore[no-untyped-call]
                unet.zero_grad()
                found[precision].append(1000 * (time.process_time() - start))
    library.cache_clear()
    return {precision: times[2:] for precision, times in found.items()}


def measure(quick: bool) -> Section:
    rounds, count = (1, 1) if quick else (3, 7)
    rows = []
    for widths, side, batch in NETWORKS[:1] if quick else NETWORKS:
        cases = {
            name: lambda case=case, network=(widths, side, batch): apart(steps, *network, *case, count)
            for name, case in CASES.items()
        }
        for name, found in in_turns(cases, rounds).items():
            medians = {
                precision: significant(statistics.median(time for turn in found for time in turn[precision]))
                for precision in ("f32", "bf16")
            }
            network = f"{'-'.join(map(str, widths))}, {batch} x {side} x {side}"
            rows.append({"network and batch": network, "layout": name, **medians})
    text = (
        "CPU milliseconds of a forward and backward pass with Dice loss, one thread; medians. Layouts without the "
        "compiled kernels, which need channels last, show what the layout alone does."
    )
    return Section(text, {"CPU milliseconds a step": rows})
