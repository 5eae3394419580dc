"""Experiment files: checked, completed, described."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel import recorded
from fewlabel.commands.common import Files, Out, app, read_files, refuse, settings_json
from fewlabel.errors import InputError
from fewlabel.experiment import Experiment

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
    from fewlabel.doctor.cohorts import problems
    from fewlabel.validation import as_yaml

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
    from fewlabel.validation import as_yaml

    recorded.write(experiment, as_yaml(settings.model_dump(mode="json")))


@app.command()
def schema() -> None:
    """Print the JSON schema of an experiment file."""
    from fewlabel.validation import schema as text

    print(text(), end="")
