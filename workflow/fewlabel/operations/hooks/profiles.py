"""Functions that profiles call to read this machine, before any job runs. Imports nothing slow."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path

from fewlabel.operations.doctor.machine import ask
from fewlabel.training.devices.gpus import query_driver, visible_gpus


def gpu_names() -> list[str]:
    """Models of the visible GPUs of this machine, by the driver; torch is asked later."""
    return [gpu.name for gpu in visible_gpus(query_driver() or [], os.environ.get("CUDA_VISIBLE_DEVICES"))]


def gpu_count() -> int:
    """Number of visible GPUs of this machine."""
    return len(gpu_names())


LEAST_MB = 16_000
"""Minimum, in MB, so that no core idles: jobs use far less than they reserve (a finetuning of the demo 0.5 of 3 GB)."""


def memory_mb() -> int:
    """Memory for all jobs together, in MB: three quarters of the memory of this machine or container."""
    machine = ask()
    bounds = [bytes_ for bytes_ in (machine.total, machine.limit) if bytes_ is not None]
    return max(LEAST_MB, int(0.75e-6 * min(bounds))) if bounds else LEAST_MB


def share_gpus(slots: int) -> None:
    """Let the trainings of this run use GPUs, with `slots` trainings on each.

    Set in the environment, not in the settings, since the device of a training must not make results old.
    """
    os.environ["FEWLABEL_SLOTS_PER_GPU"] = str(slots)
    os.environ.setdefault("FEWLABEL_DEVICE", "cuda")


def repeat_steps() -> None:
    """Let the trainings of this run repeat their steps as CUDA graphs (`fewlabel.training.steps`)."""
    os.environ["FEWLABEL_CUDA_GRAPH"] = "1"


def gpu_trouble() -> str | None:
    """The reason why trainings cannot use a requested GPU, with its fix; None: they can, or request none."""
    if not os.environ.get("FEWLABEL_DEVICE", "").startswith("cuda"):
        return None
    # In another process: importing torch takes seconds and memory for the whole run.
    process = subprocess.run(["fewlabel", "gpus"], capture_output=True, text=True, check=False)  # noqa: S607
    print(process.stdout, end="", file=sys.stderr)
    return process.stderr.strip() or "fewlabel gpus: failed" if process.returncode else None


LEAST_MINUTES = 5
"""Minimum minutes of a finetuning with its evaluation; the start and Slurm's warning may take two of them."""


def minutes_each(longest: int, finetunings: int) -> tuple[int, int]:
    """Minutes of each finetuning and of its evaluation, if so many of both share a job of `longest` minutes.

    Exits if a pair had less than `LEAST_MINUTES`.
    """
    pair = longest // finetunings
    if pair >= LEAST_MINUTES:
        return pair - pair // 5, pair // 5
    sys.exit(
        f"finetunes_per_job: {finetunings} leaves each finetuning {longest / finetunings:.1f} of the {longest} minutes "
        f"of `longest`; accepted: up to {max(longest // LEAST_MINUTES, 1)}; to fix: lower it, or raise `longest` "
        "if the partition allows more"
    )


_EXAMINING: ContextVar[bool] = ContextVar("examining", default=False)


@contextmanager
def examining() -> Iterator[None]:
    """Read profiles without their requirements; `fewlabel doctor` reports all that are missing."""
    token = _EXAMINING.set(True)
    try:
        yield
    finally:
        _EXAMINING.reset(token)


def require_readable(arguments: Sequence[str]) -> None:
    """Exit with a message if `config.yaml`, or an experiment file in Snakemake's arguments, cannot be read.

    Snakemake itself would read these files before any rule and print a traceback; the profile is loaded earlier.
    """
    from fewlabel.config.loading.workflow_files import DEFAULTS, workflow_folders
    from fewlabel.config.loading.yaml_files import read_files
    from fewlabel.utils.errors import InputError

    defaults = [folder / DEFAULTS for folder in workflow_folders()]
    try:
        read_files([*defaults[:1], *named_files(arguments)])
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


def require(profile: str, *modules: str) -> None:
    """Exit with an install command if Snakemake plugins of a profile are missing.

    Snakemake itself would print all of its options and then that the executor is no valid choice.
    """
    if _EXAMINING.get():
        return
    missing = [name.replace("_", "-") for name in modules if find_spec(name) is None]
    if missing:
        sys.exit(
            f"profiles/{profile} needs {' and '.join(missing)}, not installed here; to fix: install it:\n"
            f"  python -m pip install --constraint envs/constraints.txt {' '.join(missing)}\n"
            "or use another profile (profiles/default: this machine)"
        )
