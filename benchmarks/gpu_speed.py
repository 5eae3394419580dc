"""Trainings on a GPU: slices a second, against MONAI, several at once, and hours of the paper's grid."""

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.pipelines.steps import BATCH, WIDTHS, Laps, arrays
from benchmarks.shared import ROOT, Row, Section, apart, lacking, significant
from fewlabel.cli.common import read_files
from fewlabel.config.augmentation import AUGMENTATIONS
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.grid import label_counts
from fewlabel.operations.planning.calibration.designs import Planned
from fewlabel.operations.planning.step_work import StepWork
from fewlabel.operations.planning.training_steps import finetuning_steps, planned_of, pretraining_steps

TITLE = "Trainings on a GPU"
TASKS, METHODS = ("prostate", "liver"), ("scratch", "regression", "contrastive")
"""The paper's grid."""
AT_ONCE = (1, 2, 4, 8)
WORKERS = 4
TINY = {"matrix": (32, 32), "widths": [4, 8, 12, 16]}


def missing() -> str | None:
    import torch

    if not torch.cuda.is_available():
        return "No GPU that torch can use; to fix: run it on a machine with an NVIDIA GPU and a CUDA build of torch."
    return lacking("monai")


def finetuning(matrix: tuple[int, int], widths: Sequence[int], batch: int) -> Planned:
    """A finetuning with extensive augmentation."""
    step = StepWork(stage="finetune", widths=list(widths), matrix=matrix, batch=batch)
    return Planned(step, AUGMENTATIONS["extensive"])


def step_seconds(planned: Planned, device: str, seconds: float, graph: bool) -> tuple[float, str]:
    """Seconds of a step, and what the training says of its graph; call it in a process of its own."""
    import torch

    from fewlabel.operations.planning.calibration.step_times import measure_step
    from fewlabel.training.devices.device import choose_precision, use_threads

    use_threads(1)
    os.environ["FEWLABEL_CUDA_GRAPH"] = "1" if graph else "0"
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("fewlabel").addHandler(handler)
    logging.getLogger("fewlabel").setLevel(logging.INFO)
    where = torch.device(device)
    found = measure_step(planned, where, choose_precision("auto", where), seconds).seconds
    return found, "; ".join(text.removeprefix("step: ") for text in said if text.startswith("step: "))


def several_seconds(cases: Sequence[tuple[Planned, bool]], device: str, seconds: float) -> list[tuple[float, str]]:
    """`step_seconds` of several steps, each with or without a graph, in one process."""
    return [step_seconds(planned, device, seconds, graph) for planned, graph in cases]


def monai_seconds(side: int, device: str, seconds: float, workers: int) -> float:
    """Seconds of a step of MONAI's documented pipeline under bf16 autocast; call it in a process of its own."""
    import torch

    from benchmarks.pipelines import monai_training

    torch.set_num_threads(1)
    images, masks = arrays(side)
    batches = monai_training.loader(images, masks, monai_training.augmentation(side), workers)
    objective = monai_training.Finetuning().to(device)
    optimizer = torch.optim.AdamW(objective.parameters(), lr=1e-3, fused=True)
    laps = Laps(seconds)
    while True:
        for batch in batches:
            moved = {key: batch[key].to(device, non_blocking=True) for key in ("image", "label")}
            with torch.autocast(device, torch.bfloat16):
                loss = objective(moved)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if device == "cuda":
                torch.cuda.synchronize()  # so that the laps end with the GPU's work
            if laps.done():
                return laps.per_step()["wall"]


def settings_rows(cases: dict[str, Planned], device: str, seconds: float) -> list[Row]:
    """Slices a second of each setting, with and without a graph."""
    print(f"  {', '.join(cases)}", flush=True)
    plan = [(name, graph) for name in cases for graph in (False, True)]
    found = apart(several_seconds, [(cases[name], graph) for name, graph in plan], device, seconds)
    return [
        {
            "setting": name,
            "CUDA graph": (said or "asked for") if graph else "no",
            "ms a step": significant(1000 * each),
            "slices a second": significant(cases[name].step.batch / each),
        }
        for (name, graph), (each, said) in zip(plan, found, strict=True)
    ]


def monai_rows(sides: Sequence[int], device: str, seconds: float, workers: int) -> list[Row]:
    """The same widths, batch and augmentation in MONAI."""
    made = []
    for side in sides:
        print(f"  MONAI, {side} x {side}", flush=True)
        theirs = apart(monai_seconds, side, device, seconds, workers)
        planned = finetuning((side, side), WIDTHS, BATCH)
        found = apart(several_seconds, [(planned, graph) for graph in (False, True)], device, seconds)
        for graph, (ours, _) in zip((False, True), found, strict=True):
            made.append(
                {
                    "side": side,
                    "CUDA graph": "asked for" if graph else "no",
                    "FewLabel, slices a second": significant(BATCH / ours),
                    f"MONAI, {workers} workers": significant(BATCH / theirs),
                    "times MONAI": significant(theirs / ours),
                }
            )
    return made


def at_once_rows(planned: Planned, device: str, seconds: float, counts: Sequence[int]) -> list[Row]:
    """Slices a second of several trainings that run at the same time."""
    made = []
    for count in counts:
        print(f"  {count} at once", flush=True)
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            running = [pool.submit(step_seconds, planned, device, seconds, True) for _ in range(count)]
            rates = [planned.step.batch / each.result()[0] for each in running]
        total = significant(sum(rates))
        made.append({"trainings": count, "slices a second, all": total, "slowest": significant(min(rates))})
    return made


def grid_rows(experiment: Experiment, tiny: bool, device: str, seconds: float) -> list[Row]:
    """Hours of the paper's grid, one training after another: measured seconds of a step times its steps and runs."""
    planned = {each.step.model_dump_json(): each for each in planned_of(experiment)}
    parts: dict[str, list[float]] = {}  # by step: stage, runs, steps
    for task in TASKS:
        for method in METHODS:
            runs = len(label_counts(experiment, method)) * experiment.draws
            stages = [(steps, 1) for steps in pretraining_steps(experiment, task, method)]
            for steps, count in [*stages, (finetuning_steps(experiment, task, method), runs)]:
                entry = parts.setdefault(steps.step.model_dump_json(), [0, steps.count])
                entry[0] += count
    print("  the paper's grid", flush=True)
    used = [planned[key] for key in parts]
    if tiny:
        used = [each._replace(step=each.step.model_copy(update=TINY)) for each in used]
    found = apart(several_seconds, [(each, True) for each in used], device, seconds)
    made = []
    for each, (runs, steps), (taken, _) in zip(used, parts.values(), found, strict=True):
        row = {"stage": each.step.stage, "runs": int(runs), "steps": int(steps), "ms a step": significant(1000 * taken)}
        made.append({**row, "hours": significant(runs * steps * taken / 3600)})
    total = significant(sum(row["hours"] for row in made))
    return [
        *made,
        {"stage": "all", "runs": sum(row["runs"] for row in made), "steps": "", "ms a step": "", "hours": total},
    ]


def measure(quick: bool) -> Section:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    seconds, workers = (0.0, 0) if quick else (10.0, WORKERS)
    experiment = read_files([ROOT / "experiments" / "paper.yaml"])
    cases = {
        "192 x 192, widths 16-32-64-128-128-128, batch 20": finetuning((192, 192), experiment.network.widths, 20),
        "nnU-Net's hippocampus in 2D: 56 x 40, widths 32-64-128-256, batch 366": finetuning(
            (56, 40), [32, 64, 128, 256], 366
        ),
    }
    if quick:
        cases = {"tiny": finetuning((32, 32), TINY["widths"], 4)}
    tables = {
        "Settings": settings_rows(cases, device, seconds),
        "Beside MONAI": monai_rows((32,) if quick else (96, 192), device, seconds, workers),
        "Several trainings on one GPU": at_once_rows(
            next(iter(cases.values())), device, 2 * seconds, (1, 2) if quick else AT_ONCE
        ),
        "The paper's grid, extrapolated": grid_rows(experiment, quick, device, seconds),
    }
    text = (
        "Steps of finetuning with extensive augmentation, in the precision that `auto` chooses, each time in a process "
        f"of its own. MONAI: CacheDataset, dictionary transforms, DataLoader with {workers} workers, BasicUNet of the "
        f"widths {'-'.join(map(str, WIDTHS))}, batch {BATCH}, bf16 autocast; FewLabel with the same. "
        "Trainings at once start together; the rates of all are added. The grid is that of `experiments/paper.yaml`: "
        f"{len(TASKS)} tasks, {', '.join(METHODS)}, {len(experiment.labels)} N, {experiment.draws} draws, one training "
        "after another, without evaluation."
    )
    return Section(text, tables, ("monai", "numpy"))
