"""Processes that lack packages which are installed here."""

import os
from importlib.util import find_spec

import pytest

from fewlabel.utils.optional_dependencies import RADIAL

needs_radial = pytest.mark.skipif(
    any(find_spec(name) is None for name in RADIAL), reason="the extra `radial` is not installed"
)


def hide(folder, names):
    """Variables of a process that finds none of these packages; `folder` is empty."""
    code = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in names)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}
