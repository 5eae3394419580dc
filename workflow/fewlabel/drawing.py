"""Subjects in random order: by a hash of each, which others do not move, or by a permutation of all."""

import hashlib
import json
from collections.abc import Iterable

from fewlabel.seeds import generator
from fewlabel.settings import Drawing


def in_random_order(names: Iterable[str], drawing: Drawing, seed: int, *purpose: int | str) -> list[str]:
    """Names in an order fixed by seed and purpose, whatever order they come in.

    Args:
        names: each once.
        drawing: `hash`: smallest SHA-256 of seed, purpose and name first, so that a further name leaves the others in
            their order. `permutation`: of the sorted names, which a further name changes as a whole.
        seed: of the experiment.
        purpose: what is drawn, such as `"test", cohort`; other purposes give other orders.
    """
    ordered = sorted(names)
    if drawing == "permutation":
        return [ordered[index] for index in generator(seed, *purpose).permutation(len(ordered))]
    return sorted(ordered, key=lambda name: hashlib.sha256(json.dumps([seed, *purpose, name]).encode()).digest())
