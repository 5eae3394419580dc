"""Keys of older experiment files: they go on working, with a note that names the new key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fewlabel.config.experiment import Experiment
from fewlabel.config.loading.yaml_files import WHOLE, ExperimentFile, Place

RENAMED = {("figures", "scheme"): "method_diagram"}
"""New names of keys, by section and older name."""


def renamed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the new names of keys; where both names are set, values of the new one win."""
    new_config = dict(config)
    for (section, old), new in RENAMED.items():
        inside = config.get(section)
        if isinstance(inside, Mapping) and old in inside:
            others = {key: value for key, value in inside.items() if key != old}
            value, later = inside[old], others.get(new, {})
            both = isinstance(value, Mapping) and isinstance(later, Mapping)
            new_config[section] = {**others, new: {**value, **later} if both else later or value}
    return new_config


def renamed_file(file: ExperimentFile) -> ExperimentFile:
    """A file with the new names of keys; messages name the keys as written."""
    spot = file.spot
    for (section, old), new in RENAMED.items():
        inside = dict(spot.inside[section].inside) if section in spot.inside else {}
        if old in inside:
            inside.setdefault(new, inside.pop(old))
            spot = replace(spot, inside={**spot.inside, section: replace(spot.inside[section], inside=inside)})
    return replace(file, content=renamed(file.content), spot=spot)


def conflicts(files: Sequence[ExperimentFile]) -> Iterator[str]:
    """Older names that are set in the same file as the new one, or in a later file: which of them wins is unclear."""
    for (section, old), new in RENAMED.items():
        older = [index for index, file in enumerate(files) if file.find((section, old))]
        newer = [index for index, file in enumerate(files) if file.find((section, new))]
        if older and newer and older[-1] >= newer[0]:
            spot = files[older[-1]].find((section, old))
            line = spot.line if spot else 1
            text = f"an older name of {section}.{new}, which is set too; to fix: rename it"
            yield f"{files[older[-1]].path}:{line}: {section}.{old}: {text}"


def moved_roles(experiment: Experiment) -> dict[Place, tuple[str, str | None, str | None]]:
    """Control and benchmark by their older places: the new key, its value, and the value in the older place."""
    figures = experiment.figures
    return {
        ("figures", "paired_subjects", "control"): ("control", experiment.control, figures.paired_subjects.control),
        ("figures", "label_efficiency", "reference"): (
            "benchmark",
            experiment.benchmark,
            figures.label_efficiency.reference,
        ),
    }


def notes(experiment: Experiment, files: Sequence[ExperimentFile]) -> Iterator[str]:
    """A line for each older key; none of renamed ones in a study's own record, which nobody edits."""
    for place, (key, named, older) in moved_roles(experiment).items():
        if older and not named:
            yield f"{'.'.join(map(str, place))}: {older} is read as `{key}: {older}`, its place in new experiment files"
    for (section, old), new in RENAMED.items():
        if any(file.find((section, old)) and not file.content.keys() >= WHOLE for file in files):
            yield f"{section}.{old} is read as {section}.{new}, its name in new experiment files"
