"""Checks for optional libraries.

Imports nothing slow, since Snakemake's rules import it.
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec

from fewlabel.utils.errors import InputError

TENSORBOARD = "FEWLABEL_TENSORBOARD"
"""Environment variable: whether trainings write TensorBoard logs."""
RADIAL = ("finufft", "h5py", "ismrmrd")
"""Packages of the extra `radial`, by which radial k-space is read and reconstructed."""


def require_tensorboard() -> None:
    """Refuse to start if TensorBoard is not installed. Raises InputError: with what to install."""
    if find_spec("tensorboard") is None:
        raise InputError(
            "tensorboard: true, but the package tensorboard is not installed; to fix: install it "
            "(pip install --constraint envs/constraints.txt tensorboard), or set tensorboard: false"
        )


def require_export(packages: Sequence[str]) -> None:
    """Raise an InputError if a library for an export is not installed; `packages`: their import names."""
    if missing := [name for name in packages if find_spec(name) is None]:
        raise InputError(
            f"fewlabel export: not installed: {', '.join(missing)}; to fix: install the extra `export` in the checkout "
            '(pip install --constraint envs/constraints.txt --editable ".[export]")'
        )


def require_radial(setting: str) -> None:
    """Raise an InputError if a library for radial k-space is not installed; `setting`: the setting that needs it."""
    if missing := [name for name in RADIAL if find_spec(name) is None]:
        raise InputError(
            f"{setting}: reconstruction of radial k-space needs the extra `radial`; not installed: "
            f"{', '.join(missing)}; to fix: python -m pip install --constraint envs/constraints.txt "
            f"{' '.join(RADIAL)}, or leave the setting out"
        )


def enable_tensorboard() -> None:
    """Make all trainings of this run write TensorBoard logs. Raises InputError: it is not installed."""
    require_tensorboard()
    os.environ[TENSORBOARD] = "1"
