"""The jobs of a finished study with their inputs and outputs by SHA-256, read from its results.

Trainings have a record (`run.json`). Files without a recorded hash are hashed, or left out if they are missing.
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
"""Rules whose outputs no number depends on."""
ALWAYS = ("fetch", "split", "draw", "prepare", "pretrain", "finetune", "evaluate", "collect", "collect-histories")
"""Commands that are recorded even if their outputs no longer exist."""
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Stored:
    """A file by its content."""

    path: str  # relative to the study's results
    sha256: str  # of its content, in hexadecimal
    size: int | None = None  # in bytes; None if the file no longer exists


@dataclass(frozen=True)
class RecordedJob:
    """One run of one command."""

    command: str
    place: str  # what of the study it made; empty for the whole study
    # inputs, outputs: its known files
    inputs: Sequence[Stored]
    outputs: Sequence[Stored]
    # of a training, from `run.json`; every key may be missing
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """The facts of a study."""

    experiment: Experiment  # its resolved settings
    jobs: Sequence[RecordedJob]  # all that was run
    fingerprints: Mapping[str, str]  # of cohorts with files on disk
    files: Mapping[str, Path]  # the content of the crate, by path in it; includes `Snakefile`
    published: str  # date or time of the record (ISO 8601)
    commands: Mapping[str, str]  # what each command of `fewlabel` does
    versions: Mapping[str, str]  # of `fewlabel` and `snakemake`


class StudyFiles:
    """The results of a study; each file is read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stored: dict[str, Stored] = {}

    def json(self, path: str) -> dict[str, Any]:
        """The content of a JSON file; empty if it is missing or no mapping."""
        try:
            content = load_json(self.folder / path)
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def stored(self, *paths: str, recorded: Mapping[str, str] | None = None) -> list[Stored]:
        """These files; recorded hashes are not computed again, and missing files without one are left out."""
        for path in paths:
            file, digest = self.folder / path, (recorded or {}).get(path)
            if path not in self._stored and file.is_file():
                self._stored[path] = Stored(path, digest or sha256(file), file.stat().st_size)
            elif path not in self._stored and digest:
                self._stored[path] = Stored(path, digest)
        return [self._stored[path] for path in paths if path in self._stored]


def study_jobs(results: StudyFiles, experiment: Experiment) -> list[RecordedJob]:
    """All jobs of a study in a possible order; figures and pages only if they exist."""
    listed = {subjects_of(cohort): _listed(results, cohort) for cohort in experiment.cohorts}
    recorded = (_recorded(results, job, listed) for job in planned_jobs(experiment) if job.rule not in UNRECORDED)
    return [job for job in recorded if job.outputs or job.command in ALWAYS]


def _recorded(results: StudyFiles, job: StudyJob, listed: Mapping[str, Sequence[str]]) -> RecordedJob:
    """A job with the hashes of its files; `listed`: the current list of subjects of each cohort."""
    if job.run is not None and job.rule != "evaluate":
        return _training(results, job, job.run)
    read = [file for path in job.inputs if path != LAYOUT.admitted for file in listed.get(path, [_hashed(path)])]
    # The manifest of slices contains the SHA-256 of the arrays.
    outputs = [file for path in job.outputs if not path.endswith(".npy") for file in listed.get(path, [path])]
    place = f"{job.part}/draw{job.draw}" if job.draw else str(job.run or job.part)
    return RecordedJob(job.command, place, results.stored(*read), results.stored(*outputs))


def last_end(jobs: Sequence[RecordedJob], results: StudyFiles) -> str:
    """The end of the study's last training (ISO 8601); the date of the newest record if no training has one."""
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
    """The list of subjects of the cohort's current source; the folder also has those of earlier sources."""
    source = results.stored(LAYOUT.source(cohort))
    sources = visible(results.folder, LAYOUT.fetched(cohort, "*", "source.json"))
    keys = [path.parent.name for path in sources if source and sha256(path) == source[0].sha256]
    return [LAYOUT.fetched(cohort, key, "subjects.csv") for key in keys[:1]]


def _hashed(path: str) -> str:
    """The input that is hashed: for predictions, a folder without a hash, the weights of the run."""
    folder, _, name = path.rpartition("/")
    return LAYOUT.weights(Run.parse(folder)) if name == "predictions" else path


def _training(results: StudyFiles, job: StudyJob, run: Run) -> RecordedJob:
    facts = results.json(LAYOUT.record(run))
    initial = {"initial weights": job.inputs[-1]}
    read = {
        initial.get(name, LAYOUT.input(run.part, name)): digest for name, digest in digests(facts, "inputs").items()
    }
    inputs = [Stored(path, digest) for path, digest in read.items()]
    unknown = results.stored(*(path for path in job.inputs if path not in read))
    outputs = {f"{LAYOUT.run(run)}/{name}": digest for name, digest in digests(facts, "outputs").items()}
    names = dict.fromkeys([LAYOUT.weights(run), LAYOUT.run_history(run), *outputs])
    return RecordedJob(job.command, str(run), [*inputs, *unknown], results.stored(*names, recorded=outputs), facts)


def digests(facts: Mapping[str, Any], name: str) -> dict[str, str]:
    """Recorded SHA-256 of files by name, without invalid ones."""
    group = facts.get(name)
    items = group.items() if isinstance(group, dict) else ()
    return {key: value for key, value in items if isinstance(value, str) and SHA256.fullmatch(value)}
