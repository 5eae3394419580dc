"""All sources by kind: the built-in ones, and those of installed packages (entry point group `fewlabel.sources`)."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, TypeAlias, get_args

from pydantic import Field

from fewlabel.config.sources.base import FileSource, SourceSettings
from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.radial import RadialSource
from fewlabel.utils.entry_points import extended

GROUP = "fewlabel.sources"
EXPECTED = (
    'a subclass of fewlabel.config.sources.base.SourceSettings with `kind: Literal["<name of the entry point>"]` and '
    '`implementation = "<module>:<attribute>"` (docs/extending.md)'
)
BUILT_IN: dict[str, type[SourceSettings]] = {
    "phantom": PhantomSource,
    "nifti": NiftiSource,
    "decathlon": DecathlonSource,
    "metaimage": MetaImageSource,
    "chaos": ChaosSource,
    "radial": RadialSource,
}


def _problem(name: str, member: object) -> str:
    """What keeps an object from being the specification of a source of this name; empty: nothing."""
    if not (isinstance(member, type) and issubclass(member, SourceSettings)):
        return "it is no source"
    kind = member.model_fields.get("kind")
    if kind is None or get_args(kind.annotation) != (name,):
        return f"its `kind` is not {name!r}"
    if len(member.implementation.split(":")) != 2:
        return f"its `implementation` is {member.implementation!r}"
    needed = ["labels", *(["folder"] if getattr(member, "root", None) is FileSource.root else [])]
    missing = [key for key in needed if key not in member.model_fields]
    if issubclass(member, FileSource) and missing:
        return f"its volumes are files, but it has no setting {' and no '.join(missing)}"
    return ""


SOURCES, PROBLEMS = extended(GROUP, BUILT_IN, EXPECTED, _problem)
"""Specifications by kind; one line for each entry point that does not fit."""

if TYPE_CHECKING:
    Source: TypeAlias = SourceSettings
else:
    Source = Annotated[reduce(or_, SOURCES.values()), Field(discriminator="kind")]
