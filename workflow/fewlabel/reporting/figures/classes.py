"""What figures show of cohorts with several classes: their mean, one class, or both as parts of their own."""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from fewlabel.config.base import EACH, MEAN
from fewlabel.config.figure_options import Panels
from fewlabel.config.jobs.titles import CohortTitle, Titles
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import wrapped
from fewlabel.reporting.figures.panels import AXIS_IN
from fewlabel.reporting.statistics.classes import CLASS, class_title, classes_of, one_class

OF = "/"
"""Between cohort and class in the name of a part."""
SHORT = 24
"""Letters of a class that stay on one line."""


@dataclass(frozen=True)
class FigurePart:
    """What is shown of a cohort: the mean of its classes, or one class.

    Attributes:
        cohort: its name.
        name: of the part: that of the cohort; with `each`, for a class that of the cohort and the class.
        title: with `each`, it names the class or the mean.
        label: of which Dice the part is, if the title does not say so: `mean of 3 classes`, or a class; empty for one
            class without a name.
        whole: whether the part is all that the cohort segments, as one target.
        mean: whether it is the mean of all classes, or the only one.
    """

    cohort: str
    name: str
    title: CohortTitle
    label: str
    whole: bool
    mean: bool


@dataclass(frozen=True)
class FigureParts:
    """The parts of a figure, which it shows as it shows cohorts.

    Attributes:
        scores: in the form of one class; the column `cohort` names the part.
        titles: with the parts as cohorts.
        parts: by name, in the order of cohorts; the mean of a cohort's classes comes first.
        note: which cohorts are left out since they lack the class; empty if there are none.
    """

    scores: pd.DataFrame
    titles: Titles
    parts: dict[str, FigurePart]
    note: str

    @property
    def groups(self) -> list[int]:
        """Numbers of parts of each cohort, in their order."""
        return list(Counter(part.cohort for part in self.parts.values()).values())


def parts_of(scores: pd.DataFrame, titles: Titles, classes: str) -> FigureParts:
    """What a figure shows of each cohort.

    Args:
        scores: from `scores.select`, with rows of classes.
        titles: of the cohorts.
        classes: `MEAN`, `EACH`, or the name of a class; cohorts without it are left out.

    Raises:
        InputError: no cohort has the class.
    """
    if classes not in (MEAN, EACH):
        one_class(scores, classes)  # refused where no cohort has it
    found: dict[str, FigurePart] = {}
    tables: list[pd.DataFrame] = []
    for cohort, title in titles.cohorts.items():
        own = scores[scores["cohort"] == cohort]
        for name, part in _of_cohort(cohort, title, classes_of(own), classes):
            found[part.name] = part
            tables.append(one_class(own, name).assign(cohort=part.name))
    there = {part.cohort for part in found.values()}
    absent = [title.title for cohort, title in titles.cohorts.items() if cohort not in there]
    return FigureParts(
        pd.concat(tables, ignore_index=True) if CLASS in scores else scores,
        titles.model_copy(update={"cohorts": {name: part.title for name, part in found.items()}}),
        found,
        f"Not shown: {', '.join(absent)}, without {class_title(classes)}." if absent else "",
    )


def cohort_of_part(name: str) -> str:
    """The cohort of a part: its parts have one scale."""
    return name.partition(OF)[0]


def axis_label(what: str, label: str, height_in: float, size: float) -> str:
    """The label of an axis of Dice, in lines that fit beside an axis of that height.

    Args:
        what: such as `Test Dice`.
        label: of the part; empty: `what` alone.
        height_in: of the axis, in inches.
        size: of type, in points.
    """
    return "\n".join(wrapped(f"{what}, {label}", height_in, size)) if label else what


def dice_label(label: str, sizes: Panels) -> str:
    """The label of an axis of mean Dice of a panel of that size."""
    if not label:
        return "Mean test Dice"
    return axis_label("Test Dice", label, sizes.panel_height_in - AXIS_IN, style.PARAMETERS["axes.labelsize"])


def _of_cohort(cohort: str, title: CohortTitle, names: list[str], classes: str) -> list[tuple[str, FigurePart]]:
    """The parts of a cohort with these classes, each with its class or `MEAN`."""
    several = len(names) > 1
    if classes == EACH:
        shown = [MEAN, *(names if several else [])]
    else:
        shown = [classes] if classes == MEAN or classes in names else []
    parts = []
    for name in shown:
        label = f"mean of {len(names)} classes" if several and name == MEAN else class_title("".join(names[:1]))
        label = class_title(name) if name != MEAN else label
        # A title breaks before the class where that fits on a line.
        part_name = label.replace(" ", "\N{NO-BREAK SPACE}") if len(label) <= SHORT else label
        own = title.model_copy(update={"title": f"{title.title}: {part_name}"}) if len(shown) > 1 else title
        key = f"{cohort}{OF}{name}" if len(shown) > 1 and name != MEAN else cohort
        parts.append(
            (
                name,
                FigurePart(cohort, key, own, "" if len(shown) > 1 else label, not several, name == MEAN or not several),
            )
        )
    return parts
