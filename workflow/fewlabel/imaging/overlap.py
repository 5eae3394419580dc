"""How far two masks overlap."""

import numpy as np
from numpy.typing import NDArray


def dice(predicted: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """2 |A and B| / (|A| + |B|) of masks of one shape, 1 inside; 1 where both are empty."""
    total = int(predicted.sum()) + int(truth.sum())
    return 2 * int((predicted & truth).sum()) / total if total else 1.0
