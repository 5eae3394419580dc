"""Apply a function to each subject of a cohort, in several processes."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from fewlabel.utils.errors import InputError
from fewlabel.utils.progress import Progress

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Problem:
    """The error message of one subject."""

    text: str


@dataclass(frozen=True)
class Success(Generic[Outcome]):
    """The result of one subject."""

    outcome: Outcome


def map_subjects(work: Callable[[Item], Outcome], items: Mapping[str, Item], workers: int, verb: str) -> list[Outcome]:
    """Results of `work` for all subjects, in their order; problems are reported after all were tried.

    Args:
        work: must be picklable when `workers` is above 1.
        items: input of `work`, by subject.
        workers: processes; each works on one subject at a time.
        verb: for progress and messages; its past participle adds a `d` (prepare, prepared).

    Raises:
        InputError: the problems of all subjects; or a worker was killed.
    """
    attempt = partial(_try, work)
    try:
        with Progress(verb, len(items), "subject") as progress:
            if workers > 1 and len(items) > 1:
                with ProcessPoolExecutor(min(workers, len(items)), initializer=_end_with_parent) as pool:
                    results = _counted(pool.map(attempt, items.items()), progress)
            else:
                results = _counted(map(attempt, items.items()), progress)
    except BrokenProcessPool:
        raise InputError(
            f"one of {workers} workers was killed, most likely out of memory; to fix: use fewer threads or more memory"
        ) from None
    problems = [result.text for result in results if isinstance(result, Problem)]
    if problems:
        raise InputError.of(problems, f"{len(problems)} of {len(items)} subjects cannot be {verb}d:")
    return [result.outcome for result in results if isinstance(result, Success)]


def _end_with_parent() -> None:
    """End this worker when the process that started it is killed; otherwise it would wait forever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    threading.Thread(target=_wait_and_end, args=(parent.join,), daemon=True).start()


def _wait_and_end(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


def _counted(outcomes: Iterable[Success[Outcome] | Problem], progress: Progress) -> list[Success[Outcome] | Problem]:
    results = []
    for result in outcomes:
        results.append(result)
        progress.advance()
    return results


def _try(work: Callable[[Item], Outcome], named: tuple[str, Item]) -> Success[Outcome] | Problem:
    name, item = named
    try:
        return Success(work(item))
    except InputError as error:
        return Problem(f"{name}: {error}")
