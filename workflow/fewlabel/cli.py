"""The way in of the command line: `fewlabel <command>`; the commands lie in `fewlabel.commands`."""

import errno
import os
import signal
import sys

from fewlabel.commands import (
    budgeting,
    cohorts,
    destreaking,
    doctor,
    experiments,
    exploring,
    exporting,
    figures,
    freezing,
    gpus,
    learning,
    planning,
    predicting,
    pretexts,
    publishing,
    quality,
    records,
    report,
    reporting,
    states,
    watching,
)
from fewlabel.commands.common import app
from fewlabel.errors import InputError, Interrupted, TrainingError

__all__ = [
    "app",
    "budgeting",
    "cohorts",
    "destreaking",
    "doctor",
    "experiments",
    "exploring",
    "exporting",
    "figures",
    "freezing",
    "gpus",
    "learning",
    "main",
    "planning",
    "predicting",
    "pretexts",
    "publishing",
    "quality",
    "records",
    "report",
    "reporting",
    "states",
    "watching",
]


DISK = {
    errno.ENOSPC: "free some space (`fewlabel state` lists what killed work left over)",
    errno.EDQUOT: "free some space of your quota (`fewlabel state` lists what killed work left over)",
    errno.EROFS: "mount the disk of the results for writing",
}
"""What to do about a disk that refuses; what was there before is whole."""


def main() -> None:
    """Run the command line; bad input ends with its message and exit code 1, without a traceback."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    # A cluster's warning before the wall time: trainings save at it, anything else goes on.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        app()
    except (InputError, TrainingError) as error:
        print(f"fewlabel: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in DISK:
            raise
        print(f"fewlabel: {error.strerror}: {DISK[error.errno]}, then give the same command again", file=sys.stderr)
        raise SystemExit(1) from None
    except Interrupted as interruption:
        print(f"fewlabel: {interruption}", file=sys.stderr)
        raise SystemExit(128 + interruption.number) from None
