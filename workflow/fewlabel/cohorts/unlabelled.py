"""Further volumes without masks that a cohort's settings name: files, or a folder with a DICOM series for each."""

from collections.abc import Collection
from pathlib import Path

from fewlabel.cohorts.dicom_headers import dicom_files
from fewlabel.cohorts.layout import NIFTI_SUFFIXES, UNSAFE_NAME, FileSource, listed, stem, unlabelled_folder
from fewlabel.cohorts.metaimage_file import META_SUFFIXES
from fewlabel.cohorts.subject import ListingError, Subject, is_safe_name


def list_unlabelled(source: FileSource, taken: Collection[str]) -> list[Subject]:
    """The volumes by name: none where the settings name no folder. Opens no volume.

    Args:
        source: its `unlabelled` is the folder. In it, each `.nii`, `.nii.gz`, `.mhd` or `.mha` file and each folder
            that is not empty (at any depth: one series) is a subject of that name.
        taken: names of the cohort's other subjects.

    Raises:
        InputError: with all problems: missing or empty folder, unsafe or repeated names.
    """
    folder = unlabelled_folder(source)
    if folder is None:
        return []
    if not folder.is_dir():
        raise ListingError(
            "unlabelled:",
            [
                f"{source.unlabelled}: no such folder; looked for {folder.absolute()}; accepted: a folder of volumes "
                "without masks; set `unlabelled` (beneath `data_root` or FEWLABEL_DATA)"
            ],
        )
    volumes = [(_name(path), path) for path in sorted(folder.iterdir()) if _is_volume(path)]
    problems = [f"{path.name}: {UNSAFE_NAME}" for name, path in volumes if not is_safe_name(name)]
    names = [name for name, _ in volumes]
    doubled = sorted({name for name in names if names.count(name) > 1 or name in taken})
    if doubled:
        problems.append(f"names that are taken: {listed(doubled)}; accepted: each subject once; rename them")
    if not volumes:
        problems.append(
            "no volumes; accepted: NIfTI or MetaImage files, or a folder with a DICOM series for each subject"
        )
    subjects = [Subject(name, name, labelled=False, use="unlabelled", image=path) for name, path in volumes]
    if problems:
        raise ListingError(f"{folder}:", problems, subjects)
    return subjects


def _is_volume(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    return bool(dicom_files(path)) if path.is_dir() else path.name.endswith((*NIFTI_SUFFIXES, *META_SUFFIXES))


def _name(path: Path) -> str:
    if path.is_dir():
        return path.name
    return stem(path) if path.name.endswith(NIFTI_SUFFIXES) else path.stem
