"""Schedules against hand-made ones."""

import random

import pytest

from fewlabel.operations.planning.schedule import Machine, Task, longest_chain, wall_seconds


def task(name, seconds, *needs, **more):
    return Task(name, "rule", seconds, needs, **more)


GRID = [
    task("prepare", 10),
    task("pretrain", 20, "prepare", priority=10),
    *(task(f"scratch{n}", 5, "prepare") for n in range(4)),
    *(task(f"tuned{n}", 5, "pretrain") for n in range(4)),
    task("collect", 1, *(f"{kind}{n}" for kind in ("scratch", "tuned") for n in range(4))),
]


@pytest.mark.parametrize(
    ("cores", "seconds"),
    [
        (1, 71),  # all of it
        (2, 41),  # 10; 20 of pretraining beside four scratch runs; four tuned runs in two pairs; 1
        (4, 36),  # 10; 20; all four tuned runs at once; 1
        (99, 36),
    ],
)
def test_a_small_grid_takes_what_it_takes_by_hand(cores, seconds):
    assert wall_seconds(GRID, Machine(cores)) == seconds


def test_overhead_is_waited_for_once_for_each_job_of_a_chain():
    assert wall_seconds([task("a", 1), task("b", 1, "a")], Machine(4, overhead=10)) == 22


def test_a_job_of_several_threads_takes_the_cores_that_there_are():
    prepare = task("a", 12, threads=4)
    assert [wall_seconds([prepare], Machine(cores)) for cores in (1, 2, 4, 8)] == [12, 6, 3, 3]


def test_what_others_wait_for_goes_first():
    jobs = [task("long", 10), task("first", 10, priority=5), task("after", 10, "first")]
    assert wall_seconds(jobs, Machine(1)) == 30
    assert wall_seconds(jobs, Machine(2)) == 20


def test_gpus_and_cores_are_taken_side_by_side():
    jobs = [task(f"train{n}", 10, place="gpu") for n in range(4)] + [task("table", 15)]
    assert wall_seconds(jobs, Machine(1, gpus=1)) == 40
    assert wall_seconds(jobs, Machine(1, gpus=4)) == 15
    assert wall_seconds(jobs, Machine(1, gpus=2, slots=2)) == 15


def test_memory_bounds_how_many_run_at_once_and_a_job_too_large_runs_alone():
    jobs = [task(f"train{n}", 10, memory=3e9) for n in range(4)]
    assert wall_seconds(jobs, Machine(4)) == 10
    assert wall_seconds(jobs, Machine(4, memory=7e9)) == 20
    assert wall_seconds(jobs, Machine(4, memory=1e9)) == 40


def test_what_is_done_is_not_waited_for():
    assert wall_seconds([task("finetune", 5, "pretrain")], Machine(1)) == 5


def test_a_circle_is_refused():
    with pytest.raises(ValueError, match="circular dependencies"):
        wall_seconds([task("a", 1, "b"), task("b", 1, "a")], Machine(1))


def test_nothing_to_do_takes_no_time():
    assert wall_seconds([], Machine(2)) == 0
    assert longest_chain([], Machine(2)) == 0


@pytest.mark.parametrize("seed", range(20))
def test_a_schedule_lies_between_its_bounds(seed):
    """Graham 1966: no shorter than the longest chain or the work shared evenly, no longer than both together."""
    chance = random.Random(seed)
    jobs = []
    for number in range(40):
        needs = chance.sample([job.name for job in jobs], k=min(len(jobs), chance.randrange(3)))
        jobs.append(task(f"job{number}", chance.uniform(1, 20), *needs))
    for cores in (1, 2, 5, 40):
        machine = Machine(cores)
        chain, shared = longest_chain(jobs, machine), sum(job.seconds for job in jobs) / cores
        seconds = wall_seconds(jobs, machine)
        assert max(chain, shared) <= seconds * (1 + 1e-9)
        assert seconds <= chain + shared


def test_thousands_of_jobs_are_scheduled():
    jobs = [task(f"job{number}", 1) for number in range(5000)]
    assert wall_seconds(jobs, Machine(10)) == 500
