"""Several draws of one N in one process: one network with grouped convolutions against as many single steps."""

import functools

from benchmarks.pipelines import ensembles
from benchmarks.pipelines.ensembles import COUNTS
from benchmarks.pipelines.steps import BATCH, WIDTHS
from benchmarks.shared import Row, Section, apart, in_turns, medians, significant

TITLE = "Several networks in one process"
WAYS = ("one after the other", "grouped convolutions", "vmap")
DEMO = [8, 16, 32, 64]
DESIGNS = ((DEMO, 64, "auto"), (DEMO, 64, "f32"), (WIDTHS, 96, "auto"))


def rows(design: tuple[list[int], int, str], found: dict[str, dict[str, float]], counts: tuple[int, ...]) -> list[Row]:
    """Milliseconds of CPU time that a network's step takes, by the number of networks."""
    widths, side, precision = design
    base = found[WAYS[0]]
    return [
        {
            "widths": "-".join(map(str, widths)),
            "side": side,
            "type": precision,
            "networks": way,
            **{f"{count} (ms)": significant(1000 * each[str(count)]) for count in counts},
            f"{counts[-1]}, times one after the other": significant(each[str(counts[-1])] / base[str(counts[-1])]),
        }
        for way, each in found.items()
    ]


def measure(quick: bool) -> Section:
    rounds, seconds, counts = (1, 0.0, (1, 2)) if quick else (3, 0.5, COUNTS)
    designs = ((DEMO, 32, "f32"),) if quick else DESIGNS
    table: list[Row] = []
    for design in designs:
        cases = {way: functools.partial(apart, ensembles.timed, way, *design, seconds, counts) for way in WAYS}
        table += rows(design, {way: medians(found) for way, found in in_turns(cases, rounds).items()}, counts)
    text = (
        f"Milliseconds of CPU time of a step of one network ({BATCH} slices; forward, backward, optimiser; no "
        "augmentation) when so many networks are trained in one process with one thread, as draws of one N would be. "
        "`one after the other` is FewLabel's network. `grouped convolutions` is one network whose channels are those "
        "of all networks side by side, with the compiled GroupNorm and ReLU. `vmap` is torch.func.vmap over stacked "
        "parameters, which knows neither compiled kernels nor channels last. Losses are equal but for rounding. Each "
        f"time is of a process of its own, in turns; medians of {rounds} rounds."
    )
    return Section(text, {"A step of one network, by the number of networks": table})
