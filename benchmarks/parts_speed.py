"""Augmentation alone against batchgeneratorsv2 and MONAI, and the contrastive loss alone against lightly and MONAI."""

import functools
import statistics

from benchmarks.pipelines import augmentations, losses
from benchmarks.pipelines.steps import BATCH
from benchmarks.shared import Row, Section, apart, in_turns, lacking, medians, significant

TITLE = "Augmentation and contrastive loss alone"
LOSSES = ("FewLabel nt_xent", "lightly NTXentLoss", "MONAI ContrastiveLoss")


def missing() -> str | None:
    return lacking("monai", "batchgeneratorsv2", "lightly")


def augmenting(sides: tuple[int, ...], rounds: int, seconds: float) -> list[Row]:
    """Rows of a batch's augmentation by side and library."""
    rows = []
    for side in sides:
        cases = {
            library: functools.partial(apart, augmentations.timed, library, side, seconds)
            for library in augmentations.BY_LIBRARY
        }
        times = in_turns(cases, rounds)
        for library, found in times.items():
            ratio = statistics.median(
                one["cpu"] / own["cpu"] for one, own in zip(found, times["FewLabel"], strict=True)
            )
            middle = medians(found)["cpu"]
            rows.append(
                {
                    "side": side,
                    "library": library,
                    f"ms for {BATCH} slices (CPU)": significant(1000 * middle),
                    "times FewLabel's": significant(ratio),
                }
            )
    return rows


def contrasting(batches: tuple[int, ...], rounds: int, seconds: float) -> list[Row]:
    """Rows of loss and gradient by batch and library."""
    rows = []
    for batch in batches:
        cases = {name: functools.partial(apart, losses.timed, name, batch, 128, seconds) for name in LOSSES}
        times = in_turns(cases, rounds)
        for name, found in times.items():
            middle = medians(found)
            ratio = statistics.median(one["cpu"] / own["cpu"] for one, own in zip(found, times[LOSSES[0]], strict=True))
            rows.append(
                {
                    "slices": batch,
                    "loss": name,
                    "ms (CPU)": significant(1000 * middle["cpu"]),
                    "times FewLabel's": significant(ratio),
                    "value": round(middle["loss"], 5),
                }
            )
    return rows


def measure(quick: bool) -> Section:
    rounds, seconds = (1, 0.0) if quick else (3, 1.0)
    sides, batches = ((32,), (4,)) if quick else ((64, 96, 192), (8, 64))
    text = (
        "One thread, each time of a process of its own, in turns. FewLabel augments a batch at once, the others slice "
        "by slice; the transforms are those of `extensive`. batchgeneratorsv2 has no shift, and its brightness "
        "gradient stands in for shading. Losses with their gradients, on two views of 128 random features, temperature "
        "0.1; their values agree. Where torchvision's operators do not load beside the installed PyTorch, lightly's "
        "loss is imported with an empty stand-in for torchvision, of which it uses nothing."
    )
    tables = {
        "Augmentation": augmenting(sides, rounds, seconds),
        "Contrastive loss": contrasting(batches, rounds, seconds),
    }
    return Section(text, tables, ["monai", "batchgeneratorsv2", "lightly"])
