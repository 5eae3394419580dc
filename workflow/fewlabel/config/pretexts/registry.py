"""All pretexts: the built-in ones, and those of installed packages (entry points of the group `fewlabel.pretexts`)."""

import re
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Union, get_args

from pydantic import Field

from fewlabel.config.extensions import extensions
from fewlabel.config.pretexts.base import PretrainedBase, ScratchMethod
from fewlabel.config.pretexts.contrastive import CONTRASTIVE
from fewlabel.config.pretexts.joint import JOINT
from fewlabel.config.pretexts.regression import REGRESSION
from fewlabel.config.pretexts.specification import Pretext, PretextStage, StageOutline
from fewlabel.config.training import Training

BUILT_IN = {pretext.name: pretext for pretext in (REGRESSION, CONTRASTIVE, JOINT)}
RESERVED = {"none": "methods without pretraining", "finetune": "finetuning", "finetuning": "finetuning"}
"""Names that are no pretext's and no stage's, and whose they are."""


def misfits(name: str, pretext: Pretext, taken: Collection[str]) -> Iterator[str]:
    """What is wrong with an installed package's specification; `taken`: keys of other pretexts' stages."""
    settings = pretext.settings
    if not (isinstance(settings, type) and issubclass(settings, PretrainedBase)):
        yield f"`settings` is {settings!r}; accepted: a subclass of {PretrainedBase.__module__}.PretrainedBase"
        return
    field = settings.model_fields.get("pretext")
    if field is None or get_args(field.annotation) != (name,):
        yield f'{settings.__name__} has no field `pretext: Literal["{name}"]`; accepted: the name of the entry point'
    if not pretext.stages:
        yield "`stages` is empty; accepted: one stage or more"
    for key, stage in pretext.stages.items():
        if not isinstance(stage, PretextStage):
            yield f"stage {key!r} is of the class {type(stage).__name__}; accepted: {PretextStage.__name__}"
        if key not in settings.model_fields:
            yield f"stage {key!r} is no field of {settings.__name__}; accepted: {', '.join(settings.model_fields)}"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or key in RESERVED or key in taken:
            yield f"stage {key!r} has a name that is taken or no identifier; accepted: another one, as {name}_{key}"
    for key, reference in (("implementation", pretext.implementation), ("picture", pretext.picture)):
        module, _, attribute = reference.partition(":")
        if (reference or key == "implementation") and not (attribute and _exists(module)):
            yield f"`{key}` is {reference!r}; accepted: 'module:attribute' of an installed module"
    if not re.fullmatch("(#[0-9a-f]{6})?", pretext.colour):
        yield f"`colour` is {pretext.colour!r}; accepted: '#rrggbb' in lower case, or an empty text"


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def stage_keys(pretexts: Mapping[str, Pretext]) -> list[str]:
    """Keys of all stages, in the order of the pretexts."""
    return [key for pretext in pretexts.values() for key in pretext.stages]


def _all() -> dict[str, Pretext]:
    keys = set(stage_keys(BUILT_IN))

    def check(name: str, pretext: Pretext) -> list[str]:
        found = list(misfits(name, pretext, keys))
        keys.update(() if found else pretext.stages)
        return found

    return {**BUILT_IN, **extensions("fewlabel.pretexts", Pretext, [*BUILT_IN, *RESERVED], check)}


PRETEXTS = _all()
"""Specifications by name."""

if TYPE_CHECKING:
    PretrainedMethod = PretrainedBase
    Method = ScratchMethod | PretrainedBase
else:
    _SETTINGS = tuple(pretext.settings for pretext in PRETEXTS.values())
    PretrainedMethod = Annotated[Union[_SETTINGS], Field(discriminator="pretext")]  # noqa: UP007
    Method = Annotated[Union[(ScratchMethod, *_SETTINGS)], Field(discriminator="pretext")]


def pretext_of(method: PretrainedBase) -> Pretext:
    """The specification of a method's pretext."""
    return PRETEXTS[method.pretext]


def pretraining_stages(method: PretrainedBase) -> dict[str, Training]:
    """A method's pretraining stages in their order, by the key that sets them."""
    budgets = {key: getattr(method, key) for key in pretext_of(method).stages}
    return {key: training for key, training in budgets.items() if training is not None}


def outlines(method: PretrainedBase) -> dict[str, StageOutline]:
    """What each of these stages does with the network."""
    stages = pretext_of(method).stages
    return {key: stages[key].outline(method) for key in pretraining_stages(method)}
