"""The folder `unlabelled` of a cohort: further volumes without masks, as files or folders of DICOM series."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from fewlabel.config.sources.base import FileSource
from fewlabel.config.sources.channels import ChannelSource
from fewlabel.data.formats.dicom_headers import series_contents
from fewlabel.data.paths import UNSAFE_NAME, stem, unlabelled_folder
from fewlabel.data.sources.foreign_layouts import recognised
from fewlabel.data.subjects.channel_files import channel_files, duplicates
from fewlabel.data.subjects.folder_contents import Contents, Unused, contents, is_hidden
from fewlabel.data.subjects.subject import ListingError, Subject, is_safe_name
from fewlabel.utils.formatting import listed


def list_unlabelled(source: FileSource, taken_names: Collection[str]) -> list[Subject]:
    """The volumes by name; empty if the settings name no folder. Opens no volume.

    Each volume (`paths.VOLUME_SUFFIXES`) and each folder of a DICOM series (at any depth) is a subject of that name, or
    one of its channels.

    Args:
        taken_names: of the cohort's other subjects.

    Raises:
        InputError: all problems: missing or empty folder, unsafe or repeated names.
    """
    folder = unlabelled_folder(source)
    if folder is None:
        return []
    if not folder.is_dir():
        raise ListingError(
            "unlabelled:",
            [
                f"{source.unlabelled}: no such folder; looked for {folder.absolute()}; accepted: a folder of volumes "
                "without masks; to fix: set `unlabelled` (below `data_root` or FEWLABEL_DATA)"
            ],
        )
    suffixes = source.suffixes if isinstance(source, ChannelSource) else {}
    files = channel_files(suffixes, volumes_in(folder).used, name_of)
    volumes = [(name, path) for name, paths in files.images.items() for path in paths]
    problems = [f"{path.name}: {UNSAFE_NAME}" for name, path in volumes if not is_safe_name(name)]
    problems += [
        *duplicates(folder, *list(files.channels.values())[1:]),
        *files.channel_problems(files.images, folder),
    ]
    counts = Counter(name for name, _ in volumes)
    doubled = sorted(name for name in counts if counts[name] > 1 or name in taken_names)
    if doubled:
        problems.append(f"names of other subjects: {listed(doubled)}; accepted: each subject once; to fix: rename them")
    if not volumes and (layout := recognised(folder)):
        problems.append(f"the folder is {layout}; to fix: set `unlabelled` to its images/")
    elif not volumes:
        problems.append(
            "no volumes; accepted: NIfTI, MetaImage, NRRD or MGH files, or a folder with a DICOM series for each"
        )
    subjects = [
        files.complete(Subject(name, name, labelled=False, use="unlabelled", image=path, further=True))
        for name, path in volumes
    ]
    if problems:
        raise ListingError(f"{folder}:", problems, subjects)
    return subjects


def unused(source: FileSource) -> list[Unused]:
    """Content of the `unlabelled` folder, if the settings name one, that is not read."""
    folder = unlabelled_folder(source)
    return [] if folder is None else list(volumes_in(folder).unused)


def volumes_in(folder: Path) -> Contents:
    """Sort the content of a folder of volumes: files, and folders with one DICOM series each."""
    inside = contents(folder)
    used = list(inside.used)
    unused: list[Unused] = []
    for one in inside.unused:
        series = Contents()
        if one.path.is_dir() and not is_hidden(one.path, folder):
            series = series_contents(one.path)
        if series.used:
            used.append(one.path)
            unused += series.unused
        else:
            unused.append(one)
    return Contents(tuple(sorted(used)), inside.data, tuple(unused))


def name_of(volume: Path) -> str:
    """A volume's name: the file name without its ending, or the folder name of a series."""
    return volume.resolve().name if volume.is_dir() else stem(volume)
