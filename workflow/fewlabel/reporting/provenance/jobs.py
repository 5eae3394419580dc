"""What a finished study is made of: every job with its inputs and outputs by SHA-256, read from its results.

Trainings tell their own facts (`run.json`); of them and of all other jobs, what nobody recorded is hashed or left out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.study_jobs import StudyJob, subjects_of
from fewlabel.config.jobs.study_jobs import study_jobs as planned_jobs
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.utils.atomic_files import sha256, visible
from fewlabel.utils.json_files import load_json
from fewlabel.utils.recorded_hashes import RUN

UNRECORDED = ("admit", "record", "provenance", "report", "results_page")
"""Rules that make nothing that a number depends on."""
ALWAYS = ("fetch", "split", "draw", "prepare", "pretrain", "finetune", "evaluate", "collect", "collect-histories")
"""Commands that are recorded even if their outputs are no longer at hand."""
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Stored:
    """A file by its content."""

    path: str  # beneath the study's results
    sha256: str  # of its content, in hexadecimal
    size: int | None = None  # in bytes; None where the file that was read or written is no longer at hand


@dataclass(frozen=True)
class RecordedJob:
    """One run of one command."""

    command: str
    place: str  # what of the study it made; empty for the whole study
    # inputs, outputs: what is known of its files
    inputs: Sequence[Stored]
    outputs: Sequence[Stored]
    # of a training, as `run.json` holds them; every key may be missing
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """The facts of a study."""

    experiment: Experiment  # its resolved settings
    jobs: Sequence[RecordedJob]  # all that was run
    fingerprints: Mapping[str, str]  # of cohorts whose files lie on disk
    files: Mapping[str, Path]  # what the crate holds, by path in it; `Snakefile` must be one of them
    published: str  # date or time of the record (ISO 8601)
    commands: Mapping[str, str]  # what each command of `fewlabel` does
    versions: Mapping[str, str]  # of `fewlabel` and `snakemake`


class StudyFiles:
    """The results of a study; each file is read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stored: dict[str, Stored] = {}

    def json(self, path: str) -> dict[str, Any]:
        """The content of a JSON file; empty where it is missing or something else."""
        try:
            content = load_json(self.folder / path)
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def stored(self, *paths: str, recorded: Mapping[str, str] | None = None) -> list[Stored]:
        """These files; a digest that is recorded is not computed, and a file without either is left out."""
        for path in paths:
            file, digest = self.folder / path, (recorded or {}).get(path)
            if path not in self._stored and file.is_file():
                self._stored[path] = Stored(path, digest or sha256(file), file.stat().st_size)
            elif path not in self._stored and digest:
                self._stored[path] = Stored(path, digest)
        return [self._stored[path] for path in paths if path in self._stored]


def study_jobs(results: StudyFiles, experiment: Experiment) -> list[RecordedJob]:
    """All jobs of a study, in an order in which they can have run; figures and pages only if they are there."""
    listed = {subjects_of(cohort): _listed(results, cohort) for cohort in experiment.cohorts}
    recorded = (_recorded(results, job, listed) for job in planned_jobs(experiment) if job.rule not in UNRECORDED)
    return [job for job in recorded if job.outputs or job.command in ALWAYS]


def _recorded(results: StudyFiles, job: StudyJob, listed: Mapping[str, Sequence[str]]) -> RecordedJob:
    """A job with the hashes of its files; `listed`: the lists of subjects of each cohort as it is now."""
    if job.run is not None and job.rule != "evaluate":
        return _training(results, job, job.run)
    read = [file for path in job.inputs if path != LAYOUT.admitted for file in listed.get(path, [_hashed(path)])]
    # The manifest of slices holds the SHA-256 of the arrays.
    made = [file for path in job.outputs if not path.endswith(".npy") for file in listed.get(path, [path])]
    place = f"{job.part}/draw{job.draw}" if job.draw else str(job.run or job.part)
    return RecordedJob(job.command, place, results.stored(*read), results.stored(*made))


def last_end(jobs: Sequence[RecordedJob], results: StudyFiles) -> str:
    """When the study's last training ended (ISO 8601); the date of the newest facts where none says it."""
    ends = [time for job in jobs if (time := moment(job.facts, "ended"))]
    if ends:
        return max(ends, key=datetime.fromisoformat)
    newest = max((path.stat().st_mtime for path in visible(results.folder, f"*/**/{RUN}")), default=0.0)
    return datetime.fromtimestamp(newest, UTC).date().isoformat()


def moment(facts: Mapping[str, Any], name: str) -> str | None:
    """A recorded time; None if it is no ISO 8601 time with a zone."""
    time = facts.get("time")
    text = time.get(name) if isinstance(time, dict) else None
    try:
        return text if isinstance(text, str) and datetime.fromisoformat(text).tzinfo else None
    except ValueError:
        return None


def _listed(results: StudyFiles, cohort: str) -> list[str]:
    """The list of subjects that belongs to the cohort's source: a folder keeps those of earlier sources, too."""
    source = results.stored(LAYOUT.source(cohort))
    sources = visible(results.folder, LAYOUT.fetched(cohort, "*", "source.json"))
    keys = [path.parent.name for path in sources if source and sha256(path) == source[0].sha256]
    return [LAYOUT.fetched(cohort, key, "subjects.csv") for key in keys[:1]]


def _hashed(path: str) -> str:
    """Predictions lead back to the weights that made them; a folder has no hash."""
    folder, _, name = path.rpartition("/")
    return LAYOUT.weights(Run.parse(folder)) if name == "predictions" else path


def _training(results: StudyFiles, job: StudyJob, run: Run) -> RecordedJob:
    facts = results.json(LAYOUT.record(run))
    initial = {"initial weights": job.inputs[-1]}
    read = {
        initial.get(name, LAYOUT.input(run.part, name)): digest for name, digest in digests(facts, "inputs").items()
    }
    known = [Stored(path, digest) for path, digest in read.items()]
    unknown = results.stored(*(path for path in job.inputs if path not in read))
    made = {f"{LAYOUT.run(run)}/{name}": digest for name, digest in digests(facts, "outputs").items()}
    names = dict.fromkeys([LAYOUT.weights(run), LAYOUT.run_history(run), *made])
    return RecordedJob(job.command, str(run), [*known, *unknown], results.stored(*names, recorded=made), facts)


def digests(facts: Mapping[str, Any], name: str) -> dict[str, str]:
    """Recorded SHA-256 of files by name, without what is none."""
    found = facts.get(name)
    items = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in items if isinstance(value, str) and SHA256.fullmatch(value)}
