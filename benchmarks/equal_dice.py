"""Dice on held-out phantoms after equal steps: FewLabel against MONAI's pipeline, over seeds, with an interval."""

import contextlib
import functools
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from benchmarks.pipelines import fewlabel_training
from benchmarks.pipelines.steps import BATCH, WIDTHS
from benchmarks.shared import Section, apart, in_turns, lacking
from fewlabel.config.cohort import Grid
from fewlabel.config.figure_options import Intervals
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.training import Finetuning
from fewlabel.data.phantoms.source import list_subjects, read_volume
from fewlabel.data.store.slice_store import Store, open_store, pack
from fewlabel.inference.metrics import dice
from fewlabel.reporting.statistics.bootstrap import crossed, interval, replicates
from fewlabel.training.devices.device import choose_precision, use_threads
from fewlabel.training.finetune import finetune
from fewlabel.training.learning_rate import learning_rate

TITLE = "Dice after equal steps, against MONAI"
GRID = Grid(matrix=(64, 64), spacing_mm=6)
LABELS, TESTED, POOL = 4, 8, 8
FOREGROUND = {"FewLabel": 0.5, "FewLabel, all slices alike": 0.0}
WAYS = (*FOREGROUND, "MONAI")
Dices = dict[str, float]


def missing() -> str | None:
    return lacking("monai")


def make_store(folder: Path, pixel: float) -> None:
    """Pack abdominal phantoms: the tested ones, and those from which labelled ones are drawn."""
    source = PhantomSource(
        kind="phantom", anatomy="abdomen", labelled=TESTED + POOL, pixel_mm=pixel, slice_mm=4 * pixel
    )
    subjects = list_subjects(source)
    with contextlib.redirect_stderr(io.StringIO()):
        pack(subjects, lambda subject: read_volume(source, subject), GRID, folder / "slices", folder / "native")


def dices(network: nn.Module, store: Store, subjects: list[str]) -> Dices:
    """Dice of each subject on the working grid, by a network in f32."""
    network.eval()
    found = {}
    for subject in subjects:
        rows = store.rows([subject])
        with torch.no_grad():
            logits = network(torch.from_numpy(store.images[rows].astype(np.float32)).unsqueeze(1))
        found[subject] = dice((logits > 0).squeeze(1).numpy().astype(np.uint8), np.asarray(store.masks[rows]))
    return found


def trained(way: str, folder: Path, seed: int, steps: int) -> Dices:
    """Train on the labelled subjects of a seed, and score the tested ones; call it in a process of its own."""
    use_threads(1)
    store = open_store(folder / "slices" / "store.json")
    names = sorted(store.subjects["subject"].astype(str))
    labelled = np.random.default_rng(seed).permutation(names[TESTED:])[:LABELS].tolist()
    network = _monai(store, labelled, seed, steps) if way == "MONAI" else _fewlabel(way, store, labelled, seed, steps)
    return dices(network, store, names[:TESTED])


def budget(steps: int, foreground: float = 0.5) -> Finetuning:
    """The steps and learning rates of all ways."""
    warmup = min(20, steps // 4)
    return Finetuning(
        steps=steps, batch=BATCH, learning_rate=2e-3, warmup=warmup, schedule="cosine", foreground=foreground
    )


def _fewlabel(way: str, store: Store, labelled: list[str], seed: int, steps: int) -> nn.Module:
    device = torch.device("cpu")
    settings = fewlabel_training.finetuning_settings(budget(steps, FOREGROUND[way])).model_copy(update={"seed": seed})
    with contextlib.redirect_stderr(io.StringIO()):
        return finetune(store, labelled, settings, None, device, choose_precision("auto", device))[0]


def _monai(store: Store, labelled: list[str], seed: int, steps: int) -> nn.Module:
    from monai.utils import set_determinism

    from benchmarks.pipelines import monai_training

    set_determinism(seed)
    rows = store.rows(labelled)
    images, masks = (array[rows].astype(np.float32) for array in (store.images, store.masks))
    batches = monai_training.loader(images, masks, monai_training.augmentation(images.shape[1]))
    objective, done = monai_training.Finetuning().train(), 0
    optimizer = torch.optim.AdamW(objective.parameters(), weight_decay=0)
    while done < steps:
        for batch in batches:
            optimizer.param_groups[0]["lr"] = learning_rate(done, budget(steps))
            monai_training.step(objective, batch, optimizer, "f32")
            done += 1
            if done == steps:
                break
    return objective.network


def table(found: dict[str, list[Dices]]) -> pd.DataFrame:
    """A row for each way, seed and subject."""
    rows = [
        (way, seed, subject, value)
        for way, seeds in found.items()
        for seed, each in enumerate(seeds)
        for subject, value in each.items()
    ]
    return pd.DataFrame(rows, columns=["way", "draw", "subject", "dice"])


def measure(quick: bool) -> Section:
    seeds, steps, pixel = (2, 1, 5.0) if quick else (5, 200, 2.5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(folder, pixel)
        # The seeds of a way count up as its turns come.
        turn = {way: iter(range(seeds)) for way in WAYS}
        cases = {way: functools.partial(_turn, way, folder, turn[way], steps) for way in WAYS}
        scores = table(in_turns(cases, seeds))
    intervals, control = Intervals(), crossed(scores[scores["way"] == "MONAI"])
    rows = []
    for way in WAYS:
        values = crossed(scores[scores["way"] == way])
        difference = values - control
        mean = float(difference.mean())
        low, high = interval(replicates(difference, intervals), mean, difference, intervals.level, (-1, 1))
        rows.append(
            {
                "training": way,
                "mean Dice": round(float(values.mean()), 3),
                "SD over seeds": round(float(values.mean(axis=1).std(ddof=1)), 3),
                "less MONAI": "" if way == "MONAI" else f"{mean:+.3f}",
                f"{100 * intervals.level:g} % interval": "" if way == "MONAI" else f"{low:+.3f} to {high:+.3f}",
            }
        )
    text = (
        f"{steps} steps of {BATCH} slices on {LABELS} labelled abdominal phantoms of {GRID.matrix[0]} x "
        f"{GRID.matrix[1]} pixels, extensive augmentation, learning rates and widths ({'-'.join(map(str, WIDTHS))}) "
        f"alike; {seeds} seeds, each with its own labelled subjects, the same {TESTED} test subjects. FewLabel trains "
        "as it does by default (`auto` type, half of each batch from slices that hold the target) and with all slices "
        "alike, MONAI in f32 with all slices alike. The interval is that of FewLabel's tables, over seeds and subjects "
        "in pairs; where it holds 0, no difference is shown."
    )
    return Section(text, {"Dice of held-out phantoms": rows}, ["monai"])


def _turn(way: str, folder: Path, seeds: Iterator[int], steps: int) -> Dices:
    return apart(trained, way, folder, next(seeds), steps)
