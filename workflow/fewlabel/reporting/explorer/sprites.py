"""Slices as pictures that every browser reads: all slices of a volume in one image, row by row.

Images are WebP (8 bits, lossy, a tenth of PNG on noisy MR); masks are PNG (1 bit, exact).
"""

import base64
import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 85
WIDEST = 16383
"""Pixels of a side of a WebP image."""


def across(slices: int, rows: int, columns: int) -> int:
    """How many slices stand side by side, so that the picture is about square: browsers limit both sides."""
    return max(1, min(slices, WIDEST // columns, round(math.sqrt(slices * rows / columns)) or 1))


def image_sprite(slices: NDArray[np.float32]) -> str:
    """Slices as one WebP picture in base64.

    Args:
        slices: (slice, row, column); 0 becomes black and 1 white, and what lies beyond is cut off.
    """
    grey = (np.clip(np.nan_to_num(slices), 0, 1) * 255).round().astype(np.uint8)
    return _encoded(Image.fromarray(_tiled(grey)), "WEBP", quality=QUALITY, method=4)


def mask_sprite(slices: NDArray[np.uint8]) -> str:
    """Masks (slice, row, column), 1 inside, as one PNG picture in base64; inside is white."""
    return _encoded(Image.fromarray(_tiled(slices.astype(np.uint8)) * np.uint8(255)).convert("1"), "PNG", optimize=True)


def _tiled(slices: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, rows, columns = slices.shape
    wide = across(count, rows, columns)
    high = math.ceil(count / wide)
    filled = np.zeros((high * wide, rows, columns), np.uint8)
    filled[:count] = slices
    grid = filled.reshape(high, wide, rows, columns).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(high * rows, wide * columns))


def _encoded(picture: Image.Image, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
