"""Find the folder of the workflow's files: Snakefile, `config.yaml`, rules, profiles. Imports nothing slow."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
DEFAULTS = "config.yaml"
WORKFLOW_FILES = ("Snakefile", DEFAULTS, "config", "experiments", "profiles", "envs", "workflow")
"""What a folder of the workflow holds; `envs` and `workflow` lie where rules look for them."""


def workflow_folder() -> Path | None:
    """The folder of the workflow that this package belongs to; None: it was installed without one.

    It is the checkout or snapshot that contains the package, or else what its wheel installed (`share/fewlabel`).
    """
    # `pip install --target` does not note where it puts `share`.
    folders = [PACKAGE.parents[1], *_installed(), PACKAGE.parent / "share" / "fewlabel"]
    return next((folder for folder in folders if _has_workflow(folder)), None)


def workflow_folders() -> list[Path]:
    """Folders in which commands look for files of the workflow: the current one, if it has a workflow, goes first."""
    own, here = workflow_folder(), Path.cwd()
    return [folder for folder in (here, own) if folder is not None and _has_workflow(folder)]


def _installed() -> list[Path]:
    try:
        recorded = files("fewlabel") or []
    except PackageNotFoundError:
        return []
    return [Path(file.locate()).resolve().parent for file in recorded if file.parts[-2:] == ("fewlabel", "Snakefile")]


def _has_workflow(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("Snakefile", DEFAULTS))
