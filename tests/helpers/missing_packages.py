"""Processes that lack packages which are installed here."""

import os


def hide(folder, names):
    """Variables of a process that finds none of these packages; `folder` is empty."""
    code = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in names)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}
