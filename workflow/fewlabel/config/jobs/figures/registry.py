"""All figures and tables: FewLabel's, and those of installed packages (entry points `fewlabel.figures`)."""

import re
from collections.abc import Iterator
from functools import cache

from fewlabel.config.base import NAME, Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.extensions import extensions, refuse_misfits
from fewlabel.config.figure_options import Figures
from fewlabel.config.jobs.figures import (
    destreaking,
    differences,
    gallery,
    label_curves,
    label_efficiency,
    learning_curves,
    local_similarity,
    method_diagram,
    paired_subjects,
    pretexts,
)
from fewlabel.config.jobs.specification import FORMATS, FigureSpecification, Kind, ReportItem
from fewlabel.config.jobs.tables import cohorts, dice, labels_needed
from fewlabel.config.jobs.tables import destreaking as destreaking_table
from fewlabel.config.jobs.tables import differences as difference_table
from fewlabel.utils.errors import InputError

GROUP = "fewlabel.figures"
"""Of entry points."""

BUILT_IN = (
    pretexts.SPECIFICATION,
    method_diagram.SPECIFICATION,
    label_curves.SPECIFICATION,
    gallery.SPECIFICATION,
    label_efficiency.SPECIFICATION,
    paired_subjects.SPECIFICATION,
    differences.SPECIFICATION,
    learning_curves.SPECIFICATION,
    local_similarity.SPECIFICATION,
    destreaking.SPECIFICATION,
    cohorts.SPECIFICATION,
    dice.SPECIFICATION,
    difference_table.SPECIFICATION,
    labels_needed.SPECIFICATION,
    destreaking_table.SPECIFICATION,
)
"""In the order of the report."""


@cache
def specifications() -> dict[tuple[Kind, str], FigureSpecification]:
    """All figures and tables, by kind and name.

    Raises:
        InputError: an installed package registers something else, or a name that is taken.
    """
    found = installed()
    refuse_misfits()
    return {(each.kind, each.name): each for each in (*BUILT_IN, *found.values())}


@cache
def installed() -> dict[str, FigureSpecification]:
    """Those of installed packages that fit, by name."""
    return extensions(GROUP, FigureSpecification, {each.name for each in BUILT_IN}, _misfits)


def specification(kind: Kind, name: str) -> FigureSpecification:
    """The figure or table of that name.

    Raises:
        InputError: there is none.
    """
    known = specifications()
    if (kind, name) not in known:
        names = sorted(other for each, other in known if each == kind)
        raise InputError(f"{kind} {name!r}: there is none; accepted: {', '.join(names)}")
    return known[kind, name]


def _misfits(name: str, each: FigureSpecification) -> Iterator[str]:
    """What is wrong with the specification of an installed package."""
    if each.kind not in FORMATS:
        yield f"kind {each.kind!r}; accepted: {', '.join(FORMATS)}"
    if each.name != name or not re.fullmatch(NAME, name):
        yield f"name {each.name!r}; accepted: the name of the entry point, in lower case letters, digits and _"
    stem = each.stem or name
    if not re.fullmatch(NAME, stem) or stem in {built.stem or built.name for built in BUILT_IN}:
        yield f"stem {stem!r}; accepted: a name of its own, in lower case letters, digits and _"
    if each.caption is None or not each.caption.is_absolute() or not each.caption.is_file():
        yield f"caption {each.caption}: no such file; accepted: the absolute path of a file in reStructuredText"
    if each.options is not None:
        if not issubclass(each.options, Settings):
            yield f"options {each.options!r}; accepted: a subclass of fewlabel.config.base.Settings"
        elif required := [key for key, field in each.options.model_fields.items() if field.is_required()]:
            yield f"options without a default: {', '.join(required)}; accepted: a default for each"
        if name in Figures.__annotations__:
            yield f"name {name!r}; accepted: another name, since `figures.{name}` of an experiment is taken"


def report_items(experiment: Experiment) -> list[ReportItem]:
    """All figures and tables that a study has."""
    return [item for each in specifications().values() for item in each.items(experiment)]
