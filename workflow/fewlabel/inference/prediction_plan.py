"""Which volumes are segmented, and where their masks are written. Opens no volume."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from fewlabel.data.formats.dicom_headers import series_contents
from fewlabel.data.paths import NIFTI_SUFFIXES, VOLUME_SUFFIXES, ends_with, stem
from fewlabel.data.sources.foreign_layouts import MADE, recognised
from fewlabel.data.sources.unlabelled import name_of, volumes_in
from fewlabel.data.subjects.channel_files import ChannelFiles, channel_files
from fewlabel.data.subjects.folder_contents import DICOM_SUFFIXES, Contents, Unused, unread_lines, why_unread
from fewlabel.data.subjects.suspicious_names import name_problems
from fewlabel.utils.atomic_files import absent
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import listed
from fewlabel.utils.system_errors import demand_writable

ACCEPTED = (
    f"accepted: a file ({', '.join(VOLUME_SUFFIXES)}), a folder of them, the folder of a DICOM series, or a folder "
    "of such folders"
)

Files = tuple[str, list[Path]]
"""Name of a subject, and the files of its image."""


@dataclass(frozen=True)
class PredictionTask:
    """A volume to segment: the file or folder of its image, and the files that are written."""

    image: Path
    mask: Path
    probabilities: Path | None = None  # None: not written
    class_list: Path | None = None  # order of the classes in `probabilities`, JSON; None: one target without a name
    further: tuple[Path, ...] = ()  # files of the channels after the first, where each channel has a file

    @property
    def outputs(self) -> list[Path]:
        """All files that are written."""
        return [path for path in (self.mask, self.probabilities, self.class_list) if path is not None]


def plan(
    images: Sequence[Path],
    output: Path,
    replace: bool = False,
    probabilities: bool = False,
    classes: bool = False,
    suffixes: Mapping[str, str] = MappingProxyType({}),
) -> list[PredictionTask]:
    """Assign a mask file to each image. Opens no volume.

    Args:
        images: files, folders of files, folders of a DICOM series, or folders of such folders. With suffixes, a file
            stands for all files of its subject in its folder.
        output: a `.nii` or `.nii.gz` file for one volume; else a folder, which receives `<name>.nii.gz` for each.
        replace: whether existing files may be replaced.
        probabilities: whether to write them next to each mask, as `<name>_probabilities.nii.gz`.
        classes: whether the network's classes have names, of which probabilities then have a list.
        suffixes: of the names of the files of each channel, by its name; empty: an image is one file.

    Raises:
        InputError: with all problems: images that are missing or no volumes, missing channels, repeated names, an
            output that exists, is one of the images, or does not suit the number of images.
    """
    subjects: list[Files] = []
    problems: list[str] = []
    for path in images:
        try:
            contents = _volumes(path)
        except InputError as error:
            problems.append(str(error))
            continue
        found, missing = _subjects(path, contents.used, suffixes)
        problems += [*_folder_problems(path, contents.unused, found), *missing]
        # Several files of one subject may be given; without suffixes, each is an image.
        subjects += [one for one in found if not suffixes or one not in subjects]
    if not problems:
        problems = _output_problems(output, len(subjects))
    if problems:
        raise InputError.of(problems)
    tasks = [
        PredictionTask(first, output if _is_file(output) else output / f"{name}.nii.gz", further=tuple(further))
        for name, (first, *further) in subjects
    ]
    if probabilities:
        tasks = [_with_probabilities(task, classes) for task in tasks]
    if problems := [*_name_problems(tasks), *_place_problems(tasks, replace)]:
        raise InputError.of(problems)
    return tasks


def _subjects(path: Path, used: Sequence[Path], suffixes: Mapping[str, str]) -> tuple[list[Files], list[str]]:
    """The subjects of a path, with the files of all channels in their order; and their problems."""
    if not suffixes:
        return [(name_of(volume), [volume]) for volume in used], []
    named = channel_files(suffixes, used, name_of)
    folder, files = path, named
    if path in used:
        folder = path.absolute().parent
        known = tuple(name.lower() for name in named.images)
        volumes = [one for one in sorted(folder.iterdir()) if one.is_dir() or ends_with(one, VOLUME_SUFFIXES)]
        files = channel_files(suffixes, [one for one in volumes if one.name.lower().startswith(known)], name_of)
    groups = {
        channel: {name: all_of[name] for name in named.images if name in all_of}
        for channel, all_of in files.channels.items()
    }
    chosen = ChannelFiles(suffixes, groups, named.others)
    problems = [f"{path}: {problem}" for problem in chosen.problems(named.images, folder)]
    complete = [name for name in named.images if all(name in group for group in groups.values())]
    return [(name, [group[name][0] for group in groups.values()]) for name in complete], problems


def _with_probabilities(task: PredictionTask, classes: bool) -> PredictionTask:
    name = f"{stem(task.mask)}_probabilities"
    listed = task.mask.with_name(f"{name}.json") if classes else None
    return PredictionTask(task.image, task.mask, task.mask.with_name(f"{name}.nii.gz"), listed, task.further)


def unread(images: Sequence[Path]) -> list[str]:
    """Messages on content of the image folders that is not read, one line per reason; `images`: see `plan`."""
    return [line for path in images for line in unread_lines(_volumes(path).unused, path.parent, stopping=False)]


def _volumes(path: Path) -> Contents:
    """The volumes of a path: the file itself, or those in the folder."""
    if not path.exists():
        what = absent(path) if path.is_symlink() else "no such file or folder"
        raise InputError(f"{path}: {what}; {ACCEPTED}")
    if path.is_file():
        if ends_with(path, VOLUME_SUFFIXES):
            return Contents((path,))
        of_dicom = ends_with(path, DICOM_SUFFIXES) or not path.suffix
        hint = "; to fix: for DICOM, name the folder of the series" if of_dicom else f"; {why_unread(path).reason}"
        raise InputError(f"{path}: not a volume by its name; {ACCEPTED}{hint}")
    if foreign := recognised(path):
        raise InputError(f"{path}: the folder is {foreign}; then use {path / MADE / 'images'}")
    contents = volumes_in(path)
    if not contents.used:
        series = series_contents(path)
        contents = Contents((path,), unused=series.unused) if series.used else contents
    if not contents.used and not any(unused.stops for unused in contents.unused):
        raise InputError(f"{path}: the folder contains no volume; {ACCEPTED}")
    return contents


def _folder_problems(path: Path, unused: Sequence[Unused], found: Sequence[Files]) -> list[str]:
    """Files that look like volumes but are not read, and images named like masks or channels."""
    remedy = "accepted: images; to fix: list the images to segment one by one, or move it away"
    problems = [
        *unread_lines(unused, path, stopping=True),
        *name_problems({name: files[0].name for name, files in found}, remedy),
    ]
    return [f"{path}: {problem}" for problem in problems]


def _is_file(output: Path) -> bool:
    return output.name.endswith(NIFTI_SUFFIXES) and not output.is_dir()


def _output_problems(output: Path, volumes: int) -> list[str]:
    """Problems of the output path itself."""
    accepted = "accepted: mask.nii.gz or mask.nii for one volume, or a folder for any number"
    if _is_file(output) and volumes > 1:
        return [f"-o {output}: one file for {volumes} volumes; {accepted}"]
    if not _is_file(output) and not output.is_dir():
        if output.exists():
            return [f"-o {output}: a file, not named as NIfTI; {accepted}"]
        if output.suffix:
            return [f"-o {output}: not named as NIfTI; {accepted} (a folder with a dot in its name must exist)"]
    parent = output if output.is_dir() else output.absolute().parent
    if not parent.is_dir():
        return [f"-o {output}: no such folder {parent}; to fix: make it first"]
    try:
        demand_writable([output / "a" if output.is_dir() else output])
    except InputError as error:
        return [f"-o {error}"]
    return []


def _name_problems(tasks: Sequence[PredictionTask]) -> Iterator[str]:
    """Volumes whose masks would be the same file."""
    counted = Counter(task.mask for task in tasks)
    for mask in (mask for mask, count in counted.items() if count > 1):
        same = [task.image for task in tasks if task.mask == mask]
        yield f"{listed(same)}: equal names, so their masks would be one file, {mask}; to fix: rename them"


def _place_problems(tasks: Sequence[PredictionTask], replace: bool) -> Iterator[str]:
    """Files to write whose paths exist."""
    images = {path.resolve() for task in tasks for path in (task.image, *task.further)}
    outputs = [path for task in tasks for path in task.outputs]
    if overwritten := [path for path in outputs if path.resolve() in images]:
        yield f"{listed(overwritten)}: an image would be replaced by its mask; to fix: choose another output with -o"
    elif existing := [path for path in outputs if path.exists() and not replace]:
        yield f"{listed(existing)}: already exists; to fix: use --replace to replace it, or choose another -o"
