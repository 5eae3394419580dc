"""The channels of the images that a trained network is given: which, and how they are read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fewlabel.config.loading.yaml_files import read_config
from fewlabel.config.study_layout import LAYOUT
from fewlabel.data.formats.checks import FileGrid, image_problems
from fewlabel.data.formats.nifti_header import axes_of, open_file
from fewlabel.data.formats.registry import load
from fewlabel.data.paths import META_SUFFIXES, NRRD_SUFFIXES, ends_with
from fewlabel.data.subjects.channels import channels_of_file, channels_of_files
from fewlabel.inference.trained_network import TrainedNetwork, study_folder
from fewlabel.utils.errors import InputError, plain

ACCEPTED = "accepted: an index of 4D images, from 0, or a suffix of file names (letters, digits, '.', '_' and '-')"


@dataclass(frozen=True)
class ImageChannels:
    """Where each channel of an image is, by name: an index of a 4D file, or a suffix of a file's name.

    Empty: images are 3D files. One channel may have an empty name.
    """

    places: Mapping[str, int | str] = field(default_factory=dict)
    resample: bool = False  # whether further files are resampled to the grid of the first

    @property
    def suffixes(self) -> dict[str, str]:
        """Suffix of the file names of each channel; empty: an image is one file."""
        return {name: value for name, value in self.places.items() if isinstance(value, str)}

    @property
    def indices(self) -> dict[str, int]:
        """Index along the fourth axis of each channel; empty: channels are 3D files."""
        return {name: value for name, value in self.places.items() if isinstance(value, int)}

    def load(self, files: Sequence[Path]) -> tuple[FileGrid | None, list[str]]:
        """Read and check an image, with a fourth axis if there are several channels; or None and all problems.

        Args:
            files: the image; with suffixes, one file for each channel in their order.
        """
        path, *_ = files
        if len(self.places) < 2:
            grid, problems = load(path, path.name, next(iter(self.indices.values()), None), "image")
            return grid, [*problems, *(image_problems(grid, path.name) if grid is not None else [])]
        if self.suffixes:
            named = {name: (file, file.name) for name, file in zip(self.places, files, strict=True)}
            return channels_of_files(named, self.resample, "export it on that grid, or use --resample-channels")
        if problem := _not_4d(path):
            return None, [f"{path.name}: {problem}; accepted: a 4D file with channels {_words(self.places)}"]
        return channels_of_file(path, path.name, self.indices)


ONE_CHANNEL = ImageChannels()
"""3D images."""


def _not_4d(path: Path) -> str:
    """What a file is, if it is a readable 3D file: it has one channel."""
    if path.is_dir() or ends_with(path, (*META_SUFFIXES, *NRRD_SUFFIXES)):
        return ""
    try:
        shape = axes_of(open_file(path))
    except Exception:  # reported by whoever reads the file
        return ""
    return "a 3D file of one channel" if len(shape) == 3 else ""


def image_channels(
    trained: TrainedNetwork, weights: Path, given: Sequence[str], resample: bool | None = None
) -> ImageChannels:
    """The channels by `--channel` options, else those of the weights' study.

    Args:
        given: `INDEX`, `NAME=INDEX` or `NAME=SUFFIX`.
        resample: by option; None: as in the study.

    Raises:
        InputError: options that do not fit the network's channels, or no options and no study.
    """
    names = trained.settings.channels
    of_study = channels_of_study(weights, names)
    places = _parsed(given, names) if given else of_study.places
    if len(names) > 1 and not places:
        raise InputError(
            f"{weights.name}: a network of the channels {', '.join(names)}, outside its study; accepted: a place for "
            f"each; to fix: {' '.join(f'--channel {name}={index}' for index, name in enumerate(names))} for 4D images, "
            f"or {' '.join(f'--channel {name}=_{name}' for name in names)} for files such as case_{names[0]}.nii.gz"
        )
    chosen = ImageChannels(places, of_study.resample if resample is None else resample)
    if chosen.suffixes and chosen.indices:
        raise InputError(f"--channel: {_words(places)}: indices and suffixes; accepted: all of one kind")
    if resample and len(chosen.suffixes) < 2:
        raise InputError("--resample-channels: an image is one file; accepted: with channels by suffixes")
    return chosen


def _words(places: Mapping[str, int | str]) -> str:
    return ", ".join(f"{name}={place}" if name else str(place) for name, place in places.items())


def _parsed(given: Sequence[str], names: Sequence[str]) -> dict[str, int | str]:
    """Places by name, in the order of the network's channels."""
    expected, places = list(names) or [""], {}
    for text in given:
        name, equals, value = text.rpartition("=")
        if not equals and len(expected) == 1:
            name = expected[0]
        shown = f"--channel {plain(text)}"
        if name not in expected:
            wanted = ", ".join(f"{one}=…" for one in expected if one) or "an index, such as 0"
            raise InputError(f"{shown}: no channel of the network; accepted: {wanted}")
        if name in places:
            raise InputError(f"{shown}: the second one of this channel; accepted: each channel once")
        if not re.fullmatch(r"[0-9]{1,5}|[A-Za-z0-9._-]{1,100}", value) or (not names and not value.isdecimal()):
            raise InputError(f"{shown}: {ACCEPTED if names else 'accepted: an index of 4D images, from 0'}")
        places[name] = int(value) if re.fullmatch("[0-9]{1,5}", value) else value
    if missing := [name for name in expected if name not in places]:
        raise InputError(f"--channel: none for {', '.join(missing)}; accepted: one for each channel of the network")
    if len({str(place).lower() for place in places.values()}) < len(places):
        raise InputError(f"--channel: {_words(places)}: two channels in one place; accepted: each place once")
    return {name: places[name] for name in expected}


def channels_of_study(weights: Path, names: Sequence[str]) -> ImageChannels:
    """The channels of the source of the weights' study; empty outside a study, and for sources without names."""
    location = study_folder(weights) if names else None
    if location is None:
        return ONE_CHANNEL
    study, run = location
    cohorts: Any = read_config([study / LAYOUT.experiment]).get("cohorts")
    cohort = cohorts.get(run.cohort) if isinstance(cohorts, Mapping) else None
    source: Any = cohort.get("source") if isinstance(cohort, Mapping) else None
    found = source.get("channels") if isinstance(source, Mapping) else None
    if not isinstance(found, Mapping) or list(found) != list(names):
        return ONE_CHANNEL
    return ImageChannels(dict(found), bool(source.get("resample_channels", False)))
