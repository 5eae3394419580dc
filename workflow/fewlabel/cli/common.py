"""Shared by all commands: the application, the registration of a command, types of options, JSON output."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fewlabel.config.extensions import refuse_misfits
from fewlabel.utils.atomic_files import write_text
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.log import show_messages
from fewlabel.utils.system_errors import demand_writable

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment


class Panel(StrEnum):
    """Groups of commands in `fewlabel --help`, in this order."""

    START = "Start a study"
    INSPECT = "Inspect a study"
    USE = "Use a trained network"
    PUBLISH = "Publish"
    MACHINE = "This machine"
    STEPS = "Steps of the workflow (run by its rules)"


PANELS = [str(panel) for panel in Panel]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Plan, inspect and publish studies, and use their trained networks. `snakemake` runs a study.",
)


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        from fewlabel.config.loading.workflow_files import PACKAGE
        from fewlabel.utils.environment import commit

        facts = commit(PACKAGE)
        edited = ", edited" if facts.get("dirty") else ""
        print(
            f"fewlabel {version('fewlabel')}"
            + (f" (commit {facts['commit'][:12]}{edited})" if "commit" in facts else "")
        )
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of `fewlabel` itself."""
    show_messages()


Model = TypeVar("Model", bound=BaseModel)
Function = TypeVar("Function", bound=Callable[..., None])


TABLE_FILES = "--csv table.csv --markdown table.md --latex table.tex --html table.html"
FIGURE_FILES = "--png figure.png --pdf figure.pdf"
"""The outputs of tables and figures in examples."""


def command(panel: Panel, arguments: str = "") -> Callable[[Function], Function]:
    """Register a function as the command of its name, in a panel of `fewlabel --help`.

    `arguments`: a complete example of its arguments; the command line is shown below its help.
    """

    def register(function: Function) -> Function:
        name = function.__name__.replace("_", "-")
        example = f"Example: fewlabel {name} {arguments}".rstrip()
        app.command(name, rich_help_panel=panel, epilog=example)(function)
        app.registered_commands.sort(key=lambda entry: PANELS.index(str(entry.rich_help_panel)))
        return function

    return register


def step(arguments: str) -> Callable[[Function], Function]:
    """Register a function as a step of the workflow, with the option `--settings`; `arguments` are its other ones."""
    return command(Panel.STEPS, f"--settings settings.json {arguments}")


def settings_json(model: type[Model]) -> Callable[[str], Model]:
    """A parser of an option with the settings of a job: JSON, or the name of a JSON file."""

    def parse(text: str) -> Model:
        from_file = not text.lstrip().startswith("{")
        try:
            return model.model_validate_json(Path(text).read_bytes() if from_file else text)
        except ValidationError as error:
            refuse_misfits()
            source = f"--settings {text}" if from_file else "--settings"
            raise InputError.of([f"{source}: {_explained(each)}" for each in error.errors(include_url=False)]) from None

    return parse


def _explained(error: ErrorDetails) -> str:
    """The place and problem of an error in settings; for unknown kinds, also the remedy."""
    place = ".".join(map(str, error["loc"]))
    text = f"{place}: {error['msg']}" if place else error["msg"]
    if error["type"] == "union_tag_invalid":
        text += "; to fix: install the package that has it wherever jobs run (docs/extending/)"
    return text


def settings_option(model: type[BaseModel]) -> Any:
    """The option `--settings` of a workflow step."""
    return typer.Option(
        "--settings",
        parser=settings_json(model),
        metavar="JSON",
        help="Settings of the job as JSON, or a JSON file. `snakemake -n -p` prints those of each job.",
    )


In = Annotated[Path, typer.Option(help="Input file or folder.")]


def writable(path: Path | None) -> Path | None:
    """Callback of output options: refuse a path that cannot be written, before anything is read."""
    if path is not None:
        demand_writable([path])
    return path


Out = Annotated[Path, typer.Option(help="Output file; the write is atomic.", callback=writable)]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads.")]
Device = Annotated[str, typer.Option(envvar="FEWLABEL_DEVICE", help="auto, cpu, cuda (any free GPU), cuda:N or mps.")]
ScoringDevice = Annotated[str, typer.Option(help="cpu, cuda, cuda:N or mps; does not reserve the GPU.")]


Files = Annotated[list[Path], typer.Argument(help="Experiment files, merged over config.yaml in this order.")]


def read_files(files: Sequence[Path]) -> "Experiment":
    """The experiment of these files, merged over `config.yaml` as in Snakemake. Applies its `data_root`.

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
    """Print each problem on a line and exit with code 1."""
    for problem in problems:
        print(f"problem  {printable(problem)}", file=sys.stderr)
    raise typer.Exit(1)


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write facts as JSON; the write is atomic."""
    write_text(path, json.dumps(facts, indent=2, sort_keys=True) + "\n")
