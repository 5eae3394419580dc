"""Libraries that not everybody needs.

Imported while Snakemake reads its rules: nothing slow comes with it.
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec

from fewlabel.utils.errors import InputError

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


def require_export(packages: Sequence[str]) -> None:
    """Refuse to export a network where a library for it is not installed.

    Args:
        packages: as they are imported.

    Raises:
        InputError: with what to install.
    """
    if missing := [name for name in packages if find_spec(name) is None]:
        raise InputError(
            f"fewlabel export: not installed: {', '.join(missing)}; install the extra `export` in the checkout "
            '(pip install --constraint envs/constraints.txt --editable ".[export]")'
        )


def export_tensorboard() -> None:
    """Let all trainings of this run write TensorBoard logs.

    Raises:
        InputError: it is not installed.
    """
    require_tensorboard()
    os.environ[TENSORBOARD] = "1"
