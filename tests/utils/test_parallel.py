"""Work on subjects: in order, all problems at once, the same in one process as in several."""

import os
import signal
import time

import pytest

from fewlabel.utils.errors import InputError
from fewlabel.utils.parallel import map_subjects
from helpers.refusals import error_of


def square(number):
    time.sleep(0.05 / number)  # the first takes longest
    return number**2


def refuse_odd(number):
    if number % 2:
        raise InputError(f"{number} is odd")
    return number


def fail(number):
    raise RuntimeError("a bug")


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 3])
def test_results_have_the_order_of_the_subjects(workers):
    assert map_subjects(square, {"c": 1, "a": 2, "b": 3}, workers, "square") == [1, 4, 9]
    assert map_subjects(square, {}, workers, "square") == []


@pytest.mark.parametrize("workers", [1, 2])
def test_the_problems_of_all_subjects_are_reported_together(workers):
    message = error_of(map_subjects, refuse_odd, {"a": 1, "b": 2, "c": 3}, workers, "prepare")
    head, *problems = message.splitlines()
    assert head == "2 of 3 subjects cannot be prepared:"
    assert [line.strip(" -") for line in problems] == ["a: 1 is odd", "c: 3 is odd"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_is_no_problem_of_a_subject(workers):
    with pytest.raises(RuntimeError, match="a bug"):
        map_subjects(fail, {"a": 1, "b": 2}, workers, "prepare")


def test_a_killed_worker_ends_the_work_with_what_to_do():
    message = error_of(map_subjects, die, {"a": 1, "b": 2}, 2, "prepare")
    assert message.startswith("one of 2 workers was killed") and "use fewer threads or more memory" in message
