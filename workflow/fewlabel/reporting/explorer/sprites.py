"""Encode all slices of a volume as one picture for browsers, row by row.

Images are WebP (8 bits, lossy, a tenth of PNG on noisy MR); masks are PNG (exact; 1 bit, or 2 to 8 for classes).
"""

import base64
import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 85
WIDEST = 16383
"""Largest side of a WebP image in pixels."""


def sprite_columns(slices: int, rows: int, columns: int) -> int:
    """Number of slices in a row of the picture, which makes it about square, since browsers limit both sides."""
    return max(1, min(slices, WIDEST // columns, round(math.sqrt(slices * rows / columns)) or 1))


def image_sprite(slices: NDArray[np.float32]) -> str:
    """Encode slices as one WebP picture in base64.

    Args:
        slices: (slice, row, column); clipped to 0 (black) to 1 (white).
    """
    grey = (np.clip(np.nan_to_num(slices), 0, 1) * 255).round().astype(np.uint8)
    return _encoded(Image.fromarray(_tiled(grey)), "WEBP", quality=QUALITY, method=4)


def mask_sprite(slices: NDArray[np.uint8]) -> str:
    """Encode masks (slice, row, column), 1 inside (white), as one PNG picture in base64."""
    return _encoded(Image.fromarray(_tiled(slices.astype(np.uint8)) * np.uint8(255)).convert("1"), "PNG", optimize=True)


def class_sprite(slices: NDArray[np.uint8], classes: int) -> str:
    """Encode masks of class numbers (slice, row, column) as one PNG picture in base64.

    The grey value of a pixel is its class number, 0 outside; a pixel takes 2, 4 or 8 bits, as `classes` needs.
    """
    picture = Image.fromarray(_tiled(slices)).convert("P")
    picture.putpalette([value for number in range(classes + 1) for value in (number, number, number)])
    bits = next(bits for bits in (2, 4, 8) if classes < 2**bits)
    return _encoded(picture, "PNG", optimize=True, bits=bits)


def _tiled(slices: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, rows, columns = slices.shape
    wide = sprite_columns(count, rows, columns)
    high = math.ceil(count / wide)
    filled = np.zeros((high * wide, rows, columns), np.uint8)
    filled[:count] = slices
    grid = filled.reshape(high, wide, rows, columns).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(high * rows, wide * columns))


def _encoded(picture: Image.Image, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
