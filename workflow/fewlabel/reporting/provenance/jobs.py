"""What a finished study is made of: every job with its inputs and outputs by SHA-256, read from its results.

Trainings tell their own facts (`run.json`); of them and of all other jobs, what nobody recorded is hashed or left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fewlabel.config.experiment import Experiment
from fewlabel.config.folds import parts_of
from fewlabel.config.jobs.figures.destreaking import files
from fewlabel.config.jobs.figures.registry import report_items
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.jobs.training import pretrained_as
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.utils.atomic_files import sha256, visible
from fewlabel.utils.json_files import load_json
from fewlabel.utils.recorded_hashes import RUN

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Stored:
    """A file by its content.

    Attributes:
        path: beneath the study's results.
        sha256: of its content, in hexadecimal.
        size: in bytes; None where the file that was read or written is no longer at hand.
    """

    path: str
    sha256: str
    size: int | None = None


@dataclass(frozen=True)
class RecordedJob:
    """One run of one command.

    Attributes:
        command: of `fewlabel`.
        place: what of the study it made; empty for the whole study.
        inputs, outputs: what is known of its files.
        facts: of a training, as `run.json` holds them; every key may be missing.
    """

    command: str
    place: str
    inputs: Sequence[Stored]
    outputs: Sequence[Stored]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """The facts of a study.

    Attributes:
        experiment: its resolved settings.
        jobs: all that was run.
        fingerprints: of cohorts whose files lie on disk.
        files: what the crate holds, by path in it; `Snakefile` must be one of them.
        published: date or time of the record (ISO 8601).
        commands: what each command of `fewlabel` does.
        versions: of `fewlabel` and `snakemake`.
    """

    experiment: Experiment
    jobs: Sequence[RecordedJob]
    fingerprints: Mapping[str, str]
    files: Mapping[str, Path]
    published: str
    commands: Mapping[str, str]
    versions: Mapping[str, str]


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
    """All jobs of a study, in an order in which they can have run."""
    jobs = [
        job
        for name, cohort in experiment.cohorts.items()
        for job in _cohort(results, name, cohort.folds, experiment.draws)
    ]
    trainings = study_trainings(experiment)
    runs = [run for run in trainings if run.kind == "finetuned"]
    jobs += [_training(results, experiment, run) for run in trainings]
    jobs += [_evaluation(results, run) for run in runs]
    jobs += _reporting(results, experiment, map(LAYOUT.run_scores, runs), map(LAYOUT.run_history, trainings))
    jobs += [job for cohort in experiment.cohorts for job in _quality(results, cohort)]
    return jobs


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


# ------------------------------------------------------------------------------------------------- jobs by kind
def _cohort(results: StudyFiles, cohort: str, folds: int | None, draws: int) -> Iterator[RecordedJob]:
    source = results.stored(LAYOUT.source(cohort))
    listed = _listed(results, cohort, source)
    yield RecordedJob("fetch", cohort, [], [*listed, *source])
    if folds is not None:
        yield RecordedJob("split", cohort, [*listed, *source], results.stored(LAYOUT.roles(cohort)))
    for part in parts_of(cohort, folds):
        roles = results.stored(LAYOUT.roles(part))
        yield RecordedJob("split", part, [*listed, *source], roles)
        for draw in range(1, draws + 1):
            yield RecordedJob("draw", f"{part}/draw{draw}", roles, results.stored(LAYOUT.order(part, draw)))
    # The manifest holds the SHA-256 of the arrays.
    yield RecordedJob(
        "prepare", cohort, listed, results.stored(LAYOUT.store(cohort), LAYOUT.slices(cohort, "index.csv"))
    )


def _listed(results: StudyFiles, cohort: str, source: Sequence[Stored]) -> list[Stored]:
    """The list of subjects that belongs to the cohort's source: a folder keeps those of earlier sources, too."""
    sources = visible(results.folder, LAYOUT.fetched(cohort, "*", "source.json"))
    keys = [path.parent.name for path in sources if source and sha256(path) == source[0].sha256]
    return results.stored(*(LAYOUT.fetched(cohort, key, "subjects.csv") for key in keys[:1]))


def _training(results: StudyFiles, experiment: Experiment, run: Run) -> RecordedJob:
    command, start = "pretrain", None
    expected = [LAYOUT.store(run.cohort), LAYOUT.roles(run.part)]
    if run.draw is not None:
        command, start = "finetune", pretrained_as(experiment, run.method)
        expected[1] = LAYOUT.order(run.part, run.draw)
    if start is not None:
        expected.append(LAYOUT.weights(Run(run.part, start)))
    facts = results.json(LAYOUT.record(run))
    initial = {"initial weights": LAYOUT.weights(Run(run.part, str(start)))}
    read = {
        initial.get(name, LAYOUT.input(run.part, name)): digest for name, digest in digests(facts, "inputs").items()
    }
    known = [Stored(path, digest) for path, digest in read.items()]
    unknown = results.stored(*(path for path in expected if path not in read))
    made = {f"{LAYOUT.run(run)}/{name}": digest for name, digest in digests(facts, "outputs").items()}
    names = dict.fromkeys([LAYOUT.weights(run), LAYOUT.run_history(run), *made])
    return RecordedJob(command, str(run), [*known, *unknown], results.stored(*names, recorded=made), facts)


def digests(facts: Mapping[str, Any], name: str) -> dict[str, str]:
    """Recorded SHA-256 of files by name, without what is none."""
    found = facts.get(name)
    items = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in items if isinstance(value, str) and SHA256.fullmatch(value)}


def _evaluation(results: StudyFiles, run: Run) -> RecordedJob:
    inputs = results.stored(LAYOUT.store(run.cohort), LAYOUT.roles(run.part), LAYOUT.weights(run))
    return RecordedJob("evaluate", str(run), inputs, results.stored(LAYOUT.run_scores(run)))


def _reporting(
    results: StudyFiles, experiment: Experiment, scores: Iterable[str], trained: Iterable[str]
) -> Iterator[RecordedJob]:
    table = results.stored(LAYOUT.scores)
    yield RecordedJob("collect", "", results.stored(*scores), table)
    histories, history = results.stored(*trained), results.stored(LAYOUT.history)
    yield RecordedJob("collect-histories", "", histories, history)
    if measured := results.stored(*files(experiment)):
        yield RecordedJob("destreaking", "", [], measured)
    yield from _figures(results, experiment)
    if page := results.stored(LAYOUT.explorer):
        yield RecordedJob("explorer", "", table, page)


def _figures(results: StudyFiles, experiment: Experiment) -> Iterator[RecordedJob]:
    """Figures and tables that are there: some need volumes, which not every place has."""
    for item in report_items(experiment):
        if made := results.stored(*item.outputs):
            read = map(_hashed, [*item.inputs.files, *item.inputs.optional])
            yield RecordedJob(item.command, item.cohort, results.stored(*read), made)


def _hashed(path: str) -> str:
    """Predictions lead back to the weights that made them; a folder has no hash."""
    folder, _, name = path.rpartition("/")
    return LAYOUT.weights(Run.parse(folder)) if name == "predictions" else path


def _quality(results: StudyFiles, cohort: str) -> Iterator[RecordedJob]:
    """Those that are there."""
    store, roles, table = f"{cohort}/slices/store.json", f"{cohort}/splits/roles.csv", f"tables/quality_{cohort}.csv"
    if made := results.stored(table, f"tables/quality_{cohort}.md"):
        yield RecordedJob("quality", cohort, results.stored(store, roles), made)
    if sheet := results.stored(LAYOUT.figure(f"contact_sheet_{cohort}"), LAYOUT.table(f"quality_{cohort}", "html")):
        yield RecordedJob("contact-sheet", cohort, results.stored(store, table), sheet)
