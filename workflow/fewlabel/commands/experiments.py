"""Experiment files: checked, completed, described."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.commands.common import Out, app, settings_json
from fewlabel.experiment import Experiment
from fewlabel.files import write_text

ExperimentJson = Annotated[Experiment, typer.Option("--settings", parser=settings_json(Experiment), metavar="JSON")]


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="config.yaml and overlays, in the order of merging.")],
) -> None:
    """Check experiment files and print the experiment that they make, with all defaults."""
    from fewlabel.validation import as_yaml, load, read_config

    print(as_yaml(load(read_config(files), files).model_dump(mode="json")), end="")


@app.command()
def record(settings: ExperimentJson, experiment: Out) -> None:
    """Write down an experiment with all its defaults, as a file that it can be read from again."""
    from fewlabel.validation import as_yaml

    write_text(experiment, as_yaml(settings.model_dump(mode="json")))


@app.command()
def schema() -> None:
    """Print the JSON schema of an experiment file."""
    from fewlabel.validation import schema as text

    print(text(), end="")
