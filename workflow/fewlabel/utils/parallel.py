"""The same work for each subject of a cohort, on several processes."""

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
    """What is wrong with one subject."""

    text: str


@dataclass(frozen=True)
class Done(Generic[Outcome]):
    """What became of one subject."""

    outcome: Outcome


def of_each(work: Callable[[Item], Outcome], items: Mapping[str, Item], workers: int, verb: str) -> list[Outcome]:
    """The outcome of each subject, in their order. All are tried before the first problem ends it.

    Args:
        work: must be picklable when `workers` is above 1.
        items: by subject.
        workers: processes; each works on one subject at a time.
        verb: what is done, for progress and messages; with a `d` it is done (prepare, prepared).

    Raises:
        InputError: with the problems of all subjects; or a worker was killed.
    """
    attempt = partial(_try, work)
    try:
        with Progress(verb, len(items), "subject") as progress:
            if workers > 1 and len(items) > 1:
                with ProcessPoolExecutor(min(workers, len(items)), initializer=_end_with_parent) as pool:
                    tried = _counted(pool.map(attempt, items.items()), progress)
            else:
                tried = _counted(map(attempt, items.items()), progress)
    except BrokenProcessPool:
        raise InputError(
            f"one of {workers} workers was killed, most likely for want of memory; give fewer threads or more memory"
        ) from None
    problems = [one.text for one in tried if isinstance(one, Problem)]
    if problems:
        raise InputError.of(problems, f"{len(problems)} of {len(items)} subjects cannot be {verb}d:")
    return [one.outcome for one in tried if isinstance(one, Done)]


def _end_with_parent() -> None:
    """End this worker when the process that started it is killed: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    threading.Thread(target=_wait_and_end, args=(parent.join,), daemon=True).start()


def _wait_and_end(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


def _counted(tried: Iterable[Done[Outcome] | Problem], progress: Progress) -> list[Done[Outcome] | Problem]:
    found = []
    for one in tried:
        found.append(one)
        progress.advance()
    return found


def _try(work: Callable[[Item], Outcome], named: tuple[str, Item]) -> Done[Outcome] | Problem:
    name, item = named
    try:
        return Done(work(item))
    except InputError as error:
        return Problem(f"{name}: {error}")
