"""The share of each kind of operation in a finetuning step, and convolutions against a large matrix product."""

import functools

from benchmarks.pipelines import operations
from benchmarks.pipelines.steps import BATCH
from benchmarks.shared import Row, Section, apart, in_turns, medians, significant

TITLE = "Shares of a finetuning step"
DESIGNS = ((96, "auto", 1), (96, "f32", 1), (192, "auto", 1), (192, "f32", 1), (96, "auto", 2))
PLAIN = ("wall", "cpu", "floating-point operations")


def share_row(design: tuple[int, str, int], found: dict[str, float]) -> Row:
    """Shares in per cent of a profiled step, and milliseconds without the profiler."""
    side, precision, threads = design
    parts = {name: value for name, value in found.items() if name not in PLAIN}
    total = sum(parts.values())
    row: Row = {"side": side, "type": precision, "threads": threads}
    row |= {"ms a step": significant(found["wall"]), "ms (CPU)": significant(found["cpu"])}
    order = sorted(parts, key=lambda name: -parts[name])
    return row | {f"{name} (%)": round(100 * parts[name] / total, 1) for name in order}


def speed_row(design: tuple[int, str, int], found: dict[str, float], product: float) -> Row:
    """Speed of the convolutions and of the matrix product."""
    side, precision, threads = design
    speed = found["floating-point operations"] / (found["convolution"] / 1000)
    return {
        "side": side,
        "type": precision,
        "threads": threads,
        "convolutions (GFLOP/s)": significant(speed / 1e9),
        "matrix product (GFLOP/s)": significant(product / 1e9),
        "of the matrix product (%)": round(100 * speed / product),
    }


def measure(quick: bool) -> Section:
    rounds, steps, size, seconds = (1, 1, 256, 0.0) if quick else (3, 10, 2048, 1.0)
    designs = ((32, "auto", 1),) if quick else DESIGNS
    cases = {
        f"{side}, {precision}, {threads} threads": functools.partial(
            apart, operations.shares, side, precision, threads, steps
        )
        for side, precision, threads in designs
    }
    found = [medians(each) for each in in_turns(cases, rounds).values()]
    kinds = sorted({design[1:] for design in designs})
    products = in_turns(
        {kind: functools.partial(apart, operations.matrix_product, *kind, size, seconds) for kind in kinds}, rounds
    )
    speeds = [
        speed_row(design, each, sorted(products[design[1:]])[rounds // 2])
        for design, each in zip(designs, found, strict=True)
    ]
    text = (
        f"Self times of PyTorch's profiler over {steps} steps of finetuning ({BATCH} slices, extensive augmentation) "
        f"in a process of its own; medians of {rounds} rounds. A copy within a convolution counts as a copy. "
        "`ms a step` is of as many steps without the profiler. Floating-point operations of convolutions, forward and "
        f"backward, are PyTorch's count; the matrix product is of {size} x {size} values of the same type with as many "
        "threads. The profiler measures wall time: shares are right on an idle machine only."
    )
    rows = [share_row(design, each) for design, each in zip(designs, found, strict=True)]
    return Section(text, {"Shares": rows, "Speed of convolutions": speeds})
