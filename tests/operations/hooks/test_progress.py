"""The line that is told after each job: counts, and the time that is left."""

import logging

import pytest

from fewlabel.operations.hooks.progress import JobProgress, RoutineFilter

FINETUNES = dict.fromkeys(range(1, 9), ("finetune", "liver", "scratch"))


class Workflow:
    """A workflow's log, with a clock that tests turn."""

    def __init__(self, jobs, every=0, pages=None):
        self.now, self.running, self.lines, self.jobs = 0.0, set(), [], jobs
        self.log = logging.Logger("made")
        self.log.addHandler(JobProgress(jobs, lambda: self.running, every, pages, self.lines.append, lambda: self.now))

    def start(self, *jobs):
        self.running |= set(jobs)
        self.log.info("Execute", extra={"event": "job_started", "jobs": list(jobs)})

    def fail(self, job):
        self.running.discard(job)
        self.log.error("Error", extra={"event": "job_error", "jobid": job})

    def finish(self, job, done):
        self.running.discard(job)
        self.log.info("Finished", extra={"event": "job_finished", "job_id": job})
        self.log.info(None, extra={"event": "progress", "done": done, "total": len(self.jobs)})
        return self.lines[-1]


def test_done_running_and_to_come_make_the_whole_and_time_is_that_of_jobs_side_by_side():
    run = Workflow(FINETUNES)
    run.start(1, 2)
    run.now = 100
    # Two ran, one is done after 100 s; the other has run for as long; six of 100 s are to come, two at a time.
    assert run.finish(1, 1) == "jobs: 1 of 8 done, 1 running (finetune), 6 to come, about 5 min left"
    run.start(3)
    run.now = 150
    # Left: 3 needs 125 - 50 s (the mean of 100 and 150), five more 125 s each, two at a time.
    assert run.finish(2, 2) == "jobs: 2 of 8 done, 1 running (finetune), 5 to come, about 5 min 50 s left"


def test_no_time_is_told_before_one_of_each_long_kind_is_done_and_short_kinds_do_not_matter():
    run = Workflow(
        {1: ("split", "liver", ""), 2: ("finetune", "liver", "scratch"), 3: ("figure_method_diagram", "", "")}
    )
    run.start(1)
    run.now = 1
    assert run.finish(1, 1) == "jobs: 1 of 3 done, 0 running, 2 to come, remaining time not known yet"
    run.start(2)
    run.now = 61
    # The figure takes as long as the split: the one short job that is done.
    assert run.finish(2, 2) == "jobs: 2 of 3 done, 0 running, 1 to come, about 1 s left"
    run.start(3)
    assert run.finish(3, 3) == "jobs: 3 of 3 done, 0 running, 0 to come"


def test_a_job_takes_as_long_as_those_of_its_method_where_some_are_done():
    kinds = {1: ("pretrain", "c", "slow"), 2: ("pretrain", "c", "quick"), 3: ("pretrain", "d", "slow")}
    run = Workflow({**kinds, 4: ("pretrain", "c", "slow")})
    run.start(1)
    run.now = 90
    run.finish(1, 1)
    run.start(2)
    run.now = 100
    # Another cohort's: the mean of the rule, 50 s; the same kind: 90 s.
    assert run.finish(2, 2).endswith("about 2 min 20 s left")


def test_every_job_counts_to_the_end_those_of_kinds_that_were_never_seen_too():
    figures = {number: (f"figure{number}", "", "") for number in range(2, 22)}
    run = Workflow({1: ("finetune", "c", "m"), **figures, 22: ("all", "", "")})
    run.start(1)
    run.now = 60
    assert run.finish(1, 1) == "jobs: 1 of 22 done, 0 running, 21 to come, about 1 min 40 s left"  # 20 of 5 s
    run.start(2)
    run.now = 68
    assert run.finish(2, 2).endswith("about 2 min 32 s left")  # 19 of 8 s
    for number in range(3, 21):
        run.start(number)
        run.now += 8
        assert "about 0 s" not in run.finish(number, number)
    run.start(21)
    run.now += 8
    assert run.finish(21, 21).endswith("1 to come, about 0 s left")  # the target itself runs nothing


def test_a_job_that_takes_longer_than_expected_is_not_about_to_end():
    run = Workflow(dict.fromkeys((1, 2, 3), ("finetune", "c", "m")))
    run.start(1)
    run.now = 10
    run.finish(1, 1)
    run.start(2, 3)
    run.now = 110
    # 2 took 100 s, so that 55 are expected; 3 runs for 100 already.
    assert run.finish(2, 2).endswith("about 10 s left")


def test_a_job_that_failed_and_is_tried_again_counts_from_its_new_start():
    run = Workflow({1: ("finetune", "c", "m"), 2: ("finetune", "c", "m")})
    run.start(1)
    run.now = 500
    run.fail(1)
    run.now = 600
    run.start(1)
    run.now = 660
    assert run.finish(1, 1).endswith("about 1 min left")


def test_lines_are_seconds_apart_and_the_last_one_is_always_told():
    run = Workflow(FINETUNES, every=10)
    for number in range(1, 9):
        run.start(number)
        run.now += 4
        run.finish(number, number)
    assert [line.partition(" of")[0] for line in run.lines] == ["jobs: 1", "jobs: 4", "jobs: 7", "jobs: 8"]


def test_a_page_to_look_at_is_named_when_it_is_made():
    run = Workflow(FINETUNES, pages={2: "tables/quality_knee.html"})
    run.start(1, 2)
    run.finish(1, 1)
    run.finish(2, 2)
    assert run.lines[1] == "look at tables/quality_knee.html" and len(run.lines) == 3


def test_what_snakemake_says_of_each_job_is_kept_off_the_terminal_and_failures_are_not():
    log, shown = logging.Logger("made"), []
    handler = logging.Handler()
    handler.emit = lambda record: shown.append(record.getMessage())
    handler.addFilter(RoutineFilter())
    log.addHandler(handler)
    for event in (
        "job_info",
        "job_started",
        "job_finished",
        "progress",
        "group_info",
        "job_error",
        "error",
        "run_info",
    ):
        log.info(event, extra={"event": event})
    log.info("Select jobs to execute...")
    log.info("Building DAG of jobs...")
    assert shown == ["job_error", "error", "run_info", "Building DAG of jobs..."]


@pytest.mark.parametrize(
    "facts", [{"event": "progress"}, {"event": "job_finished"}, {"event": None}, {}, {"event": "progress", "done": "x"}]
)
def test_records_of_another_kind_break_nothing(facts, capsys):
    run = Workflow(FINETUNES)
    run.log.info("text", extra=facts)
    assert run.lines == [] and capsys.readouterr() == ("", "")
