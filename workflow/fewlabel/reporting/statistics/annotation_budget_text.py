"""Annotation budgets as text and as plain data."""

import math
from collections.abc import Sequence

from fewlabel.reporting.statistics.annotation_budget import REACH, Answer, Curve, Estimate


def as_text(answers: Sequence[Answer], shown: str = "", counted: str = "subjects") -> str:
    """Text of annotation budgets, one paragraph a curve; `shown`: the class of the Dice, empty without a name;
    `counted`: what N counts."""
    level = answers[0].curve.level
    of = f" ({shown})" if shown else ""
    head = f"Labelled {counted} for a mean Dice of {answers[0].target:g}{of}, with {level * 100:g} % intervals"
    return "\n\n".join([head, *(_paragraph(answer, counted) for answer in answers)]) + "\n"


def _paragraph(answer: Answer, counted: str) -> str:
    curve = answer.curve
    counts_text = ", ".join(map(str, curve.counts))
    lines = [f"{curve.cohort}, {curve.method} (N = {counts_text}; {curve.draws} draws, {curve.subjects} test subjects)"]
    lines.append(f"  target {answer.target:g}: {_needed(answer, counted)}")
    if curve.doubts:
        return "\n".join(lines)
    lines.append(f"  law: {_law(curve)}")
    lines += [f"  the next {_number(more, counted)}: {_gain(gain)}" for more, gain in answer.gains.items()]
    return "\n".join(lines)


def _needed(answer: Answer, counted: str) -> str:
    needed = answer.needed
    if needed is None:
        return f"no estimate: {answer.refused}"
    if needed.value <= answer.curve.counts[0]:
        return f"N = {needed.value:g} or fewer; the smallest tried N reaches it"
    more = int(needed.value) - answer.have
    further = (
        f"{_number(more, counted)} more than the present {answer.have}" if more > 0 else f"the {answer.have} suffice"
    )
    return f"N = {needed.value:g} ({interval_text(needed, answer.curve)}), {further}"


def interval_text(needed: Estimate, curve: Curve) -> str:
    """Text of the interval of a number of subjects, limited to the law's reach."""
    limit = REACH * curve.largest
    low, high = (f"more than {limit:g}" if end > limit else f"{end:g}" for end in (needed.low, needed.high))
    return f"{low} to {high}"


def _law(curve: Curve) -> str:
    ceiling = curve.ceiling
    return (
        f"Dice {curve.law.first[0]:.3f} with one label, ceiling {ceiling.value:.3f} ({ceiling.low:.3f} to"
        f" {ceiling.high:.3f}), exponent {curve.law.exponent[0]:.2f}"
    )


def _gain(gain: Estimate | str) -> str:
    if isinstance(gain, str):
        return f"no estimate: {gain}"
    return f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"


def _number(number: int, counted: str) -> str:
    return f"{number} {counted.replace('s or ', ' or ').removesuffix('s') if number == 1 else counted}"


def answer_facts(answer: Answer) -> dict[str, object]:
    """An annotation budget as plain data, with None for infinite and missing numbers."""
    curve = answer.curve
    return {
        "cohort": curve.cohort,
        "method": curve.method,
        "counts": list(curve.counts),
        "dice": [round(float(value), 6) for value in curve.dice],
        "draws": curve.draws,
        "subjects": curve.subjects,
        "target": answer.target,
        "have": answer.have,
        "level": curve.level,
        "needed": None if answer.needed is None else _numbers(answer.needed),
        "refused": answer.refused or None,
        "law": {
            "first": float(curve.law.first[0]),
            "ceiling": _numbers(curve.ceiling),
            "exponent": float(curve.law.exponent[0]),
        },
        "gains": {
            str(more): {"refused": gain} if isinstance(gain, str) else _numbers(gain)
            for more, gain in answer.gains.items()
        },
    }


def _numbers(estimate: Estimate) -> dict[str, float | None]:
    return {key: value if math.isfinite(value) else None for key, value in vars(estimate).items()}
