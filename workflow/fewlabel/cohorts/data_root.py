"""Where cohorts on disk and downloads lie."""

import os
from pathlib import Path


def data_root() -> Path:
    """The folder beneath which cohorts lie: FEWLABEL_DATA of the environment, else `data` in the working directory."""
    return Path(os.environ.get("FEWLABEL_DATA") or "data").expanduser()
