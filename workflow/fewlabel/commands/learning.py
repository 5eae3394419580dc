"""Pretraining, finetuning and scoring."""

import json
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from pydantic import BaseModel

from fewlabel import jobs
from fewlabel.commands.common import Device, In, Out, Threads, app, settings_json, write_json
from fewlabel.files import write_text
from fewlabel.tables import read_subjects

PretrainJson = Annotated[
    jobs.PretrainSettings, typer.Option("--settings", parser=settings_json(jobs.PretrainSettings), metavar="JSON")
]
FinetuneJson = Annotated[
    jobs.FinetuneSettings, typer.Option("--settings", parser=settings_json(jobs.FinetuneSettings), metavar="JSON")
]
EvaluateJson = Annotated[
    jobs.EvaluateSettings, typer.Option("--settings", parser=settings_json(jobs.EvaluateSettings), metavar="JSON")
]


StateFile = Annotated[Path | None, typer.Option(help="Keeps an interrupted run; removed when it is complete.")]
CheckpointEvery = Annotated[float, typer.Option(min=0, help="Seconds between two states.")]


@app.command()
def pretrain(
    settings: PretrainJson,
    store: In,
    roles: In,
    weights: Out,
    history: Out,
    run: Out,
    state: StateFile = None,
    checkpoint_every: CheckpointEvery = 60,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Pretrain a network without labels on the pool and the unlabelled subjects."""
    from fewlabel.learning.checkpoint import identity, kept
    from fewlabel.learning.device import choose_device, choose_precision, use_threads
    from fewlabel.learning.pretrain import pretrain as train
    from fewlabel.learning.weights import save_weights, transferable
    from fewlabel.provenance import history_table, machine
    from fewlabel.slices import open_store
    from fewlabel.splits import PRETRAINING_ROLES

    use_threads(threads)
    where = choose_device(device)
    precision = choose_precision(settings.precision, where)
    table = read_subjects(roles)
    subjects = [str(name) for name in table.loc[table["role"].isin(PRETRAINING_ROLES), "subject"]]
    with kept(state, checkpoint_every, identity(settings, subjects, store, None, where, precision)) as checkpoint:
        network, stages, rows = train(open_store(store), subjects, settings, where, precision, checkpoint)
        facts = {"subjects": subjects, "decoder_stages": stages, **_of_settings(settings)}
        save_weights(weights, transferable(network, stages), {**facts, "widths": settings.network.widths})
        write_text(history, history_table(rows).to_csv(index=False))
        write_json(run, {**facts, **machine(where, precision), **checkpoint.facts()})


@app.command()
def finetune(
    settings: FinetuneJson,
    store: In,
    order: In,
    weights: Out,
    history: Out,
    run: Out,
    init: Annotated[Path | None, typer.Option(help="Pretrained weights; none: random initialisation.")] = None,
    state: StateFile = None,
    checkpoint_every: CheckpointEvery = 60,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Train a network on the N labelled subjects of one draw with Dice loss."""
    from fewlabel.learning.checkpoint import identity, kept
    from fewlabel.learning.device import choose_device, choose_precision, use_threads
    from fewlabel.learning.finetune import finetune as train
    from fewlabel.learning.weights import save_weights
    from fewlabel.provenance import history_table, machine
    from fewlabel.slices import open_store
    from fewlabel.splits import first_subjects

    use_threads(threads)
    where = choose_device(device)
    precision = choose_precision(settings.precision, where)
    subjects = first_subjects(read_subjects(order), settings.labels)
    with kept(state, checkpoint_every, identity(settings, subjects, store, init, where, precision)) as checkpoint:
        network, rows, loaded = train(open_store(store), subjects, settings, init, where, precision, checkpoint)
        facts = {"subjects": subjects, **_of_settings(settings)}
        if loaded:
            facts["initialisation"] = {"loaded": loaded.matched, "random": loaded.missing}
        save_weights(weights, network.state_dict(), {**facts, "widths": settings.network.widths})
        write_text(history, history_table({"finetune": rows}).to_csv(index=False))
        write_json(run, {**facts, **machine(where, precision), **checkpoint.facts()})


@app.command()
def evaluate(
    settings: EvaluateJson,
    store: In,
    roles: In,
    truth: In,
    weights: In,
    scores: Out,
    predictions: Out,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Segment the test subjects; save and score the masks on their native grids."""
    from fewlabel.evaluation import as_row, evaluate_subjects
    from fewlabel.learning.device import choose_device, choose_precision, use_threads
    from fewlabel.learning.weights import restore_network
    from fewlabel.progress import Progress
    from fewlabel.slices import open_store

    use_threads(threads)
    where = choose_device(device)
    network, facts = restore_network(weights)
    table = read_subjects(roles)
    subjects = [str(name) for name in table.loc[table["role"] == "test", "subject"]]
    rows = []
    with Progress("evaluate", len(subjects), "subject") as progress:
        precision = choose_precision(settings.precision, where)
        for subject, result in evaluate_subjects(
            network.to(where), open_store(store), settings.grid, subjects, truth, predictions, where, precision
        ):
            rows.append(
                as_row(settings.cohort, settings.method, len(facts["subjects"]), settings.draw, subject, result)
            )
            progress.advance(note=f"Dice {result.dice:.3f}")
    write_text(scores, pd.DataFrame(rows).to_csv(index=False))


def _of_settings(settings: BaseModel) -> dict[str, object]:
    return {"settings": json.loads(jobs.canonical(settings))}
