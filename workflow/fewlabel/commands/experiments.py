"""Experiment files: checked, completed, described."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.commands.common import app


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
