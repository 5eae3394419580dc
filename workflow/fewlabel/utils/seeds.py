"""Random generators from seeds and names: each draw is a pure function of its purpose."""

import zlib

import numpy as np


def seed_sequence(*parts: int | str) -> np.random.SeedSequence:
    """A seed from numbers and names, the same on every machine."""
    return np.random.SeedSequence([zlib.crc32(part.encode()) if isinstance(part, str) else part for part in parts])


def generator(*parts: int | str) -> np.random.Generator:
    """A NumPy generator from numbers and names."""
    return np.random.default_rng(seed_sequence(*parts))


def seed64(*parts: int | str) -> int:
    """A seed below 2**63, for generators that take one integer."""
    return int(seed_sequence(*parts).generate_state(1, np.uint64)[0] >> np.uint64(1))
