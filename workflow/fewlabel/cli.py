"""The command line: one sub-command a rule of the workflow, each usable by hand.

`--settings` takes the JSON that the rule passes (see `fewlabel.jobs`). Libraries that take long to import are imported
by the commands that need them.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import pandas as pd
import typer
from pydantic import BaseModel, ValidationError

from fewlabel import jobs
from fewlabel.errors import InputError, Interrupted, TrainingError
from fewlabel.files import write_text
from fewlabel.tables import read_subjects

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__.partition("\n")[0]
)

Model = TypeVar("Model", bound=BaseModel)


def _json(model: type[Model]) -> Callable[[str], Model]:
    def parse(text: str) -> Model:
        try:
            return model.model_validate_json(text)
        except ValidationError as error:
            raise InputError(f"--settings: {error}") from None

    return parse


FetchJson = Annotated[jobs.FetchSettings, typer.Option("--settings", parser=_json(jobs.FetchSettings), metavar="JSON")]
PrepareJson = Annotated[
    jobs.PrepareSettings, typer.Option("--settings", parser=_json(jobs.PrepareSettings), metavar="JSON")
]
SplitJson = Annotated[jobs.SplitSettings, typer.Option("--settings", parser=_json(jobs.SplitSettings), metavar="JSON")]
DrawJson = Annotated[jobs.DrawSettings, typer.Option("--settings", parser=_json(jobs.DrawSettings), metavar="JSON")]
PretrainJson = Annotated[
    jobs.PretrainSettings, typer.Option("--settings", parser=_json(jobs.PretrainSettings), metavar="JSON")
]
FinetuneJson = Annotated[
    jobs.FinetuneSettings, typer.Option("--settings", parser=_json(jobs.FinetuneSettings), metavar="JSON")
]
EvaluateJson = Annotated[
    jobs.EvaluateSettings, typer.Option("--settings", parser=_json(jobs.EvaluateSettings), metavar="JSON")
]
CollectJson = Annotated[
    jobs.CollectSettings, typer.Option("--settings", parser=_json(jobs.CollectSettings), metavar="JSON")
]
CurvesJson = Annotated[
    jobs.CurvesSettings, typer.Option("--settings", parser=_json(jobs.CurvesSettings), metavar="JSON")
]
CohortTableJson = Annotated[
    jobs.CohortTableSettings, typer.Option("--settings", parser=_json(jobs.CohortTableSettings), metavar="JSON")
]
DiceTableJson = Annotated[
    jobs.DiceTableSettings, typer.Option("--settings", parser=_json(jobs.DiceTableSettings), metavar="JSON")
]
In = Annotated[Path, typer.Option(help="Read.")]
Out = Annotated[Path, typer.Option(help="Written, whole or not at all.")]
StateFile = Annotated[Path | None, typer.Option(help="Keeps an interrupted run; removed when it is complete.")]
CheckpointEvery = Annotated[float, typer.Option(min=0, help="Seconds between two states.")]
Device = Annotated[str, typer.Option(envvar="FEWLABEL_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads.")]


# ------------------------------------------------------------------------------------------------------- cohorts
@app.command()
def fetch(
    settings: FetchJson,
    subjects: Out,
    source: Out,
    split: Annotated[
        jobs.SplitSettings | None,
        typer.Option(parser=_json(jobs.SplitSettings), metavar="JSON", help="Refuse a cohort that cannot be split so."),
    ] = None,
    largest: Annotated[int, typer.Option(min=1, help="Refuse a cohort whose pool is smaller.")] = 1,
) -> None:
    """Bring a cohort's volumes in, check all of them, list its subjects."""
    from fewlabel.cohorts import sources
    from fewlabel.splits import split_problems

    listed = sources.list_subjects(settings.source)
    rows = [{"subject": s.subject, "patient": s.patient, "labelled": int(s.labelled), "use": s.use} for s in listed]
    table = pd.DataFrame(rows)
    problems = sources.check(settings.source, listed)
    if split is not None:
        problems += split_problems(table, settings.cohort, split.test, split.seed, largest)
    if problems:
        raise InputError.of(problems, f"cohorts.{settings.cohort}: {len(problems)} problem(s)")
    write_text(subjects, table.to_csv(index=False))
    _write_json(source, settings.model_dump(mode="json"))
    print(f"{settings.cohort}: {len(listed)} subjects, {int(table['labelled'].sum())} of them labelled; all are sound")


@app.command()
def prepare(settings: PrepareJson, subjects: In, store: Out, native: Out, threads: Threads = 1) -> None:
    """Preprocess the listed subjects and pack their slices; native truth masks go to --native."""
    from functools import partial

    from fewlabel.cohorts import sources
    from fewlabel.slices import pack

    wanted = set(read_subjects(subjects)["subject"])
    listed = [subject for subject in sources.list_subjects(settings.source) if subject.subject in wanted]
    gone = sorted(wanted - {subject.subject for subject in listed})
    if gone:
        raise InputError(f"subjects gone since the cohort was checked: {', '.join(gone)}; run fetch again")
    pack(listed, partial(sources.read_volume, settings.source), settings.grid, store.parent, native, threads)


@app.command()
def split(settings: SplitJson, subjects: In, roles: Out) -> None:
    """Say who is tested, who may be labelled, who only pretrains."""
    from fewlabel.splits import assign_roles

    table = assign_roles(read_subjects(subjects), settings.cohort, settings.test, settings.seed)
    write_text(roles, table.to_csv(index=False))


@app.command()
def draw(settings: DrawJson, roles: In, order: Out) -> None:
    """Put the labelled pool into the random order of one draw."""
    from fewlabel.splits import order_pool

    write_text(
        order, order_pool(read_subjects(roles), settings.cohort, settings.seed, settings.draw).to_csv(index=False)
    )


# ------------------------------------------------------------------------------------------------------ learning
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
        _write_json(run, {**facts, **machine(where, precision), **checkpoint.facts()})


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
        _write_json(run, {**facts, **machine(where, precision), **checkpoint.facts()})


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


# ----------------------------------------------------------------------------------------------------- reporting
@app.command()
def collect(settings: CollectJson, results: In, scores: Out) -> None:
    """Join the scores of all runs into the study's one long table."""
    from fewlabel.reporting.scores import collect as join

    write_text(scores, join([results / run / "scores.csv" for run in jobs.run_folders(settings)]).to_csv(index=False))


@app.command("label-curves")
def label_curves(settings: CurvesJson, scores: In, png: Out, pdf: Out) -> None:
    """Figure 3: mean Dice against the number of labelled subjects."""
    from fewlabel.reporting.curves import label_curves as draw_curves
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.style import save

    save(draw_curves(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@app.command("cohort-table")
def cohort_table(settings: CohortTableJson, results: In, csv: Out, markdown: Out) -> None:
    """Table 1: the subjects of each cohort and what they are used for."""
    from fewlabel.reporting.cohort_facts import read_facts
    from fewlabel.reporting.cohort_table import cohort_table as table_of
    from fewlabel.reporting.tables import save

    facts = {
        name: read_facts(results / name / "splits" / "roles.csv", results / name / "slices" / "subjects.csv")
        for name in settings.titles.cohorts
    }
    save(table_of(facts, settings), csv, markdown)


@app.command("dice-table")
def dice_table(settings: DiceTableJson, scores: In, csv: Out, markdown: Out) -> None:
    """Table 2: Dice by cohort, method and N, with the paper's numbers beside ours."""
    from fewlabel.reporting.dice_table import dice_table as table_of
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.tables import save

    save(table_of(read_scores(scores), settings), csv, markdown)


# ---------------------------------------------------------------------------------------------------- experiment
@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="config.yaml and overlays, in the order of merging.")],
) -> None:
    """Check experiment files and print the experiment that they make, with all defaults."""
    import yaml

    from fewlabel.validation import load, read_config

    experiment = load(read_config(files), files)
    print(yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False), end="")


@app.command()
def schema() -> None:
    """Print the JSON schema of an experiment file."""
    from fewlabel.validation import schema as text

    print(text(), end="")


def _of_settings(settings: BaseModel) -> dict[str, object]:
    return {"settings": json.loads(jobs.canonical(settings))}


def _write_json(path: Path, facts: dict[str, object]) -> None:
    write_text(path, json.dumps(facts, indent=2, sort_keys=True) + "\n")


def main() -> None:
    """Run the command line; bad input ends with its message and exit code 1, without a traceback."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    # A cluster's warning before the wall time: trainings save at it, anything else goes on.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        app()
    except (InputError, TrainingError) as error:
        print(f"fewlabel: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except Interrupted as interruption:
        print(f"fewlabel: {interruption}", file=sys.stderr)
        raise SystemExit(128 + interruption.number) from None
