"""Segment new volumes with a trained network, in every image format that cohorts are read from."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from fewlabel.data.formats.checks import position_warning
from fewlabel.data.preprocessing.volume import Volume, save_nifti
from fewlabel.inference.image_channels import ONE_CHANNEL, ImageChannels
from fewlabel.inference.prediction_plan import PredictionTask
from fewlabel.inference.segmenter import SegmentedVolume, Segmenter
from fewlabel.utils.atomic_files import atomic_files
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.log import LOG
from fewlabel.utils.progress import Progress
from fewlabel.utils.system_errors import refuse_out_of_memory


def segment(
    segmenter: Segmenter, tasks: Sequence[PredictionTask], channels: ImageChannels = ONE_CHANNEL
) -> dict[Path, dict[str, float]]:
    """Segment all volumes and write their masks; if one image has a problem, nothing is written.

    Prints a warning for each volume that differs, or whose mask differs, from the network's training cohort.

    Args:
        channels: of the images.

    Returns:
        The volumes of each mask in ml, by its file and by class; the key of a target without a name is empty.

    Raises:
        InputError: the problems of all images.
    """
    volumes_ml: dict[Path, dict[str, float]] = {}
    problems: list[str] = []
    outside: list[str] = []
    outputs = [path for task in tasks for path in task.outputs]
    new_folders = [folder for folder in {path.parent for path in outputs} if not folder.exists()]
    try:
        with atomic_files(outputs) as partials:
            partial_of = dict(zip(outputs, partials, strict=True))
            with Progress("predict", len(tasks), "volume") as progress:
                for task in tasks:
                    try:
                        volume = read_image(task.image, channels, task.further)
                        with refuse_out_of_memory(task.image.name):
                            found = segmenter.segment(volume)
                    except InputError as error:
                        problems += _lines(error, task.image.name)
                        continue
                    _write(task, partial_of, volume, found, segmenter.classes)
                    volumes_ml[task.mask] = found.volumes_ml
                    if found.outside:
                        outside.append(
                            f"{task.image.name}: outside the ranges of the training cohort: {'; '.join(found.outside)}"
                        )
                    progress.advance(note=f"{task.mask.name}: {in_words(found.volumes_ml)}")
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


def in_words(volumes_ml: Mapping[str, float]) -> str:
    """Volumes of a mask for readers: `12.3 ml`, or with named classes `liver 12.3 ml, spleen empty`."""
    parts = [f"{name} {f'{ml:.1f} ml' if ml else 'empty'}" for name, ml in volumes_ml.items() if name]
    return ", ".join(parts) or f"{volumes_ml['']:.1f} ml"


def _write(
    task: PredictionTask,
    partial_of: Mapping[Path, Path],
    volume: Volume,
    found: SegmentedVolume,
    classes: Mapping[str, Sequence[int]],
) -> None:
    """Write the outputs of a task to their temporary names."""
    save_nifti(partial_of[task.mask], found.labels, volume.affine, volume.placement)
    if task.probabilities is not None and found.probabilities is not None:
        save_nifti(partial_of[task.probabilities], found.probabilities, volume.affine, volume.placement)
    if task.class_list is not None:
        listed = [
            {"index": index, "name": name, "value": values[0]} for index, (name, values) in enumerate(classes.items())
        ]
        text = json.dumps({"axis": 4, "classes": listed}, indent=2)
        partial_of[task.class_list].write_text(text + "\n", encoding="utf-8")


def _lines(error: InputError, name: str) -> list[str]:
    """The problems of an image, each with the image's name."""
    return [line if line.startswith(name) else f"{name}: {line}" for line in str(error).splitlines()]


def read_image(path: Path, channels: ImageChannels = ONE_CHANNEL, further: Sequence[Path] = ()) -> Volume:
    """Read and check an image; print a warning if programs would place it differently.

    Args:
        path: a file, or the folder of a DICOM series.
        channels: which of the file, or in which files.
        further: files of the channels after the first, where each channel has a file.

    Raises:
        InputError: all problems of the image.
    """
    grid, problems = channels.load([path, *further])
    if grid is not None and (warning := position_warning(grid, path.name)):
        LOG.warning(printable(warning))
    if problems or grid is None:
        raise InputError.of(problems)
    return Volume(grid.array, grid.affine, placement=grid.placement)
