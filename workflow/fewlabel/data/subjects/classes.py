"""Checks of the classes of a cohort: their values in the masks, and names that public data sets give to values."""

import re
from collections.abc import Mapping, Sequence

from fewlabel.utils.formatting import listed


def class_problems(classes: Mapping[str, Sequence[int]], masks: Sequence[frozenset[int]]) -> list[str]:
    """Problems of the values of classes, given the values in each mask: values that no mask contains."""
    present = frozenset().union(*masks)
    return [
        f"classes: {name}: value {value} is in none of the {len(masks)} masks; accepted: values that masks hold "
        f"({listed(sorted(present))}; 0 is background); to fix: correct the value, or remove the class"
        for name, values in classes.items()
        for value in values
        if masks and value not in present
    ]


def missing_classes(classes: Mapping[str, Sequence[int]], masks: Mapping[str, tuple[str, frozenset[int]]]) -> list[str]:
    """Notes on classes that some masks lack, one line a class; arguments as in `empty_problems`."""
    lacking = {
        name: [file for file, present in masks.values() if not present & set(values)]
        for name, values in classes.items()
    }
    return [
        f"class {name} is missing in {len(files)} of {len(masks)} masks: {listed(files)}"
        for name, files in lacking.items()
        if 0 < len(files) < len(masks)
    ]


def misnamed(
    given: Mapping[str, Sequence[int]], known: Mapping[int, str], where: str, setting: str = "classes"
) -> list[str]:
    """Problems of classes (or channels) with the name of a value which they do not contain, most often a mix-up.

    Args:
        known: names of the values, in any spelling.
        where: in which file or data set, for messages.
    """
    values = {_plain(name): value for value, name in known.items()}
    return [
        f"{setting}: {name}: {listed(numbers)}, but {values[_plain(name)]} is {known[values[_plain(name)]]} ({where}); "
        "to fix: correct the numbers or the names"
        for name, numbers in given.items()
        if _plain(name) in values and values[_plain(name)] not in numbers
    ]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())
