"""What the commands share: the application, the types of their options, and how facts are written."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from fewlabel.errors import InputError
from fewlabel.files import write_text
from fewlabel.system_errors import demand_writable

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
    """A callback of options for outputs: what cannot be written is refused before anything is read."""
    if path is not None:
        demand_writable([path])
    return path


Out = Annotated[Path, typer.Option(help="Written, whole or not at all.", callback=writable)]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads.")]
Device = Annotated[str, typer.Option(envvar="FEWLABEL_DEVICE", help="auto, cpu, cuda (any free GPU), cuda:N or mps.")]
ScoringDevice = Annotated[str, typer.Option(help="cpu, cuda, cuda:N or mps; a GPU is not reserved for it.")]


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write facts as JSON, whole or not at all."""
    write_text(path, json.dumps(facts, indent=2, sort_keys=True) + "\n")
