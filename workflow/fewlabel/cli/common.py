"""What the commands share: the application, the types of their options, and how facts are written."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from fewlabel.utils.atomic_files import write_text
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.system_errors import demand_writable

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="One sub-command a rule of the workflow, each usable by hand; and what people ask of finished results.",
)

Model = TypeVar("Model", bound=BaseModel)


def settings_json(model: type[Model]) -> Callable[[str], Model]:
    """A parser of an option that takes a rule's settings string."""

    def parse(text: str) -> Model:
        try:
            return model.model_validate_json(text)
        except ValidationError as error:
            raise InputError(f"--settings: {error}") from None

    return parse


In = Annotated[Path, typer.Option(help="Read.")]


def writable(path: Path | None) -> Path | None:
    """Callback of output options: refuse a path that cannot be written, before anything is read."""
    if path is not None:
        demand_writable([path])
    return path


Out = Annotated[Path, typer.Option(help="Output file; the write is atomic.", callback=writable)]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads.")]
Device = Annotated[str, typer.Option(envvar="FEWLABEL_DEVICE", help="auto, cpu, cuda (any free GPU), cuda:N or mps.")]
ScoringDevice = Annotated[str, typer.Option(help="cpu, cuda, cuda:N or mps; a GPU is not reserved for it.")]


Files = Annotated[
    list[Path],
    typer.Argument(help="Experiment files, merged in this order over config.yaml."),
]


def read_files(files: Sequence[Path]) -> "Experiment":
    """The experiment of these files, merged over `config.yaml` as in Snakemake.

    Its `data_root` is in effect from here on.

    Raises:
        InputError: all problems of the experiment.
    """
    from fewlabel.config.loading.load import validated
    from fewlabel.config.loading.yaml_files import merge, read_experiment
    from fewlabel.data.paths import export_data_root

    read = read_experiment(files)
    experiment = validated(merge(read), read)
    if experiment.data_root is not None:
        export_data_root(experiment.data_root)
    return experiment


def refuse(problems: Sequence[str]) -> NoReturn:
    """Print what a run would refuse, one line each, and exit with code 1."""
    for problem in problems:
        print(f"problem  {printable(problem)}", file=sys.stderr)
    raise typer.Exit(1)


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write facts as JSON, whole or not at all."""
    write_text(path, json.dumps(facts, indent=2, sort_keys=True) + "\n")
