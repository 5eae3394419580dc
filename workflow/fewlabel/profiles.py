"""What profiles ask when Snakemake reads them, before it knows of anything else. Nothing slow comes with it."""

import os
import sys
from importlib.util import find_spec

from fewlabel.gpus import ask_driver, visible


def gpu_count() -> int:
    """How many GPUs of this machine may be used; 0 where there is none. Whether torch can use them is asked later."""
    return len(visible(ask_driver() or [], os.environ.get("CUDA_VISIBLE_DEVICES")))


def require(profile: str, *modules: str) -> None:
    """End with what to install where a plugin of Snakemake is missing that a profile names.

    Snakemake itself would show all of its options, and at their end that an executor is none of its choices.
    """
    missing = [name.replace("_", "-") for name in modules if find_spec(name) is None]
    if missing:
        sys.exit(
            f"profiles/{profile} needs {' and '.join(missing)}, not installed here; install what it needs:\n"
            f"  python -m pip install --constraint envs/constraints.txt --editable '.[{profile}]'\n"
            "or take another profile (profiles/default: this machine)"
        )
