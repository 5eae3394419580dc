"""Entry point of the command line `fewlabel`; commands are in one module a stage."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

from fewlabel.cli.common import app
from fewlabel.utils.errors import InputError, Interrupted, TrainingError, plain, printable
from fewlabel.utils.system_errors import describe, describe_memory_error, is_link_loop, is_out_of_memory

COMMANDS = {
    "annotation_budget": ("annotation-budget",),
    "collecting": ("collect", "collect-histories", "destreaking", "record"),
    "data": ("fetch", "prepare", "split", "draw"),
    "inference": ("predict", "export"),
    "machine": ("doctor", "gpus"),
    "planning": ("validate", "schema", "plan", "calibrate"),
    "publishing": ("compare", "model-card", "publish", "join"),
    "reporting": (
        "figure",
        "table",
        "quality",
        "contact-sheet",
        "explorer",
        "provenance",
        "results-page",
        "report",
    ),
    "running": ("init", "snapshot", "stale-files", "watch"),
    "training": ("pretrain", "finetune", "evaluate"),
}
"""The commands of each module. A study starts hundreds of commands, and each imports its own module alone."""


def _import_command(arguments: Sequence[str]) -> None:
    """Register the command of these arguments; for help, and for a name that is none, all commands."""
    modules = {command: module for module, commands in COMMANDS.items() for command in commands}
    import_module(f"fewlabel.cli.{modules.get(arguments[0], 'commands') if arguments else 'commands'}")


def main() -> None:
    """Run the command line.

    Errors of input or system print their message and exit with code 1. Only bugs print a traceback.
    """
    os.environ.setdefault("MPLBACKEND", "Agg")
    # File names that are not UTF-8 are printed with escapes.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # A cluster's warning before the time limit: trainings save their state, all other commands ignore it.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        _import_command(sys.argv[1:])
        app()
    except (InputError, TrainingError) as error:
        _end(str(error))
    except OSError as error:
        _end(describe(error))
    except UnicodeDecodeError as error:
        _end(f"a text file is not UTF-8 ({plain(str(error))}); accepted: UTF-8; to fix: save it as UTF-8")
    except (MemoryError, RuntimeError) as error:
        if is_link_loop(error):
            _end(f"{error}; to fix: correct the symbolic link, which points to itself")
        if not is_out_of_memory(error):
            raise
        _end(describe_memory_error(error))
    except Interrupted as interruption:
        print(f"fewlabel: {interruption}", file=sys.stderr)
        raise SystemExit(128 + interruption.number) from None


def _end(message: str) -> NoReturn:
    print(f"fewlabel: {printable(message)}", file=sys.stderr)
    raise SystemExit(1) from None
