"""Programs that tests call, as envs/test-programs.txt lists them: without theirs, tests say what to install."""

import os
import shutil
from pathlib import Path

import pytest

LIST = Path(__file__).parents[2] / "envs" / "test-programs.txt"
# Daemons lie where an ordinary user's PATH does not look.
SYSTEM_PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


def listed():
    """Debian's package of each listed program."""
    rows = [line.split() for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    return dict(rows)


def lacking(*names):
    """Why a test cannot run that calls these programs; empty where all are here. A program must be listed."""
    packages = {name: listed()[name] for name in names}
    missing = [name for name in names if shutil.which(name, path=SYSTEM_PATH) is None]
    install = " ".join(dict.fromkeys(packages[name] for name in missing))
    return f"needs {', '.join(missing)}: apt-get install --no-install-recommends {install}" if missing else ""


def needs(*names):
    """Mark a test that calls these programs."""
    return pytest.mark.skipif(bool(lacking(*names)), reason=lacking(*names))


def skip_without(*names):
    """The same, within a fixture."""
    if reason := lacking(*names):
        pytest.skip(reason)
