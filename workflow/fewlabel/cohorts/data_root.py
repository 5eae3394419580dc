"""Where cohorts on disk and downloads lie."""

import os
from pathlib import Path

VARIABLE = "FEWLABEL_DATA"


def data_root() -> Path:
    """The folder beneath which cohorts lie: FEWLABEL_DATA of the environment, else `data` in the working directory."""
    return Path(os.environ.get(VARIABLE) or "data").expanduser()


def export_data_root(folder: str) -> None:
    """Let all jobs of this run find cohorts beneath the folder."""
    os.environ[VARIABLE] = folder
