"""Libraries that not everybody needs.

Imported while Snakemake reads its rules: nothing slow comes with it.
"""

import os
from importlib.util import find_spec

from fewlabel.errors import InputError

TENSORBOARD = "FEWLABEL_TENSORBOARD"
"""Of the environment: whether trainings write TensorBoard logs."""


def require_tensorboard() -> None:
    """Refuse to start where TensorBoard is not installed.

    Raises:
        InputError: with what to install.
    """
    if find_spec("tensorboard") is None:
        raise InputError(
            "tensorboard: true, but the package tensorboard is not installed; install it "
            "(pip install --constraint envs/constraints.txt tensorboard), or set tensorboard: false"
        )


def export_tensorboard() -> None:
    """Let all trainings of this run write TensorBoard logs.

    Raises:
        InputError: it is not installed.
    """
    require_tensorboard()
    os.environ[TENSORBOARD] = "1"
