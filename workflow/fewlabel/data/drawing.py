"""Random order of subjects: by a hash of each, independent of other subjects, or by a permutation of all."""

import hashlib
import json
from collections.abc import Iterable

from fewlabel.config.base import Drawing
from fewlabel.utils.seeds import generator


def in_random_order(names: Iterable[str], drawing: Drawing, seed: int, *purpose: int | str) -> list[str]:
    """Names in an order fixed by seed and purpose, independent of their input order.

    Args:
        names: without repetition.
        drawing: `hash`: sorted by the SHA-256 of seed, purpose and name, so an added name does not reorder the others.
            `permutation`: of the sorted names; an added name reorders all of them.
        purpose: of the order, such as `"test", cohort`; each purpose has its own order.
    """
    ordered = sorted(names)
    if drawing == "permutation":
        return [ordered[index] for index in generator(seed, *purpose).permutation(len(ordered))]
    return sorted(ordered, key=lambda name: hashlib.sha256(json.dumps([seed, *purpose, name]).encode()).digest())
