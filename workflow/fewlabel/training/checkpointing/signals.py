"""SIGTERM, SIGINT and SIGUSR1 during a training: save the state, then end or continue."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from fewlabel.training.checkpointing.checkpoint import Checkpoint


@contextmanager
def saving_on_signals(checkpoint: Checkpoint) -> Iterator[None]:
    """Save and end the run on SIGTERM and SIGINT; save and continue on SIGUSR1."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.signal(number, checkpoint.note_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
