"""What profiles ask of this machine, before any job runs. Nothing slow comes with this module."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path

from fewlabel.operations.doctor.machine import ask
from fewlabel.training.devices.gpus import ask_driver, visible


def gpu_count() -> int:
    """How many GPUs of this machine may be used; 0 where there is none. Whether torch can use them is asked later."""
    return len(visible(ask_driver() or [], os.environ.get("CUDA_VISIBLE_DEVICES")))


LEAST_MB = 16_000
"""Jobs take far less than they ask for (a finetuning of the demo half of a GB, of 3): few cores are never left idle."""


def memory_mb() -> int:
    """What jobs may ask for together, in MB: three quarters of this machine's memory or of what a container grants."""
    machine = ask()
    known = [bytes_ for bytes_ in (machine.total, machine.limit) if bytes_ is not None]
    return max(LEAST_MB, int(0.75e-6 * min(known))) if known else LEAST_MB


def share_gpus(slots: int) -> None:
    """Trainings of this run take GPUs, so many to each.

    They are told by the environment, not by their settings: where a training runs makes no result old.
    """
    os.environ["FEWLABEL_SLOTS_PER_GPU"] = str(slots)
    os.environ.setdefault("FEWLABEL_DEVICE", "cuda")


def gpu_trouble() -> str | None:
    """Why trainings that want a GPU cannot have one, with what to do; None where they can, or want none."""
    if not os.environ.get("FEWLABEL_DEVICE", "").startswith("cuda"):
        return None
    # In a process of its own: torch takes seconds, and Snakemake's process then would hold it for the whole run.
    asked = subprocess.run(["fewlabel", "gpus"], capture_output=True, text=True, check=False)  # noqa: S607
    print(asked.stdout, end="", file=sys.stderr)
    return asked.stderr.strip() or "fewlabel gpus: failed" if asked.returncode else None


LEAST_MINUTES = 5
"""Of a finetuning that shares a job: two minutes of them may go before Slurm's warning and the start."""


def minutes_each(longest: int, finetunings: int) -> int:
    """What each of several finetunings may take of the longest time that a job may ask for, in minutes.

    Ends where that is too little to get anywhere.
    """
    if longest // finetunings >= LEAST_MINUTES:
        return longest // finetunings
    sys.exit(
        f"finetunes_per_job: {finetunings} leaves each finetuning {longest / finetunings:.1f} of the {longest} minutes "
        f"of `longest`; accepted: up to {max(longest // LEAST_MINUTES, 1)}; lower it, or raise `longest` if the "
        "partition allows more"
    )


_LOOKING: ContextVar[bool] = ContextVar("looking", default=False)


@contextmanager
def looking() -> Iterator[None]:
    """Read profiles without requiring what they need; `fewlabel doctor` reports everything that is missing."""
    token = _LOOKING.set(True)
    try:
        yield
    finally:
        _LOOKING.reset(token)


def require_readable(arguments: Sequence[str]) -> None:
    """Exit with a message if `config.yaml`, or an experiment file in Snakemake's arguments, cannot be read.

    Snakemake itself would read these files before any rule and print a traceback; the profile is loaded earlier.
    """
    from fewlabel.config.loading.yaml_files import CHECKOUT, DEFAULTS, read_files
    from fewlabel.utils.errors import InputError

    defaults = CHECKOUT / DEFAULTS
    try:
        read_files([*([defaults] if defaults.exists() else []), *named_files(arguments)])
    except InputError as error:
        sys.exit(str(error))


def named_files(arguments: Sequence[str]) -> list[Path]:
    """The files given by `--configfile` in Snakemake's arguments; options may be abbreviated."""
    files, open_option = [], False
    for word in arguments:
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            open_option = "--configfiles".startswith(option) and len(option) > len("--config")
            files += [Path(value)] if open_option and equals else []
            open_option = open_option and not equals
        elif open_option:
            files.append(Path(word))
    return files


def require(profile: str, *modules: str, extra: str = "") -> None:
    """End with what to install where a plugin of Snakemake is missing that a profile names.

    `extra`: the package's optional dependencies that bring it; none where it belongs to the required ones.

    Snakemake itself would show all of its options, and at their end that an executor is none of its choices.
    """
    if _LOOKING.get():
        return
    missing = [name.replace("_", "-") for name in modules if find_spec(name) is None]
    if missing:
        wanted = f"'.[{extra}]'" if extra else "."
        sys.exit(
            f"profiles/{profile} needs {' and '.join(missing)}, not installed here; install what it needs:\n"
            f"  python -m pip install --constraint envs/constraints.txt --editable {wanted}\n"
            "or take another profile (profiles/default: this machine)"
        )
