"""All scores: those that every study has, and those of installed packages (entry points `fewlabel.scores`).

A study has a score of an installed package if it names it in `scores`.
"""

import re
from collections.abc import Iterator

from fewlabel.config.base import NAME
from fewlabel.config.extensions import extensions
from fewlabel.config.scores.specification import ScoreSpecification

_TOGETHER = "fewlabel.inference.evaluate:score"
"""Computes the scores that every study has."""
BUILT_IN = {
    score.name: score
    for score in (
        ScoreSpecification(
            name="dice", title="Dice", implementation=_TOGETHER, better="high", high=1, digits=6, decimals=3
        ),
        ScoreSpecification(
            name="hd95_mm", title="HD95", implementation=_TOGETHER, better="low", unit="mm",
            may_be_undefined=True,
        ),
        ScoreSpecification(
            name="assd_mm", title="ASSD", implementation=_TOGETHER, better="low", unit="mm",
            may_be_undefined=True,
        ),
        ScoreSpecification(
            name="truth_ml", title="true volume", implementation=_TOGETHER, better=None, unit="ml"
        ),
        ScoreSpecification(
            name="predicted_ml", title="predicted volume", implementation=_TOGETHER, better=None,
            unit="ml",
        ),
    )
}  # fmt: skip
"""In the order of columns."""
TAKEN = (*BUILT_IN, "cohort", "method", "n", "draw", "subject", "class", "fold")


def _misfits(name: str, score: ScoreSpecification) -> Iterator[str]:
    """What is wrong with the specification of an installed package."""
    if score.name != name or not re.fullmatch(NAME, name):
        yield f"name {score.name!r}; accepted: the name of the entry point, in lower case letters, digits and _"
    if not score.low < score.high:
        yield f"low {score.low:g} and high {score.high:g}; accepted: low below high"
    if ":" not in score.implementation:
        yield f"implementation {score.implementation!r}; accepted: 'module:attribute' of an installed module"


FURTHER = extensions("fewlabel.scores", ScoreSpecification, TAKEN, _misfits)
SCORES = {**BUILT_IN, **FURTHER}
"""By name, in the order of columns."""
