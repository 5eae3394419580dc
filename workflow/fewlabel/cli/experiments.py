"""Experiment files: checked, completed, described."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.cli.common import Files, Out, app, read_files, refuse, settings_json
from fewlabel.config.experiment import Experiment
from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError

ExperimentJson = Annotated[Experiment, typer.Option("--settings", parser=settings_json(Experiment), metavar="JSON")]


@app.command()
def validate(
    files: Files,
    results: Annotated[Path, typer.Option(help="The folder of studies, with cohorts checked earlier.")] = Path(
        "results"
    ),
) -> None:
    """Check experiment files, folders and splits, and print the experiment with all defaults; exit 1 on problems.

    No volume is read: `snakemake` does that, before anything is trained.
    """
    from fewlabel.config.loading.load import as_yaml
    from fewlabel.operations.doctor.cohorts import problems

    try:
        experiment = read_files(files)
    except InputError as error:
        refuse(str(error).splitlines())
    if found := problems(experiment, results):
        refuse(found)
    print(as_yaml(experiment.model_dump(mode="json")), end="")


@app.command()
def record(settings: ExperimentJson, experiment: Out) -> None:
    """Write down an experiment with all its defaults, as a file that it can be read from again."""
    from fewlabel.config.loading.load import as_yaml

    recorded_hashes.write(experiment, as_yaml(settings.model_dump(mode="json")))


@app.command()
def schema() -> None:
    """Print the JSON schema of an experiment file."""
    from fewlabel.config.loading.load import schema as text

    print(text(), end="")
