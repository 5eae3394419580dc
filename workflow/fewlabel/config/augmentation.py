"""Settings of augmentation: ranges of random transforms, and the built-in presets."""

from pydantic import Field

from fewlabel.config.base import Settings, Share


class Augmentation(Settings):
    """Ranges of random transforms, each uniform unless said otherwise; the defaults change nothing."""

    rotation_deg: float = Field(0, ge=0, le=180)
    """Rotation within plus or minus this."""
    scale: float = Field(0, ge=0, lt=1)
    """Zoom between 1 - scale and 1 + scale."""
    shift: Share = 0
    """Translation within plus or minus this share of the matrix."""
    elastic_px: float = Field(0, ge=0, le=1000)
    """Standard deviation, in pixels, of the displacements of a coarse grid, interpolated smoothly."""
    elastic_grid: int = Field(3, ge=2, le=32)
    """Rows and columns of that coarse grid."""
    flip: bool = False
    """Mirror, with probability one half, each axis that the cohort allows."""
    crop_min: float = Field(1, gt=0, le=1)
    """A random crop of between this share and the whole of the matrix's sides, enlarged back."""
    brightness: float = Field(0, ge=0, le=100)
    """Added constant within plus or minus this (images are about 0 to 1)."""
    contrast: float = Field(0, ge=0, lt=1)
    """Factor about the mean between 1 - contrast and 1 + contrast."""
    gamma: float = Field(0, ge=0, lt=1)
    """Exponent between 1 - gamma and 1 + gamma."""
    shading: float = Field(0, ge=0, lt=1)
    """Amplitude of a smooth multiplicative field (coil shading)."""
    noise: float = Field(0, ge=0, le=100)
    """Standard deviation of added Gaussian noise: uniform between 0 and this."""


GEOMETRIC = ("rotation_deg", "scale", "shift", "elastic_px", "flip", "crop_min")
"""Settings of transforms that move what is in a slice."""


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "geometry": Augmentation(rotation_deg=15, scale=0.05, flip=True),
    "standard": Augmentation(
        rotation_deg=15, scale=0.05, shift=0.05, elastic_px=2, flip=True, brightness=0.1, contrast=0.2
    ),
    "extensive": Augmentation(
        rotation_deg=20,
        scale=0.15,
        shift=0.08,
        elastic_px=3,
        flip=True,
        brightness=0.15,
        contrast=0.3,
        gamma=0.25,
        shading=0.3,
        noise=0.05,
    ),
    "views": Augmentation(crop_min=0.52, flip=True, brightness=0.3, contrast=0.3),
    "intensity": Augmentation(brightness=0.3, contrast=0.3),
}
