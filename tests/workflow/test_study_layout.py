"""The files of a finished study are those that `StudyLayout` and the enumeration of its jobs name, and no others."""

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from fewlabel.config.jobs.study_jobs import study_jobs
from fewlabel.config.study_layout import LAYOUT
from fewlabel.data.existing_split import COPY, SPLIT
from fewlabel.reporting.results.folder import read_experiment


def files_of(folder):
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts)}


def unknown_files(folder):
    made = [file for job in study_jobs(read_experiment(folder)) for file in job.outputs]
    beside = [LAYOUT.fetched("*", "*", "source.json"), *(f"{LAYOUT.splits('*')}/{name}" for name in (COPY, SPLIT))]
    beside += [f"{PurePosixPath(LAYOUT.provenance).parent}/*"]
    beside += [LAYOUT.log("*"), LAYOUT.log("*", "*"), LAYOUT.benchmark("*", "*")]
    known = [*made, *(f"{path}/*" for path in made), *beside]
    return {name for name in files_of(folder) if not any(fnmatchcase(name, pattern) for pattern in known)}


def absent_files(folder):
    made = [file for job in study_jobs(read_experiment(folder)) for file in job.outputs]
    return {pattern for pattern in made if not any(folder.glob(pattern))}


def test_every_file_of_a_finished_study_is_known(finished):
    assert unknown_files(finished.results) == set()


def test_every_job_has_left_its_files(finished):
    assert absent_files(finished.results) == set()
