"""Paths and file names of cohorts. Imports nothing slow."""

import os
from pathlib import Path

from fewlabel.config.sources.base import FileSource, Part

NIFTI_SUFFIXES = (".nii.gz", ".nii")
META_SUFFIXES = (".mhd", ".mha")
NRRD_SUFFIXES = (".seg.nrrd", ".nrrd", ".nhdr")
VOLUME_SUFFIXES = (*NIFTI_SUFFIXES, *META_SUFFIXES, *NRRD_SUFFIXES, ".mgz", ".mgh")
"""Endings of files that are read as one volume. The case of endings does not matter."""
VOLUME_NAMES = f"<subject>{VOLUME_SUFFIXES[0]} (or {', '.join(VOLUME_SUFFIXES[1:])})"
"""Accepted names of a subject's file, for messages."""
KSPACE_SUFFIXES = (".h5", ".mrd")
RADIAL_SUFFIXES = (*KSPACE_SUFFIXES, ".npy")
"""Endings of radial data in one file a subject."""
FIRST_PARTS, SECOND_PARTS = ("_magnitude", "_real"), ("_phase", "_imaginary")
"""Ends of the names of radial data in two NIfTI files a subject."""
TABLE_NAMES = ("subjects.tsv", "subjects.csv")

UNSAFE_NAME = (
    "unsafe subject name; accepted: letters, digits, '.', '_' and '-', a letter or digit first, no '..', "
    "at most 100 characters; to fix: rename the file"
)


def cohort_folder(source: FileSource) -> Path:
    """The folder of a source, which may not exist."""
    return data_root() / Path(source.root).expanduser()


def unlabelled_folder(source: FileSource) -> Path | None:
    """The folder of further volumes without masks; None if the settings name none."""
    return None if source.unlabelled is None else data_root() / Path(source.unlabelled).expanduser()


def is_present(source: FileSource) -> bool:
    """Whether the folder of the first part of the source's volumes exists."""
    return (cohort_folder(source) / source.parts[0].folder).is_dir()


def is_complete(source: FileSource) -> bool:
    """Whether all parts are present, so that a listing fetches nothing."""
    return all((cohort_folder(source) / part.folder).is_dir() for part in source.parts)


def archive_of(source: FileSource, part: Part) -> Path | None:
    """The archive of a part: in the cohort's folder if it is there, else next to it; None: it has none."""
    folder = cohort_folder(source)
    if not part.archive:
        return None
    return folder / part.archive if (folder / part.archive).is_file() else folder.parent / part.archive


def visible_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Files with one of the suffixes below a folder, sorted, without hidden ones; empty if the folder is missing."""
    if not folder.is_dir():
        return []
    files = (path for path in folder.rglob("*") if path.name.lower().endswith(suffixes) and path.is_file())
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def ends_with(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether a file name has one of the endings, in any case."""
    return path.name.lower().endswith(suffixes)


def stem(path: Path) -> str:
    """A volume's file name without its ending, which is the subject's name."""
    ending = next((suffix for suffix in (*VOLUME_SUFFIXES, *RADIAL_SUFFIXES) if ends_with(path, (suffix,))), "")
    return path.name[: len(path.name) - len(ending)]


def table_files(named: str | None, folder: Path) -> list[Path]:
    """The subjects table that a source names (present or not), else those of the default names that are present."""
    if named is not None:
        return [folder / Path(named).expanduser()]
    paths = [path for path in folder.glob("*") if path.name.lower() in TABLE_NAMES and path.is_file()]
    return sorted(paths, key=lambda path: TABLE_NAMES.index(path.name.lower()))


def place(path: Path, folder: Path) -> str:
    """The name of a file in messages: its path relative to the cohort's folder."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


VARIABLE = "FEWLABEL_DATA"
EXPERIMENT_VARIABLE = "FEWLABEL_DATA_OF_EXPERIMENT"
"""Copy of FEWLABEL_DATA if an experiment set it; messages of its jobs then name `data_root`."""


def data_root() -> Path:
    """The folder of all cohorts: FEWLABEL_DATA of the environment, by default `data` in the working directory."""
    return Path(os.environ.get(VARIABLE) or "data").expanduser()


def export_data_root(folder: str) -> None:
    """Set the folder of all cohorts for all jobs of this run."""
    os.environ[VARIABLE] = os.environ[EXPERIMENT_VARIABLE] = folder


def data_root_setting() -> str:
    """The name of the setting of the data folder: `data_root` of the experiment, or the environment variable."""
    folder = os.environ.get(VARIABLE)
    return "`data_root`" if folder and folder == os.environ.get(EXPERIMENT_VARIABLE) else VARIABLE
