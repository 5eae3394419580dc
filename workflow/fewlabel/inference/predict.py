"""Masks of volumes that no study has seen: a trained network, and images in any format that cohorts are read from."""

import sys
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
from fewlabel.data.formats.checks import image_problems, place_warning
from fewlabel.data.formats.dicom_headers import series_contents
from fewlabel.data.formats.registry import load
from fewlabel.data.paths import NIFTI_SUFFIXES, VOLUME_SUFFIXES, ends_with, listed
from fewlabel.data.preprocessing.volume import Volume, save_nifti
from fewlabel.data.preprocessing.working_grid import preprocess
from fewlabel.data.sources.foreign_layouts import MADE, recognised
from fewlabel.data.sources.unlabelled import name_of, volumes_in
from fewlabel.data.store.slice_store import Store, as_stored
from fewlabel.data.subjects.folder_contents import DICOM_SUFFIXES, Contents, lines, why_unread
from fewlabel.data.subjects.suspicious_names import name_problems
from fewlabel.inference.evaluate import predict
from fewlabel.inference.training_ranges import Ranges, outliers
from fewlabel.training.devices.device import Precision
from fewlabel.training.network import UNet
from fewlabel.training.sampling import Slices
from fewlabel.utils.atomic_files import absent, whole_together
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.progress import Progress
from fewlabel.utils.system_errors import demand_writable, memory_of

ACCEPTED = (
    f"accepted: a file ({', '.join(VOLUME_SUFFIXES)}), a folder of them, the folder of a DICOM series, or a folder "
    "of such folders"
)


@dataclass(frozen=True)
class Task:
    """One volume to segment: the file or folder of its image, and the file of its mask."""

    image: Path
    mask: Path


@dataclass(frozen=True)
class Segmenter:
    """A network with all that turns a volume into its mask.

    Attributes:
        network: on the device.
        preparation: how slices are made from a volume.
        device, precision: of the forward pass.
        flips: axes of a slice along which mirror images are averaged.
        ranges: of the network's training cohort; None: unknown, so nothing is compared.
    """

    network: UNet
    preparation: Preparation
    device: torch.device
    precision: Precision
    flips: Collection[Axis] = ()
    ranges: Ranges | None = None

    def mask(self, volume: Volume) -> tuple[NDArray[np.uint8], float, list[str]]:
        """The mask on the volume's own grid: bit for bit what `fewlabel evaluate` saves of it.

        Returns:
            The mask (uint8, 1 inside), its volume in ml, and messages on what is outside `ranges`.

        Raises:
            InputError: the volume is too large on the working grid, has no contrast, or no bias field can be fitted.
        """
        images, _, frame = preprocess(volume, self.preparation.grid, self.preparation.bias_correction)
        stored = as_stored(images)
        none = pd.DataFrame()
        slices = Slices(Store(stored, np.zeros((0, 0, 0), np.uint8), none, none), self.device)
        rows = np.arange(len(stored), dtype=np.int64)
        mask = frame.native_mask(predict(self.network, slices, rows, self.precision, self.flips))
        volume_ml = int(mask.sum()) * abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000
        doubts = [] if self.ranges is None else outliers(self.ranges, frame, stored, volume_ml)
        return mask, volume_ml, doubts


# --------------------------------------------------------------------------------------------------- what is asked
def plan(images: Sequence[Path], output: Path, replace: bool = False) -> list[Task]:
    """Which masks are made of which images. Opens no volume.

    Args:
        images: files, folders of files, folders of a DICOM series, or folders of such folders.
        output: a `.nii` or `.nii.gz` file for one volume; else a folder, which receives `<name>.nii.gz` for each.
        replace: whether masks that are there already may be replaced.

    Raises:
        InputError: with all problems: images that are not there or no volumes, names that occur twice, an output that
            is there, that is one of the images, or that does not suit the number of images.
    """
    volumes: list[Path] = []
    problems: list[str] = []
    for path in images:
        try:
            found = _volumes(path)
        except InputError as error:
            problems.append(str(error))
            continue
        volumes += found.used
        problems += _folder_problems(path, found)
    if not problems:
        problems = _output_problems(output, len(volumes))
    if problems:
        raise InputError.of(problems)
    tasks = [Task(path, output if _is_file(output) else output / f"{name_of(path)}.nii.gz") for path in volumes]
    if problems := [*_name_problems(tasks), *_place_problems(tasks, replace)]:
        raise InputError.of(problems)
    return tasks


def unread(images: Sequence[Path]) -> list[str]:
    """Content of the image folders that is not read, one line per reason.

    Args:
        images: as in `plan`, which must have accepted them.
    """
    return [line for path in images for line in lines(_volumes(path).unused, path.parent, stopping=False)]


def _volumes(path: Path) -> Contents:
    """The volumes that a path names: itself, or those in it."""
    if not path.exists():
        what = absent(path) if path.is_symlink() else "no such file or folder"
        raise InputError(f"{path}: {what}; {ACCEPTED}")
    if path.is_file():
        if ends_with(path, VOLUME_SUFFIXES):
            return Contents((path,))
        of_dicom = ends_with(path, DICOM_SUFFIXES) or not path.suffix
        hint = "; for DICOM, give the folder of the series" if of_dicom else f"; {why_unread(path).reason}"
        raise InputError(f"{path}: not a volume by its name; {ACCEPTED}{hint}")
    if foreign := recognised(path):
        raise InputError(f"{path}: the folder is {foreign}; then give {path / MADE / 'images'}")
    found = volumes_in(path)
    if not found.used:
        series = series_contents(path)
        found = Contents((path,), unused=series.unused) if series.used else found
    if not found.used and not any(one.stops for one in found.unused):
        raise InputError(f"{path}: the folder contains no volume; {ACCEPTED}")
    return found


def _folder_problems(path: Path, found: Contents) -> list[str]:
    """Files that look like volumes but are not read, and images named like masks or channels."""
    cure = "accepted: images; to fix: list the images to segment one by one, or move it away"
    problems = [
        *lines(found.unused, path, stopping=True),
        *name_problems({name_of(one): one.name for one in found.used}, cure),
    ]
    return [f"{path}: {problem}" for problem in problems]


def _is_file(output: Path) -> bool:
    return output.name.endswith(NIFTI_SUFFIXES) and not output.is_dir()


def _output_problems(output: Path, volumes: int) -> list[str]:
    """What is wrong with the output by itself."""
    accepted = "accepted: mask.nii.gz or mask.nii for one volume, or a folder for any number"
    if _is_file(output) and volumes > 1:
        return [f"-o {output}: one file, but there are {volumes} volumes; {accepted}"]
    if not _is_file(output) and not output.is_dir():
        if output.exists():
            return [f"-o {output}: a file that is no NIfTI file by its name; {accepted}"]
        if output.suffix:
            return [f"-o {output}: no NIfTI file by its name; {accepted} (one with a dot in its name must be there)"]
    above = output if output.is_dir() else output.absolute().parent
    if not above.is_dir():
        return [f"-o {output}: there is no folder {above}; make it first"]
    try:
        demand_writable([output / "a" if output.is_dir() else output])
    except InputError as error:
        return [f"-o {error}"]
    return []


def _name_problems(tasks: Sequence[Task]) -> Iterator[str]:
    """Volumes whose masks would be one file."""
    counted = Counter(task.mask for task in tasks)
    for mask in (mask for mask, count in counted.items() if count > 1):
        same = [task.image for task in tasks if task.mask == mask]
        yield f"{listed(same)}: of one name, so their masks would be one file, {mask}; rename them"


def _place_problems(tasks: Sequence[Task], replace: bool) -> Iterator[str]:
    """Masks in whose place something is."""
    images = {task.image.resolve() for task in tasks}
    if over := [task.mask for task in tasks if task.mask.resolve() in images]:
        yield f"{listed(over)}: is an image, and would be replaced by its mask; name another output with -o"
    elif there := [task.mask for task in tasks if task.mask.exists() and not replace]:
        yield f"{listed(there)}: there already; give --replace to put new masks in their place, or another -o"


# ----------------------------------------------------------------------------------------------------- what is done
def segment(segmenter: Segmenter, tasks: Sequence[Task], channel: int | None = None) -> dict[Path, float]:
    """Segment all volumes and write their masks: all, or none where one image is no good.

    Prints a warning for each volume that differs from the network's training cohort, or whose mask does.

    Args:
        segmenter: the network.
        tasks: from `plan`.
        channel: of 4D images, from 0.

    Returns:
        The volume inside each mask, in ml, by its file.

    Raises:
        InputError: with the problems of all images.
    """
    found: dict[Path, float] = {}
    problems: list[str] = []
    doubtful: list[str] = []
    made = [folder for folder in {task.mask.parent for task in tasks} if not folder.exists()]
    try:
        with whole_together([task.mask for task in tasks]) as partials:
            with Progress("predict", len(tasks), "volume") as progress:
                for task, partial in zip(tasks, partials, strict=True):
                    try:
                        volume = read_image(task.image, channel)
                        with memory_of(task.image.name):
                            mask, found[task.mask], doubts = segmenter.mask(volume)
                    except InputError as error:
                        problems += _lines(error, task.image.name)
                        continue
                    save_nifti(partial, mask, volume.affine, volume.placement)
                    if doubts:
                        doubtful.append(
                            f"{task.image.name}: outside the ranges of the training cohort: {'; '.join(doubts)}"
                        )
                    progress.advance(note=f"{task.mask.name}: {found[task.mask]:.1f} ml")
            for line in doubtful:
                print(f"warning: {printable(line)}; check its mask before use", file=sys.stderr)
            if problems:
                bad = f"{len(tasks) - len(found)} of {len(tasks)} volumes cannot be segmented, and no mask is written:"
                raise InputError.of(problems, bad)
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise
    return found


def _lines(error: InputError, name: str) -> list[str]:
    """Each problem in a line that names the image."""
    return [line if line.startswith(name) else f"{name}: {line}" for line in str(error).splitlines()]


def read_image(path: Path, channel: int | None = None) -> Volume:
    """One image, read completely and checked; prints a warning if programs would place it differently.

    Args:
        path: a file, or the folder of a DICOM series.
        channel: of a 4D file, from 0.

    Raises:
        InputError: with all that is wrong with it.
    """
    grid, problems = load(path, path.name, channel, "image")
    if grid is not None:
        problems = [*problems, *image_problems(grid, path.name)]
        if warning := place_warning(grid, path.name):
            print(f"warning: {printable(warning)}", file=sys.stderr)
    if problems or grid is None:
        raise InputError.of(problems)
    return Volume(grid.array, grid.affine, placement=grid.placement)
