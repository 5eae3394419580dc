"""Steps of finetuning against MONAI's documented pipeline: slices a second, and milliseconds of a step."""

import statistics
from collections.abc import Sequence

from benchmarks.pipelines import fewlabel_training
from benchmarks.pipelines.steps import BATCH, WIDTHS, Timed
from benchmarks.shared import Row, Section, apart, in_turns, lacking, medians, significant

TITLE = "Finetuning steps, against MONAI"
SIDES, MIDDLE = (64, 96, 192), 96
PACKAGES = ("monai", "numpy")


def missing() -> str | None:
    return lacking("monai")


def run(library: str, given: Timed) -> dict[str, float]:
    """Seconds of a step in a process of its own."""
    if library == "FewLabel":
        return apart(fewlabel_training.timed, given)
    from benchmarks.pipelines import monai_training

    return apart(monai_training.timed, given)


def designs(stage: str, sides: Sequence[int], seconds: float) -> list[tuple[str, Timed]]:
    """Both libraries with one thread; MONAI loads in the same process."""
    return [
        (library, Timed(stage, side, precision, seconds=seconds))
        for side in sides
        for library, precision in (("FewLabel", "auto"), ("FewLabel", "f32"), ("MONAI", "f32"), ("MONAI", "bf16"))
    ]


def rows(found: Sequence[tuple[str, Timed, Sequence[dict[str, float]]]]) -> list[Row]:
    """A row for each design: medians over rounds, and the ratio to FewLabel's of the same stage, side and threads."""
    ours = {
        (each.stage, each.side, each.threads): [one["cpu"] for one in times]
        for library, each, times in found
        if library == "FewLabel" and each.precision == "auto" and each.kernels
    }
    made = []
    for library, each, times in found:
        middle, base = medians(times), ours.get((each.stage, each.side, each.threads))
        ratio = statistics.median(one["cpu"] / own for one, own in zip(times, base, strict=True)) if base else None
        made.append(
            {
                "stage": each.stage,
                "side": each.side,
                "threads": each.threads,
                "library": library + ("" if each.kernels else ", kernels off"),
                "type": each.precision,
                "workers": each.workers,
                "ms a step (CPU)": significant(1000 * middle["cpu"]),
                "slices a CPU second": significant(BATCH / middle["cpu"]),
                "ms a step (wall)": significant(1000 * middle["wall"]),
                "slices a second": significant(BATCH / middle["wall"]),
                "CPU seconds, times FewLabel's": significant(ratio) if ratio else "",
            }
        )
    return made


def compare(designs: Sequence[tuple[str, Timed]], rounds: int) -> list[Row]:
    """Run all designs in turns."""
    cases = {
        f"{library} {each.stage}, {each.side}, {each.precision}, {each.threads} threads, {each.workers} workers"
        + ("" if each.kernels else ", kernels off"): (lambda library=library, each=each: run(library, each))
        for library, each in designs
    }
    times = in_turns(cases, rounds)
    return rows([(*design, found) for design, found in zip(designs, times.values(), strict=True)])


def ratios(found: Sequence[Row]) -> list[Row]:
    """How many times FewLabel's CPU time the others of one thread and no workers take, by stage and side."""
    ratio = "CPU seconds, times FewLabel's"
    alone = [row for row in found if (row["threads"], row["workers"]) == (1, 0)]
    made: dict[tuple[str, int], Row] = {}
    for row in alone:
        key = (row["stage"], row["side"])
        into = made.setdefault(key, {"stage": key[0], "side": key[1]})
        if row["library"] == "FewLabel" and row["type"] == "auto":
            into["FewLabel, slices a CPU second"] = row["slices a CPU second"]
        elif not row["library"].endswith("off"):
            into[f"{row['library']} {row['type']}, times"] = row[ratio]
    return list(made.values())


def chosen() -> str:
    """The type that `auto` chooses on this machine."""
    import torch

    from fewlabel.training.devices.device import choose_precision

    return choose_precision("auto", torch.device("cpu"))


def measure(quick: bool) -> Section:
    seconds, rounds = (0.0, 1) if quick else (2.0, 3)
    sides, middle = ((32,), 32) if quick else (SIDES, MIDDLE)
    plan = designs("finetune", sides, seconds)
    for threads, workers in () if quick else ((1, 2), (2, 0), (2, 2)):
        given = {"threads": threads, "workers": workers, "seconds": seconds}
        plan += [("MONAI", Timed("finetune", middle, precision, **given)) for precision in ("f32", "bf16")]
    if not quick:
        plan.append(("FewLabel", Timed("finetune", middle, "auto", threads=2, seconds=seconds)))
        off = {"kernels": False, "seconds": seconds}
        plan += [("FewLabel", Timed("finetune", side, "auto", **off)) for side in (96, 192)]
    text = (
        f"A step is augmentation, forward, backward and optimiser for {BATCH} slices. Both networks have the widths "
        f"{'-'.join(map(str, WIDTHS))}: MONAI's BasicUNet takes six features, the five widths and, for the last "
        "upsampling, the first again; norm, activation and upsampling are its defaults (instance norm, leaky ReLU, "
        "transposed convolution). MONAI's side is CacheDataset, dictionary transforms that do what the augmentation "
        "`extensive` does, DataLoader (workers 0: in the training process), DiceLoss, AdamW, in f32 or under bf16 "
        f"autocast. FewLabel's `auto` is {chosen()} on this machine. Each time is of a process of its own, in turns, "
        f"after two steps; medians of {rounds} rounds of at least {seconds:g} s. CPU seconds include those of workers; "
        "the ratio is of CPU seconds, round by round, to FewLabel `auto` with as many threads. Wall times mean "
        "something only on an idle machine, and two workers beside the training want three cores. `kernels off` is "
        "FewLabel with PyTorch's operations instead of its compiled ones (`FEWLABEL_KERNELS=off`)."
    )
    found = compare(plan, rounds)
    return Section(text, {"CPU time of a step against FewLabel's": ratios(found), "All": found}, PACKAGES)
