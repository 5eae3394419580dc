"""Where the files of a cohort lie: names and paths only, so that it is imported in no time."""

import os
from collections.abc import Sequence
from pathlib import Path

from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.radial import RadialSource

FileSource = NiftiSource | DecathlonSource | MetaImageSource | ChaosSource | RadialSource
"""A source whose volumes are files."""

NIFTI_SUFFIXES = (".nii.gz", ".nii")
META_SUFFIXES = (".mhd", ".mha")
NRRD_SUFFIXES = (".seg.nrrd", ".nrrd", ".nhdr")
VOLUME_SUFFIXES = (*NIFTI_SUFFIXES, *META_SUFFIXES, *NRRD_SUFFIXES, ".mgz", ".mgh")
"""Endings of files that are read as one volume. The case of endings does not matter."""
VOLUME_NAMES = f"<subject>{VOLUME_SUFFIXES[0]} (or {', '.join(VOLUME_SUFFIXES[1:])})"
"""Accepted names of a subject's file, for messages."""
KSPACE_SUFFIXES = (".h5", ".mrd")
RADIAL_SUFFIXES = (*KSPACE_SUFFIXES, ".npy")
"""Of radial data in one file a subject."""
FIRST_PARTS, SECOND_PARTS = ("_magnitude", "_real"), ("_phase", "_imaginary")
"""Ends of the names of radial data in two NIfTI files a subject."""
TABLE_NAMES = ("subjects.tsv", "subjects.csv")

UNSAFE_NAME = (
    "unsafe subject name; accepted: letters, digits, '.', '_' and '-', a letter or digit first, no '..', "
    "at most 100 characters; rename the file"
)


def cohort_folder(source: FileSource) -> Path:
    """Where the source's folder lies, or would lie."""
    name = source.task if isinstance(source, DecathlonSource) else source.folder
    return data_root() / Path(name).expanduser()


def unlabelled_folder(source: FileSource) -> Path | None:
    """Where further volumes without masks lie; None where the settings name none."""
    return None if source.unlabelled is None else data_root() / Path(source.unlabelled).expanduser()


def interference_folder(source: RadialSource) -> Path | None:
    """Where masks of the interference lie; None where the settings name no folder."""
    return None if source.interference is None else cohort_folder(source) / source.interference


def interference_mask(source: RadialSource, subject: str) -> Path | None:
    """A subject's mask of the interference, or where it should lie; None where the settings name no folder."""
    folder = interference_folder(source)
    if folder is None:
        return None
    found = sorted(path for path in folder.glob("*") if ends_with(path, VOLUME_SUFFIXES) and stem(path) == subject)
    return next((path for path in found if path.is_file()), folder / f"{subject}.nii.gz")


def is_present(source: FileSource) -> bool:
    """Whether the source's volumes lie on this machine, as far as its folders tell."""
    folder = cohort_folder(source)
    return (folder / "Train_Sets" / "MR").is_dir() if isinstance(source, ChaosSource) else folder.is_dir()


def visible_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files in and beneath a folder with one of the suffixes, by name; hidden ones are left out."""
    if not folder.is_dir():
        return []
    files = (path for path in folder.rglob("*") if path.name.lower().endswith(suffixes) and path.is_file())
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def ends_with(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether a file name has one of the endings, in any case."""
    return path.name.lower().endswith(suffixes)


def stem(path: Path) -> str:
    """A volume's file name without its ending: the subject's name."""
    found = next((suffix for suffix in (*VOLUME_SUFFIXES, *RADIAL_SUFFIXES) if ends_with(path, (suffix,))), "")
    return path.name[: len(path.name) - len(found)]


def is_metaimage_label(source: MetaImageSource, path: Path) -> bool:
    """Whether a file is a mask by its name, in any case: `Case01_Segmentation.mhd`."""
    name = stem(path)
    name = path.stem if name == path.name else name  # of `.raw`, which belongs to the header of its name
    return name.lower().endswith(source.label_suffix.lower())


def table_files(source: NiftiSource | MetaImageSource | RadialSource, folder: Path) -> list[Path]:
    """The subjects table that the source names (present or not), else those of the default names that are present."""
    if source.subjects_table is not None:
        return [folder / Path(source.subjects_table).expanduser()]
    found = [path for path in folder.glob("*") if path.name.lower() in TABLE_NAMES and path.is_file()]
    return sorted(found, key=lambda path: TABLE_NAMES.index(path.name.lower()))


def place(path: Path, folder: Path) -> str:
    """How messages name a file: relative to the cohort's folder."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def listed(names: Sequence[object], limit: int = 10) -> str:
    """Names for a message, separated by commas: the first few and how many more."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(str(name) for name in names[:limit]) + more


VARIABLE = "FEWLABEL_DATA"
EXPERIMENT_VARIABLE = "FEWLABEL_DATA_OF_EXPERIMENT"
"""The folder that an experiment put into FEWLABEL_DATA, so that messages of its jobs name `data_root`."""


def data_root() -> Path:
    """The folder beneath which cohorts lie: FEWLABEL_DATA of the environment, else `data` in the working directory."""
    return Path(os.environ.get(VARIABLE) or "data").expanduser()


def export_data_root(folder: str) -> None:
    """Let all jobs of this run find cohorts beneath the folder."""
    os.environ[VARIABLE] = os.environ[EXPERIMENT_VARIABLE] = folder


def data_root_setting() -> str:
    """What says where cohorts lie, for messages: `data_root` of the experiment, or the environment variable."""
    folder = os.environ.get(VARIABLE)
    return "`data_root`" if folder and folder == os.environ.get(EXPERIMENT_VARIABLE) else VARIABLE
