"""Segment new volumes with a trained network, in every image format that cohorts are read from."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from fewlabel.config.base import Axis
from fewlabel.config.jobs.data import Preparation
from fewlabel.data.formats.checks import image_problems, position_warning
from fewlabel.data.formats.dicom_headers import series_contents
from fewlabel.data.formats.registry import load
from fewlabel.data.paths import NIFTI_SUFFIXES, VOLUME_SUFFIXES, ends_with
from fewlabel.data.preprocessing.volume import Volume, save_nifti
from fewlabel.data.preprocessing.working_grid import preprocess
from fewlabel.data.sources.foreign_layouts import MADE, recognised
from fewlabel.data.sources.unlabelled import name_of, volumes_in
from fewlabel.data.store.packed_subject import as_stored
from fewlabel.data.store.slice_store import Store
from fewlabel.data.subjects.folder_contents import DICOM_SUFFIXES, Contents, unread_lines, why_unread
from fewlabel.data.subjects.suspicious_names import name_problems
from fewlabel.inference.evaluate import predict
from fewlabel.inference.training_ranges import Ranges, outliers
from fewlabel.training.devices.device import Precision
from fewlabel.training.network import UNet
from fewlabel.training.sampling import Slices
from fewlabel.utils.atomic_files import absent, atomic_files
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.formatting import listed
from fewlabel.utils.log import LOG
from fewlabel.utils.progress import Progress
from fewlabel.utils.system_errors import demand_writable, refuse_out_of_memory

ACCEPTED = (
    f"accepted: a file ({', '.join(VOLUME_SUFFIXES)}), a folder of them, the folder of a DICOM series, or a folder "
    "of such folders"
)


@dataclass(frozen=True)
class PredictionTask:
    """A volume to segment: the file or folder of its image, and the file of its mask."""

    image: Path
    mask: Path


@dataclass(frozen=True)
class Segmenter:
    """A network with all settings that predict a mask from a volume."""

    network: UNet  # on the device
    preparation: Preparation  # working grid and bias correction
    device: torch.device
    precision: Precision
    flips: Collection[Axis] = ()  # axes of a slice along which mirror images are averaged
    ranges: Ranges | None = None  # of the network's training cohort; None: unknown, images are not compared with it

    def mask(self, volume: Volume) -> tuple[NDArray[np.uint8], float, list[str]]:
        """Predict the mask on the volume's native grid, bit-identical to that of `fewlabel evaluate`.

        Returns:
            The mask (uint8, 1 inside), its volume in ml, and messages on properties outside `ranges`.

        Raises:
            InputError: the volume is too large on the working grid, has no contrast, or no bias field can be fitted.
        """
        images, _, frame = preprocess(volume, self.preparation.grid, self.preparation.bias_correction)
        stored = as_stored(images)
        empty = pd.DataFrame()
        slices = Slices(Store(stored, np.zeros((0, 0, 0), np.uint8), empty, empty), self.device)
        rows = np.arange(len(stored), dtype=np.int64)
        mask = frame.native_mask(predict(self.network, slices, rows, self.precision, self.flips))
        volume_ml = int(mask.sum()) * abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000
        warnings = [] if self.ranges is None else outliers(self.ranges, frame, stored, volume_ml)
        return mask, volume_ml, warnings


# ---------------------------------------------------------------------------------------------------------------- plan
def plan(images: Sequence[Path], output: Path, replace: bool = False) -> list[PredictionTask]:
    """Assign a mask file to each image. Opens no volume.

    Args:
        images: files, folders of files, folders of a DICOM series, or folders of such folders.
        output: a `.nii` or `.nii.gz` file for one volume; else a folder, which receives `<name>.nii.gz` for each.
        replace: whether existing masks may be replaced.

    Raises:
        InputError: with all problems: images that are missing or no volumes, repeated names, an output that exists, is
            one of the images, or does not suit the number of images.
    """
    volumes: list[Path] = []
    problems: list[str] = []
    for path in images:
        try:
            contents = _volumes(path)
        except InputError as error:
            problems.append(str(error))
            continue
        volumes += contents.used
        problems += _folder_problems(path, contents)
    if not problems:
        problems = _output_problems(output, len(volumes))
    if problems:
        raise InputError.of(problems)
    tasks = [
        PredictionTask(path, output if _is_file(output) else output / f"{name_of(path)}.nii.gz") for path in volumes
    ]
    if problems := [*_name_problems(tasks), *_place_problems(tasks, replace)]:
        raise InputError.of(problems)
    return tasks


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


def _folder_problems(path: Path, contents: Contents) -> list[str]:
    """Files that look like volumes but are not read, and images named like masks or channels."""
    remedy = "accepted: images; to fix: list the images to segment one by one, or move it away"
    problems = [
        *unread_lines(contents.unused, path, stopping=True),
        *name_problems({name_of(volume): volume.name for volume in contents.used}, remedy),
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
    """Masks whose paths exist."""
    images = {task.image.resolve() for task in tasks}
    if overwritten := [task.mask for task in tasks if task.mask.resolve() in images]:
        yield f"{listed(overwritten)}: an image would be replaced by its mask; to fix: choose another output with -o"
    elif existing := [task.mask for task in tasks if task.mask.exists() and not replace]:
        yield f"{listed(existing)}: already exists; to fix: use --replace to replace it, or choose another -o"


# ------------------------------------------------------------------------------------------------------------- segment
def segment(segmenter: Segmenter, tasks: Sequence[PredictionTask], channel: int | None = None) -> dict[Path, float]:
    """Segment all volumes and write their masks; if one image has a problem, no mask is written.

    Prints a warning for each volume that differs, or whose mask differs, from the network's training cohort.

    Args:
        channel: of 4D images, from 0.

    Returns:
        The volume of each mask in ml, by its file.

    Raises:
        InputError: the problems of all images.
    """
    volumes_ml: dict[Path, float] = {}
    problems: list[str] = []
    outside: list[str] = []
    new_folders = [folder for folder in {task.mask.parent for task in tasks} if not folder.exists()]
    try:
        with atomic_files([task.mask for task in tasks]) as partials:
            with Progress("predict", len(tasks), "volume") as progress:
                for task, partial in zip(tasks, partials, strict=True):
                    try:
                        volume = read_image(task.image, channel)
                        with refuse_out_of_memory(task.image.name):
                            mask, volumes_ml[task.mask], warnings = segmenter.mask(volume)
                    except InputError as error:
                        problems += _lines(error, task.image.name)
                        continue
                    save_nifti(partial, mask, volume.affine, volume.placement)
                    if warnings:
                        outside.append(
                            f"{task.image.name}: outside the ranges of the training cohort: {'; '.join(warnings)}"
                        )
                    progress.advance(note=f"{task.mask.name}: {volumes_ml[task.mask]:.1f} ml")
            for line in outside:
                LOG.warning(f"{printable(line)}; check its mask before use")
            if problems:
                count = len(tasks) - len(volumes_ml)
                bad = f"{count} of {len(tasks)} volumes cannot be segmented, and no mask is written:"
                raise InputError.of(problems, bad)
    except BaseException:
        for folder in new_folders:
            with suppress(OSError):
                folder.rmdir()
        raise
    return volumes_ml


def _lines(error: InputError, name: str) -> list[str]:
    """The problems of an image, each with the image's name."""
    return [line if line.startswith(name) else f"{name}: {line}" for line in str(error).splitlines()]


def read_image(path: Path, channel: int | None = None) -> Volume:
    """Read and check an image; print a warning if programs would place it differently.

    Args:
        path: a file, or the folder of a DICOM series.
        channel: of a 4D file, from 0.

    Raises:
        InputError: all problems of the image.
    """
    grid, problems = load(path, path.name, channel, "image")
    if grid is not None:
        problems = [*problems, *image_problems(grid, path.name)]
        if warning := position_warning(grid, path.name):
            LOG.warning(printable(warning))
    if problems or grid is None:
        raise InputError.of(problems)
    return Volume(grid.array, grid.affine, placement=grid.placement)
