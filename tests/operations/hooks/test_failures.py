"""The final message of a workflow with failed jobs."""

import logging

from fewlabel.operations.hooks.failures import LINES, SHOWN, FailedJobFilter, Failure, report


def test_the_last_lines_of_each_log_are_told(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("\n".join(f"line {index}" for index in range(50)) + "\n\n")
    text = report([Failure(f"finetune {{'n': '{number}'}}", [log]) for number in range(1, 5)], waiting=3)
    assert text.startswith("4 jobs failed, 3 jobs did not run for lack of their outputs:\n  finetune {'n': '1'}\n")
    assert "| line 49" in text and f"| line {50 - LINES}" in text and f"| line {49 - LINES}\n" not in text
    assert "give the same command again" in text


def test_all_that_a_single_failed_job_said_is_told_without_its_progress(tmp_path):
    log = tmp_path / "fetch.log"
    problems = [f"  - images/s{index}.nii.gz: {'long ' * 100}end" for index in range(40)]
    log.write_text("\n".join(["examine: 4/4 subjects", "fewlabel: cohorts.mine: 40 problems", *problems]))
    reported = report([Failure("fetch", [log])], 1).splitlines()
    assert [line.removeprefix("      | ") for line in reported[3:-1]] == [
        "fewlabel: cohorts.mine: 40 problems",
        *problems,
    ]


def shown(*records):
    """What is left of records of Snakemake's log, with their facts."""
    kept, log = [], logging.Logger("made")
    handler = logging.Handler()
    handler.emit = kept.append
    log.addHandler(handler)
    log.addFilter(FailedJobFilter({7: ["results/a.log"]}))
    for text, facts in records:
        log.error(text, extra=facts)
    return kept


def test_a_failed_job_is_told_at_once_without_its_command_and_its_log():
    facts = {"event": "job_error", "jobid": 7, "shellcmd": "fewlabel fetch --settings '{}'", "aux": {"external": "3"}}
    (record,) = shown(("Error in rule fetch", {**facts, "log": ["results/a.log", "slurm/3.log"]}))
    assert record.shellcmd is None and record.log == ["slurm/3.log"]
    assert record.aux == {"external": "3", "log": "results/a.log (shown at the end of the run)"}


def test_a_job_with_thousands_of_files_is_shown_with_a_few():
    files = [f"results/{index}.csv" for index in range(1000)]
    facts = {"event": "job_info", "jobid": 1, "output": ["a"], "reason": f"Input files updated: {', '.join(files)}"}
    (record,) = shown(("localrule all", {**facts, "input": files}))
    assert record.input == [*files[:3], "and 997 more"] and record.output == ["a"]
    assert record.reason.startswith("Input files updated: results/0.csv") and len(record.reason) < 310
    (record,) = shown(("rule split", {**facts, "input": files[:4], "reason": "short"}))
    assert record.input == files[:4] and record.reason == "short"


def test_errors_of_commands_are_told_once_and_others_stay():
    command = (
        "RuleException:\nCalledProcessError in file \"a.smk\", line 3:\nCommand 'x' returned non-zero exit status 1."
    )
    assert shown((command, {"event": "error"})) == []
    assert len(shown(("WorkflowError:\nno disk", {"event": "error"}), ("RuleException: x", {"event": "error"}))) == 2
    assert len(shown(("text", {}), (command, {}))) == 2


def test_an_empty_or_missing_log_is_reported(tmp_path):
    empty = tmp_path / "empty.log"
    empty.touch()
    for log in (empty, tmp_path / "missing.log"):
        assert f"{log}: empty or missing; the job may have been killed" in report([Failure("prepare", [log])], 0)


def test_hundreds_of_failures_stay_readable(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("x" * 100_000 + "\n")
    text = report([Failure(f"job {index}", [log]) for index in range(400)], 0)
    assert f"… and {400 - SHOWN} more" in text and len(text) < 10_000


def test_an_ended_run_is_no_failure():
    text = report([], 7)
    assert text.startswith("The run was ended early: 7 jobs are left.") and "failed," not in text


def test_bytes_that_are_no_text_do_no_harm(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"\xff\xfe broken \x00\n")
    assert "broken" in report([Failure("a", [log])], 0)
