"""Start a command in several processes with torchrun, whose messages and tracebacks it replaces by one line.

Torchrun is called as a function, not as a program: as a program it ends at SIGUSR1, which clusters send before the time
limit.
"""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from fewlabel.utils.errors import InputError, TrainingError

NODES = "PET_NNODES"
"""Torchrun's variable with the number of machines; see also PET_RDZV_BACKEND, PET_RDZV_ENDPOINT and PET_RDZV_ID."""
PROGRAM = "from fewlabel.cli.main import main; main()"
SAVING_SECONDS = "300"
"""Time to save a state after a signal, before torchrun kills a process."""


def wants_processes(count: int) -> bool:
    """Whether this process has to start `count` processes for its command: none has done so yet."""
    return "TORCHELASTIC_RUN_ID" not in os.environ and (count > 1 or NODES in os.environ)


def run_in_processes(count: int, threads: int, arguments: Sequence[str]) -> None:
    """Run this command in `count` processes on this machine, and wait for their end.

    Args:
        threads: of each process.
        arguments: of the command line, without the program.

    Raises:
        InputError: the other machines were not found.
        TrainingError: a process was killed.
        SystemExit: a process ended with an error, whose message it has printed, or after a signal.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError
    from torch.distributed.run import parse_args, run

    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", SAVING_SECONDS)
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    machines = [] if NODES in os.environ else ["--standalone"]
    options = parse_args([*machines, "--no-python", "--nproc-per-node", str(count), sys.executable])  # type: ignore[no-untyped-call]
    # Not through its parser, which takes `--run` for an abbreviation of its own options.
    options.training_script_args = ["-c", PROGRAM, *arguments]
    try:
        run(options)  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        _end({rank: failure.exitcode for rank, failure in error.failures.items()})
    except SignalException as interruption:
        raise SystemExit(128 + int(interruption.sigval)) from None
    except (RendezvousError, TimeoutError) as error:
        raise InputError(
            f"{NODES}={os.environ.get(NODES, '1')}: the machines did not find each other ({error}); accepted: the same "
            "PET_RDZV_ENDPOINT (host:port of one of them) and PET_RDZV_ID on all; to fix: see docs/how-to/gpus.md"
        ) from None


def _end(codes: dict[int, int]) -> NoReturn:
    """End as the process that ended first, where torchrun ended the others; `codes`: exit codes by rank."""
    killed = {rank: -code for rank, code in codes.items() if code < 0 and code != -signal.SIGTERM}
    for rank, number in killed.items():
        raise TrainingError(
            f"process {rank + 1} of this training was ended by {signal.Signals(number).name}, and the others with it; "
            "to fix: run the same command again, which resumes; if it happens again, request more memory"
        )
    raise SystemExit(max((code for code in codes.values() if code > 0), default=1))
