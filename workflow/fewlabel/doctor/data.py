"""The cohorts of an experiment: whether their files are where they are looked for. No volume is read."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from fewlabel.cohorts.data_root import VARIABLE, data_root, export_data_root
from fewlabel.cohorts.layout import cohort_folder, nifti_files
from fewlabel.doctor.finding import Finding, note, ok, problem
from fewlabel.errors import InputError
from fewlabel.experiment import DecathlonSource, Experiment, NiftiSource, PhantomSource, Source
from fewlabel.units import size
from fewlabel.validation import load, read_config

DEFAULTS = Path("config.yaml")


def ask(files: Sequence[Path], checkouts: Sequence[Path]) -> list[Finding]:
    """Read the experiment and look for its data; what is wrong with it is a problem like others."""
    try:
        return findings(read(files, checkouts))
    except InputError as error:
        return [problem("experiment", line, "mend it") for line in str(error).splitlines()]


def read(files: Sequence[Path], checkouts: Sequence[Path]) -> Experiment | None:
    """The experiment as Snakemake would read it: overlays on `config.yaml`; None where there is no file at all.

    Its `data_root` counts from here on.

    Raises:
        InputError: with all that is wrong with it.
    """
    defaults = [folder / DEFAULTS for folder in checkouts if (folder / DEFAULTS).is_file()][:1]
    every = list({file.resolve(): file for file in [*defaults, *files]}.values())
    if not every:
        return None
    experiment = load(read_config(every), every)
    if experiment.data_root is not None:
        export_data_root(experiment.data_root)
    return experiment


def findings(experiment: Experiment | None) -> list[Finding]:
    """Where data are looked for, and each cohort that lies on a disk."""
    if experiment is None:
        return [
            note("experiment", "no config.yaml here", "call it from the checkout, or name the file: `--configfile`")
        ]
    sources = {name: cohort.source for name, cohort in experiment.cohorts.items()}
    made = [name for name, source in sources.items() if isinstance(source, PhantomSource)]
    study = ok("experiment", f"study {experiment.study}: {len(sources)} cohorts, {len(made)} of them made by code")
    if len(made) == len(sources):
        return [study]
    return [study, _root(), *(_cohort(name, source) for name, source in sources.items() if name not in made)]


def _root() -> Finding:
    root, how = data_root().absolute(), f"{VARIABLE} or data_root" if os.environ.get(VARIABLE) else "the default"
    if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
        return ok("data", f"{root} ({how}), {size(shutil.disk_usage(root).free)} free")
    return note("data", f"{root} ({how}): no such folder that can be read", f"set {VARIABLE} to where your data lie")


def _cohort(name: str, source: Source) -> Finding:
    assert not isinstance(source, PhantomSource)
    check, folder = f"data: {name}", cohort_folder(source)
    images = folder / ("images" if isinstance(source, NiftiSource) else "imagesTr")
    if count := len(nifti_files(images)):
        return ok(check, f"{count} images in {images}")
    if folder.is_dir():
        return problem(check, f"no NIfTI file in {images}", "put the images there (docs/experiments.md: Your own data)")
    if isinstance(source, DecathlonSource):
        if (tar := folder.with_name(f"{source.task}.tar")).is_file():
            return ok(check, f"{tar}, to be unpacked")
        if source.url:
            return note(
                check, f"not in {folder}: will be downloaded", "the job needs the internet: fetch it on a login node"
            )
    todo = f"put it there, or set {VARIABLE} (now: {data_root()}) to the folder that holds it"
    return problem(check, f"{folder}: no such folder", todo)
