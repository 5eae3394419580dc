"""Every job of a study, as the rules of the workflow run it: what the plan schedules and the record describes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fewlabel.config.experiment import Experiment
from fewlabel.config.folds import cohort_of, parts_of
from fewlabel.config.jobs.figures.destreaking import measured_files
from fewlabel.config.jobs.figures.registry import report_items
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.jobs.training import pretrained_as
from fewlabel.config.study_layout import LAYOUT, Run


@dataclass(frozen=True)
class StudyJob:
    """A job with its files, as paths below the study.

    Attributes:
        rule: of the workflow.
        inputs: files that it waits for; of slices the manifest alone.
        outputs: files that it makes; the first one is the job's name.
        command: of `fewlabel`.
        part: the cohort, or the test fold of one, that it is of; empty: the whole study.
        run: the training that it is or scores.
        draw: of a draw of labelled subjects.
        is_table: whether it makes tables alone.
    """

    rule: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    command: str
    part: str = ""
    run: Run | None = None
    draw: int | None = None
    is_table: bool = False

    @property
    def name(self) -> str:
        """Of this job alone."""
        return self.outputs[0]

    @property
    def cohort(self) -> str:
        """The cohort that it is of; empty: the whole study."""
        return cohort_of(self.part)


def study_jobs(experiment: Experiment) -> Iterator[StudyJob]:
    """All jobs of a study, each after those whose files it reads."""
    for cohort in experiment.cohorts:
        yield StudyJob("fetch", [], [subjects_of(cohort), LAYOUT.source(cohort)], "fetch", cohort)
    yield StudyJob("admit", [subjects_of(cohort) for cohort in experiment.cohorts], [LAYOUT.admitted], "")
    for cohort, chosen in experiment.cohorts.items():
        yield from _cohort_jobs(cohort, chosen.folds, experiment.draws)
    for run in study_trainings(experiment):
        yield from _training_jobs(experiment, run)
    reports = list(_report_jobs(experiment))
    yield from reports
    shown = [file for job in reports if job.rule not in COLLECTED for file in job.outputs]
    shown += [file for cohort in experiment.cohorts for job in _quality_jobs(cohort) for file in job.outputs]
    yield StudyJob("provenance", shown, [LAYOUT.provenance], "provenance")
    yield StudyJob("report", [LAYOUT.provenance], [LAYOUT.report], "report")
    yield StudyJob("results_page", [LAYOUT.report], [LAYOUT.results_page], "results-page")


COLLECTED = ("collect", "collect_histories", "record")
"""Rules of the study's own tables."""


def subjects_of(cohort: str) -> str:
    """The list of subjects that `fetch` makes of a cohort, of whatever settings."""
    return LAYOUT.fetched(cohort, "*", "subjects.csv")


def _cohort_jobs(cohort: str, folds: int | None, draws: int) -> Iterator[StudyJob]:
    listed = [subjects_of(cohort), LAYOUT.source(cohort)]
    for part in dict.fromkeys([cohort, *parts_of(cohort, folds)]):
        yield StudyJob("split", listed, [LAYOUT.roles(part)], "split", part)
    for part in parts_of(cohort, folds):
        for draw in range(1, draws + 1):
            yield StudyJob("draw", [LAYOUT.roles(part)], [LAYOUT.order(part, draw)], "draw", part, draw=draw)
    made = [LAYOUT.store(cohort), *LAYOUT.arrays(cohort), LAYOUT.native(cohort)]
    yield StudyJob("prepare", [subjects_of(cohort), LAYOUT.admitted], made, "prepare", cohort)
    yield from _quality_jobs(cohort)


def _quality_jobs(cohort: str) -> Iterator[StudyJob]:
    csv, markdown, page = (LAYOUT.table(f"quality_{cohort}", end) for end in ("csv", "md", "html"))
    store, sheet = LAYOUT.store(cohort), LAYOUT.figure(f"contact_sheet_{cohort}")
    yield StudyJob("quality", [store, LAYOUT.roles(cohort)], [csv, markdown], "quality", cohort)
    yield StudyJob("contact_sheet", [store, csv], [sheet, page], "contact-sheet", cohort)


def _training_jobs(experiment: Experiment, run: Run) -> Iterator[StudyJob]:
    store, roles, weights = LAYOUT.store(run.cohort), LAYOUT.roles(run.part), LAYOUT.weights(run)
    made = [weights, LAYOUT.run_history(run), LAYOUT.record(run)]
    if run.draw is None:
        yield StudyJob("pretrain", [store, roles], [*made, LAYOUT.pretext(run)], "pretrain", run.part, run)
        return
    start = pretrained_as(experiment, run.method)
    initial = [LAYOUT.weights(Run(run.part, start))] if start else []
    yield StudyJob("finetune", [store, LAYOUT.order(run.part, run.draw), *initial], made, "finetune", run.part, run)
    scored = [LAYOUT.run_scores(run), LAYOUT.predictions(run)]
    yield StudyJob("evaluate", [store, roles, weights], scored, "evaluate", run.part, run)


def _report_jobs(experiment: Experiment) -> Iterator[StudyJob]:
    """Of the whole study."""
    trainings = study_trainings(experiment)
    scores = [LAYOUT.run_scores(run) for run in trainings if run.kind == "finetuned"]
    yield StudyJob("collect", scores, [LAYOUT.scores], "collect", is_table=True)
    histories = list(map(LAYOUT.run_history, trainings))
    yield StudyJob("collect_histories", histories, [LAYOUT.history], "collect-histories", is_table=True)
    yield StudyJob("record", [], [LAYOUT.experiment], "record", is_table=True)
    if measured := measured_files(experiment):
        yield StudyJob("destreaking", [], measured, "destreaking")
    for item in report_items(experiment):
        read, table = [*item.inputs.files, *item.inputs.optional], item.specification.kind == "table"
        yield StudyJob(item.rule, read, item.outputs, item.command, item.cohort, is_table=table)
    yield StudyJob("explorer", [LAYOUT.scores], [LAYOUT.explorer], "explorer")
