"""Pretraining, finetuning and scoring."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fewlabel.cli.common import Device, In, Out, ScoringDevice, Threads, settings_json, settings_option, step
from fewlabel.config.jobs.training import EvaluateSettings, FinetuneSettings, PretrainSettings
from fewlabel.config.study_layout import STORE
from fewlabel.utils.errors import InputError
from fewlabel.utils.log import LOG
from fewlabel.utils.optional_dependencies import TENSORBOARD

PretrainJson = Annotated[PretrainSettings, settings_option(PretrainSettings)]
FinetuneJson = Annotated[FinetuneSettings, settings_option(FinetuneSettings)]
EvaluateJson = Annotated[EvaluateSettings, settings_option(EvaluateSettings)]
EvaluationJson = Annotated[
    EvaluateSettings | None,
    typer.Option(
        parser=settings_json(EvaluateSettings),
        metavar="JSON",
        help="Settings of `fewlabel evaluate`: also evaluate the network, with --roles and --truth, so that `evaluate` "
        "need not.",
    ),
]

StateFile = Annotated[
    Path | None, typer.Option(help="Checkpoint of an interrupted training; removed when the training is complete.")
]
TensorBoard = Annotated[bool, typer.Option(envvar=TENSORBOARD, help="Also write TensorBoard logs next to the outputs.")]
CheckpointEvery = Annotated[float, typer.Option(min=0, help="Seconds between two checkpoints.")]
Processes = Annotated[
    int, typer.Option(min=1, help="Processes on this machine that share each batch; on GPUs, each has its own.")
]


@step("--store store.json --roles roles.csv --weights weights.safetensors --history history.csv --run run.json")
def pretrain(
    settings: PretrainJson,
    store: In,
    roles: In,
    weights: Out,
    history: Out,
    run: Out,
    pretext: Annotated[
        Path | None, typer.Option(help="Output file: the objective of each stage with its head.")
    ] = None,
    state: StateFile = None,
    checkpoint_every: CheckpointEvery = 60,
    tensorboard: TensorBoard = False,
    device: Device = "auto",
    threads: Threads = 1,
    processes: Processes = 1,
) -> None:
    """Pretrain a network without labels on the pool and the unlabelled subjects."""
    from fewlabel.training.devices.launcher import run_in_processes, wants_processes

    if wants_processes(processes):
        from fewlabel.training.pretrain import refuse_uneven

        refuse_uneven(settings, processes)
        run_in_processes(processes, threads, sys.argv[1:])
        return
    from fewlabel.data.csv_tables import read_subjects
    from fewlabel.data.splits import pretraining_subjects
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.training.checkpointing import training_run
    from fewlabel.training.checkpointing.checkpoint import Checkpoint
    from fewlabel.training.checkpointing.divergence import collapse_warnings
    from fewlabel.training.devices.processes import is_first, joined
    from fewlabel.training.pretexts.restore import flat
    from fewlabel.training.pretrain import pretrain as train
    from fewlabel.training.thin_volumes import thin_warnings
    from fewlabel.training.weights import transferable

    few = settings.method.pretraining_subjects
    subjects = pretraining_subjects(read_subjects(roles, "role"), settings.seed, few, settings.drawing)
    inputs = {STORE: store, f"splits/{roles.name}": roles}

    def work(checkpoint: Checkpoint) -> training_run.TrainingResult:
        slices = open_store(store)
        done = train(slices, subjects, settings, here.device, here.precision, checkpoint)
        warnings = thin_warnings(slices.index, subjects, settings.method)
        warnings += [text for stage, rows in done.history.items() for text in collapse_warnings(stage, rows)]
        for text in warnings if is_first() else ():
            print(f"warning: {text}", file=sys.stderr)
        facts = {"decoder_stages": done.decoder_stages, **({"warnings": warnings} if warnings else {})}
        tensors = transferable(done.network, done.decoder_stages)
        return training_run.TrainingResult(tensors, done.history, facts, flat(done.objectives))

    with joined():
        here = training_run.TrainingRun.on_this_machine("pretrain", settings, subjects, inputs, device, threads, run)
        outputs = training_run.Outputs(weights, history, run, pretext)
        training_run.run(here, outputs, state, checkpoint_every, work, tensorboard)


@step("--store store.json --order draw1.csv --weights weights.safetensors --history history.csv --run run.json")
def finetune(
    settings: FinetuneJson,
    store: In,
    order: In,
    weights: Out,
    history: Out,
    run: Out,
    init: Annotated[Path | None, typer.Option(help="Pretrained weights. Default: random initialisation.")] = None,
    evaluation: EvaluationJson = None,
    roles: Annotated[Path | None, typer.Option(help="Of the evaluation.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Of the evaluation.")] = None,
    state: StateFile = None,
    checkpoint_every: CheckpointEvery = 60,
    tensorboard: TensorBoard = False,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Train a network with Dice loss on the N labelled subjects of one draw."""
    if (evaluation is None) != (roles is None) or (evaluation is None) != (truth is None):
        raise InputError("--evaluation, --roles, --truth: only some are given; accepted: all three, or none")
    from fewlabel.data.csv_tables import read_subjects
    from fewlabel.data.labelled_pool import PATIENTS, first_subjects
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.inference.training_ranges import RANGES, ranges_of
    from fewlabel.training.checkpointing import training_run
    from fewlabel.training.checkpointing.checkpoint import Checkpoint
    from fewlabel.training.finetune import finetune as train

    pool = read_subjects(order, "rank")
    subjects = first_subjects(pool, settings.labels)
    inputs = {STORE: store, f"splits/{order.name}": order}
    if init is not None:
        inputs["initial weights"] = init
    here = training_run.TrainingRun.on_this_machine("finetune", settings, subjects, inputs, device, threads, run)

    def work(checkpoint: Checkpoint) -> training_run.TrainingResult:
        opened = open_store(store)
        network, rows, loaded = train(opened, subjects, settings, init, here.device, here.precision, checkpoint)
        facts: dict[str, object] = {}
        if loaded:
            facts["initialisation"] = {"loaded": loaded.matched, "random": loaded.missing}
        if settings.count == "patients":
            facts[PATIENTS] = int(pool.loc[pool["subject"].isin(subjects), "patient"].nunique())
        weights_facts = {"prepared": opened.prepared} if opened.prepared else {}
        if ranges := ranges_of(opened, list(pool["subject"])):
            weights_facts[RANGES] = ranges.model_dump(mode="json")
        return training_run.TrainingResult(network.state_dict(), {"finetune": rows}, facts, weights_facts=weights_facts)

    training_run.run(here, training_run.Outputs(weights, history, run), state, checkpoint_every, work, tensorboard)
    if evaluation and roles and truth:
        from fewlabel.inference.evaluate import evaluate_run
        from fewlabel.inference.finished_evaluation import Evaluation, evaluate_ahead

        evaluate_ahead(Evaluation(evaluation, store, roles, truth, weights, threads=threads), evaluate_run)


@step(
    "--store store.json --roles roles.csv --truth native/labels --weights weights.safetensors --scores scores.csv "
    "--predictions predictions"
)
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
    """Segment the test subjects, and write and score their masks on the native grids."""
    from fewlabel.inference.finished_evaluation import Evaluation, forget, take_over

    evaluation = Evaluation(settings, store, roles, truth, weights, device, threads)
    if take_over(evaluation, scores, predictions):
        LOG.info("already evaluated when the training ended")
    else:
        from fewlabel.inference.evaluate import evaluate_run

        evaluate_run(evaluation, scores, predictions)
    forget(evaluation)
