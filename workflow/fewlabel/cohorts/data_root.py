"""Where cohorts on disk and downloads lie."""

import os
from pathlib import Path

VARIABLE = "FEWLABEL_DATA"
OF_EXPERIMENT = "FEWLABEL_DATA_OF_EXPERIMENT"
"""The folder that an experiment put into FEWLABEL_DATA, so that messages of its jobs name `data_root`."""


def data_root() -> Path:
    """The folder beneath which cohorts lie: FEWLABEL_DATA of the environment, else `data` in the working directory."""
    return Path(os.environ.get(VARIABLE) or "data").expanduser()


def export_data_root(folder: str) -> None:
    """Let all jobs of this run find cohorts beneath the folder."""
    os.environ[VARIABLE] = os.environ[OF_EXPERIMENT] = folder


def set_by() -> str:
    """What says where cohorts lie, for messages: `data_root` of the experiment, or the environment variable."""
    folder = os.environ.get(VARIABLE)
    return "`data_root`" if folder and folder == os.environ.get(OF_EXPERIMENT) else VARIABLE
