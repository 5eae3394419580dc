"""The final message of a workflow with failed jobs."""

from fewlabel.failures import LINES, SHOWN, Failure, report


def test_the_last_lines_of_each_log_are_told(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("\n".join(f"line {index}" for index in range(50)) + "\n\n")
    text = report([Failure("finetune {'n': '1'}", [log])], waiting=3)
    assert text.startswith("1 job(s) failed, 3 wait for them:\n  finetune {'n': '1'}\n")
    assert "| line 49" in text and f"| line {50 - LINES}" in text and f"| line {49 - LINES}\n" not in text
    assert "give the same command again" in text


def test_a_job_without_a_word_is_told_as_such(tmp_path):
    empty = tmp_path / "empty.log"
    empty.touch()
    for log in (empty, tmp_path / "missing.log"):
        assert f"{log}: says nothing: killed from outside" in report([Failure("prepare", [log])], 0)


def test_hundreds_of_failures_stay_readable(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("x" * 100_000 + "\n")
    text = report([Failure(f"job {index}", [log]) for index in range(400)], 0)
    assert f"… and {400 - SHOWN} more" in text and len(text) < 10_000


def test_an_ended_run_is_no_failure():
    text = report([], 7)
    assert text.startswith("The run was ended before all was done: 7 jobs are left.") and "failed," not in text


def test_bytes_that_are_no_text_do_no_harm(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"\xff\xfe broken \x00\n")
    assert "broken" in report([Failure("a", [log])], 0)
