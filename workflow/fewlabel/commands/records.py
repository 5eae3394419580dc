"""The record of a whole study."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel import reporting_jobs
from fewlabel.commands.common import In, app, settings_json, write_json
from fewlabel.files import visible, whole_folder

CrateJson = Annotated[
    reporting_jobs.CrateSettings,
    typer.Option("--settings", parser=settings_json(reporting_jobs.CrateSettings), metavar="JSON"),
]
MADE = ("scores.csv", "figures/*.p*", "tables/*.csv", "tables/*.md")
PLANNED = ("Snakefile", "config.yaml", "workflow/rules/*.smk", "envs/*.yaml", "envs/constraints.txt")
README = """# Record of the FewLabel study {study}

`ro-crate-metadata.json` is a [Provenance Run Crate](https://w3id.org/ro/wfrun/provenance/0.5). From each table and
figure it leads, by SHA-256, back over scores, weights and slices to the cohorts, with the settings, software, machine
and time of each training. `experiment.json` holds all settings: `snakemake --configfile experiment.json` runs the study
again. Volumes, slices, weights and masks are named, not contained.
"""


@app.command()
def crate(
    settings: CrateJson,
    results: In,
    workflow: Annotated[Path, typer.Option(help="The folder of the Snakefile.")],
    crate: Annotated[Path, typer.Option(help="Written, whole or not at all: the folder of the crate.")],
) -> None:
    """Write the study's record: what was run, on what and with what (a Provenance Run Crate)."""
    from importlib.metadata import version

    from fewlabel.reporting.crate import study_crate
    from fewlabel.reporting.study_facts import Results, Study, last_end, study_jobs
    from fewlabel.reporting.verified import check_record

    check_record(results, settings.experiment)
    found = Results(results)
    made = study_jobs(found, settings.experiment)
    fingerprints = {name: found.json(f"{name}/splits/source.json") for name in settings.experiment.cohorts}
    with whole_folder(crate) as folder:
        resolved = folder / "experiment.json"
        write_json(resolved, settings.experiment.model_dump(mode="json"))
        readme = folder / "README.md"
        readme.write_text(README.format(study=settings.experiment.study), encoding="utf-8", newline="\n")
        copies = {
            path.relative_to(base).as_posix(): path
            for base, patterns in ((workflow, PLANNED), (results, MADE))
            for pattern in patterns
            for path in visible(base, pattern)
        }
        study = Study(
            experiment=settings.experiment,
            jobs=made,
            fingerprints={name: str(facts.get("fingerprint", "")) for name, facts in fingerprints.items()},
            files={**copies, **{file.name: file for file in (resolved, readme)}},
            published=last_end(made, found),
            commands=_descriptions(),
            versions={name: version(name) for name in ("fewlabel", "snakemake")},
        )
        study_crate(study).write(folder)


def _descriptions() -> dict[str, str]:
    """What each command does, in the words of its help."""
    found = {}
    for command in app.registered_commands:
        if command.callback is not None:
            found[command.name or command.callback.__name__] = (command.callback.__doc__ or "").strip()
    return found
