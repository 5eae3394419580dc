"""All sources by kind: the built-in ones, and those of installed packages (entry point group `fewlabel.sources`)."""

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, TypeAlias, get_args

from pydantic import Field

from fewlabel.config.extensions import extensions
from fewlabel.config.sources.base import FileSource, SourceSettings
from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.radial import RadialSource

BUILT_IN: dict[str, type[SourceSettings]] = {
    "phantom": PhantomSource,
    "nifti": NiftiSource,
    "decathlon": DecathlonSource,
    "metaimage": MetaImageSource,
    "chaos": ChaosSource,
    "radial": RadialSource,
}


def misfits(name: str, member: type) -> Iterator[str]:
    """What keeps a class from being the specification of a source of this name, with what is accepted."""
    if not issubclass(member, SourceSettings):
        yield f"{member.__name__} is no subclass of {SourceSettings.__module__}.SourceSettings; accepted: one"
        return
    kind = member.model_fields.get("kind")
    if kind is None or get_args(kind.annotation) != (name,):
        yield f'{member.__name__} has no field `kind: Literal["{name}"]`; accepted: the name of the entry point'
    if not re.fullmatch(r"[\w.]+:\w+", member.implementation):
        yield f"`implementation` is {member.implementation!r}; accepted: 'module:attribute'"
    if member.made_by_code == issubclass(member, FileSource):
        yield "`made_by_code` is for volumes without files; accepted: true, or a subclass of FileSource"
    if issubclass(member, FileSource):
        needed = ["labels", *(["folder"] if member.root is FileSource.root else [])]
        for key in needed:
            if key not in member.model_fields:
                yield f"{member.__name__} has no field `{key}`, as every source of files has; accepted: with it"


SOURCES: dict[str, type[SourceSettings]] = {**BUILT_IN, **extensions("fewlabel.sources", type, BUILT_IN, misfits)}
"""Specifications by kind."""

if TYPE_CHECKING:
    Source: TypeAlias = SourceSettings
else:
    Source = Annotated[reduce(or_, SOURCES.values()), Field(discriminator="kind")]
