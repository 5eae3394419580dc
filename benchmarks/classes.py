"""Finetuning steps with one and several classes, channels and neighbouring slices."""

import contextlib
import io
import time

from benchmarks.shared import Section, apart, in_turns, medians, significant

TITLE = "Classes and channels"
CASES = {
    "1 class": (1, 1),
    "3 classes": (3, 1),
    "4 classes": (4, 1),
    "14 classes": (14, 1),
    "2 channels": (1, 2),
    "3 neighbouring slices": (1, 3),
}
"""Number of classes, and of channels of the input."""


def step_ms(classes: int, channels: int, side: int, count: int) -> dict[str, float]:
    """CPU milliseconds of a finetuning step with one thread, by precision; call it in a process of its own."""
    import torch

    from benchmarks.pipelines.steps import BATCH, WARM_UP, WIDTHS
    from fewlabel.config.augmentation import AUGMENTATIONS
    from fewlabel.config.training import Training
    from fewlabel.training.augmentation import augment
    from fewlabel.training.devices.device import choose_precision, use_threads
    from fewlabel.training.loop import train
    from fewlabel.training.network import UNet, seeded
    from fewlabel.training.segmentation import Segmentation

    use_threads(1)
    cpu, generator = torch.device("cpu"), torch.Generator().manual_seed(0)
    images = torch.rand((BATCH, channels, side, side), generator=generator)
    # Class numbers in bands, so that each class has pixels.
    masks = (torch.arange(side) * (classes + 1) // side).float().expand(BATCH, 1, side, side).contiguous()
    network = seeded(lambda: UNet(WIDTHS, channels, 1 if classes == 1 else classes + 1), 0, "network")

    def sample(step: int) -> tuple[torch.Tensor, ...]:
        chance = torch.Generator().manual_seed(step)
        made = augment(images, masks, AUGMENTATIONS["extensive"], ["columns"], chance, classes)
        assert made[1] is not None
        return made[0], made[1]

    found = {}
    for precision in ("auto", "f32"):
        for steps in (WARM_UP, count):
            budget, start = Training(steps=steps, batch=BATCH, augmentation="extensive"), time.process_time()
            with contextlib.redirect_stderr(io.StringIO()):
                train(Segmentation(network), sample, budget, cpu, choose_precision(precision, cpu), "classes")
            found[precision] = 1000 * (time.process_time() - start) / steps
    return found


def measure(quick: bool) -> Section:
    rounds, count = (1, 1) if quick else (3, 10)
    rows = []
    for side in (96,) if quick else (96, 192):
        cases = {name: lambda case=case, side=side: apart(step_ms, *case, side, count) for name, case in CASES.items()}
        times = {name: medians(found) for name, found in in_turns(cases, rounds).items()}
        for name, found in times.items():
            ratio = significant(found["auto"] / times["1 class"]["auto"])
            row = {"side": side, "network": name, **{key: significant(value) for key, value in found.items()}}
            rows.append({**row, "times 1 class (auto)": ratio})
    text = (
        "CPU milliseconds of a finetuning step (8 slices, widths 16-32-64-128-128, extensive augmentation, Dice loss), "
        "one thread, each of a process of its own, in turns; medians. Several classes are a softmax, and their label "
        "maps are moved class by class."
    )
    return Section(text, {"CPU milliseconds a step": rows})
