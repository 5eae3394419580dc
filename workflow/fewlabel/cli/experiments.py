"""Experiment files: validate, schema."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.cli.common import Files, Panel, command, read_files, refuse
from fewlabel.utils.errors import InputError


@command(Panel.START, "experiments/paper.yaml")
def validate(
    files: Files,
    results: Annotated[Path, typer.Option(help="Folder of studies, for cohorts that are already fetched.")] = Path(
        "results"
    ),
) -> None:
    """Check experiment files, folders and splits, and print the experiment with all defaults; exit code 1 on problems.

    Volumes are not read; `snakemake` checks them before it trains.
    """
    from fewlabel.config.loading.load import as_yaml
    from fewlabel.operations.doctor.data import problems

    try:
        experiment = read_files(files)
    except InputError as error:
        refuse(str(error).splitlines())
    if lines := problems(experiment, results):
        refuse(lines)
    print(as_yaml(experiment.model_dump(mode="json")), end="")


@command(Panel.START)
def schema() -> None:
    """Print the JSON schema of experiment files."""
    from fewlabel.config.loading.load import schema as text

    print(text(), end="")
