"""Pretraining, finetuning and scoring."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fewlabel import jobs
from fewlabel.commands.common import Device, In, Out, ScoringDevice, Threads, app, settings_json
from fewlabel.errors import InputError
from fewlabel.extras import TENSORBOARD
from fewlabel.files import whole, whole_folder

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
TensorBoard = Annotated[bool, typer.Option(envvar=TENSORBOARD, help="Also write TensorBoard logs, beside the outputs.")]
CheckpointEvery = Annotated[float, typer.Option(min=0, help="Seconds between two states.")]


@app.command()
def pretrain(
    settings: PretrainJson,
    store: In,
    roles: In,
    weights: Out,
    history: Out,
    run: Out,
    pretext: Annotated[Path | None, typer.Option(help="Every stage's objective, heads included.")] = None,
    state: StateFile = None,
    checkpoint_every: CheckpointEvery = 60,
    tensorboard: TensorBoard = False,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Pretrain a network without labels on the pool and the unlabelled subjects."""
    from fewlabel.learning import job
    from fewlabel.learning.checkpoint import Checkpoint
    from fewlabel.learning.guard import collapse
    from fewlabel.learning.pretext import flat
    from fewlabel.learning.pretrain import pretrain as train
    from fewlabel.learning.thin import thin_warnings
    from fewlabel.learning.weights import transferable
    from fewlabel.slices import open_store
    from fewlabel.splits import pretraining_subjects
    from fewlabel.tables import read_subjects

    few = settings.method.pretraining_subjects
    subjects = pretraining_subjects(read_subjects(roles, "role"), settings.seed, few, settings.drawing)
    inputs = {"slices/store.json": store, f"splits/{roles.name}": roles}
    here = job.Job.here("pretrain", settings, subjects, inputs, device, threads, run)

    def work(checkpoint: Checkpoint) -> job.Trained:
        slices = open_store(store)
        done = train(slices, subjects, settings, here.device, here.precision, checkpoint)
        warnings = thin_warnings(slices.index, subjects, settings.method)
        warnings += [text for stage, rows in done.history.items() for text in collapse(stage, rows)]
        for text in warnings:
            print(f"warning: {text}", file=sys.stderr)
        facts = {"decoder_stages": done.decoder_stages, **({"warnings": warnings} if warnings else {})}
        tensors = transferable(done.network, done.decoder_stages)
        return job.Trained(tensors, done.history, facts, flat(done.objectives))

    job.run(here, job.Outputs(weights, history, run, pretext), state, checkpoint_every, work, tensorboard)


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
    tensorboard: TensorBoard = False,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Train a network on the N labelled subjects of one draw with Dice loss."""
    from fewlabel.learning import job
    from fewlabel.learning.checkpoint import Checkpoint
    from fewlabel.learning.finetune import finetune as train
    from fewlabel.slices import open_store
    from fewlabel.splits import first_subjects
    from fewlabel.tables import read_subjects
    from fewlabel.training_ranges import RANGES, ranges_of

    pool = read_subjects(order)
    subjects = first_subjects(pool, settings.labels)
    inputs = {"slices/store.json": store, f"splits/{order.name}": order}
    if init is not None:
        inputs["initial weights"] = init
    here = job.Job.here("finetune", settings, subjects, inputs, device, threads, run)

    def work(checkpoint: Checkpoint) -> job.Trained:
        opened = open_store(store)
        network, rows, loaded = train(opened, subjects, settings, init, here.device, here.precision, checkpoint)
        facts = {"initialisation": {"loaded": loaded.matched, "random": loaded.missing}} if loaded else {}
        beside = {"prepared": opened.prepared} if opened.prepared else {}
        if ranges := ranges_of(opened, list(pool["subject"])):
            beside[RANGES] = ranges.model_dump(mode="json")
        return job.Trained(network.state_dict(), {"finetune": rows}, facts, beside=beside)

    job.run(here, job.Outputs(weights, history, run), state, checkpoint_every, work, tensorboard)


@app.command()
def evaluate(
    settings: EvaluateJson,
    store: In,
    roles: In,
    truth: In,
    weights: In,
    scores: Out,
    predictions: Out,
    device: ScoringDevice = "cpu",
    threads: Threads = 1,
) -> None:
    """Segment the test subjects; save and score the masks on their native grids."""
    import pandas as pd

    from fewlabel.evaluation import as_row, evaluate_subject, record_evaluation
    from fewlabel.learning.batches import Slices
    from fewlabel.learning.device import choose_device, choose_precision, use_threads
    from fewlabel.learning.weights import restore_network
    from fewlabel.progress import Progress
    from fewlabel.slices import open_store
    from fewlabel.system_errors import memory_of
    from fewlabel.tables import read_subjects

    use_threads(threads)
    where = choose_device(device)
    network, facts = restore_network(weights)
    slices = Slices(open_store(store), where)
    network.to(where)
    table = read_subjects(roles, "role")
    subjects = [str(name) for name in table.loc[table["role"] == "test", "subject"]]
    precision = choose_precision(settings.precision, where)
    rows, problems = [], []
    with whole_folder(predictions) as folder:
        with Progress("evaluate", len(subjects), "subject") as progress:
            for subject in subjects:
                try:
                    with memory_of():
                        result = evaluate_subject(network, slices, settings.grid, subject, truth, folder, precision)
                except InputError as error:
                    problems.append(f"{subject}: {error}")
                    continue
                row = as_row(settings.cohort, settings.method, len(facts["subjects"]), settings.draw, subject, result)
                rows.append(row if settings.fold is None else {**row, "fold": settings.fold})
                progress.advance(note=f"Dice {result.dice:.3f}")
        if problems:
            raise InputError.of(problems, f"{len(problems)} of {len(subjects)} test subjects cannot be scored:")
        with whole(scores) as partial:
            pd.DataFrame(rows).to_csv(partial, index=False)
            read = {"weights.safetensors": weights, "slices/store.json": store, f"splits/{roles.name}": roles}
            record_evaluation(folder, read, scores.name, partial)
