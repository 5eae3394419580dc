"""Random transforms of a batch on the training device; images and masks move together."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from fewlabel.config.augmentation import Augmentation
from fewlabel.training.devices import processes
from fewlabel.training.segmentation import one_hot


def augment(
    images: Tensor,
    masks: Tensor | None,
    settings: Augmentation,
    flip: Sequence[str],
    generator: Generator,
    classes: int = 1,
) -> tuple[Tensor, Tensor | None]:
    """Transform each slice of a batch randomly and independently.

    Args:
        images: float32 (batch, channel, row, column), about 0 to 1; this process's share of a batch. The channels of a
            slice share its transforms; noise is drawn for each.
        masks: class numbers (batch, 1, row, column), 0 background; or None.
        settings: ranges of the transforms.
        flip: axes that may be mirrored, `rows` and `columns`.
        generator: on the images' device.
        classes: number of classes. Each is moved by itself (linear), a pixel then belongs to the largest, or to
            background where that is larger.

    Returns:
        Images and masks of the same shapes.
    """
    if moves_pixels(settings, flip):
        grid = _sampling_grid(images, settings, flip, generator)
        images = functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
        if masks is not None:
            each = masks if classes == 1 else one_hot(masks, classes)
            inside = functional.grid_sample(each, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            masks = (inside >= 0.5).to(masks.dtype) if classes == 1 else _largest(inside)
    return change_intensity(images, settings, generator), masks


def _largest(inside: Tensor) -> Tensor:
    """Class numbers (batch, 1, row, column) of the largest share (batch, class, row, column); 0: background's is."""
    share, number = inside.max(dim=1, keepdim=True)
    return torch.where(share >= 1 - inside.sum(dim=1, keepdim=True), number + 1, 0).to(inside.dtype)


def moves_pixels(settings: Augmentation, flip: Sequence[str]) -> bool:
    """Whether any transform of the settings moves pixels."""
    ranges = (settings.rotation_deg, settings.scale, settings.shift, settings.elastic_px, 1 - settings.crop_min)
    return any(ranges) or (settings.flip and bool(flip))


def change_intensity(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Apply shading, gamma, contrast, brightness and noise, in this order, to images (batch, channel, row, column)."""

    def uniform() -> Tensor:
        """One value between -1 and 1 for each slice."""
        return processes.uniform((len(images), 1, 1, 1), generator) * 2 - 1

    if settings.shading:
        images = images * (1 + settings.shading * _smooth_field(images, 1, 3, generator).tanh())
    if settings.gamma:
        # Negative values (below the low percentile) have no real power: they stay.
        images = torch.where(images > 0, images.clamp(min=1e-6) ** (1 + settings.gamma * uniform()), images)
    if settings.contrast:
        mean = images.mean(dim=(2, 3), keepdim=True)
        images = mean + (images - mean) * (1 + settings.contrast * uniform())
    if settings.brightness:
        images = images + settings.brightness * uniform()
    if settings.noise:
        level = settings.noise * (uniform() + 1) / 2
        images = images + level * processes.normal(images.shape, generator)
    return images


def _sampling_grid(images: Tensor, settings: Augmentation, flip: Sequence[str], generator: Generator) -> Tensor:
    """Sampling positions of all output pixels, as normalised (x, y) of grid_sample: (batch, row, column, 2)."""
    batch, _, rows, columns = images.shape
    grid = functional.affine_grid(
        _affine(images, settings, flip, generator), [batch, 1, rows, columns], align_corners=False
    )
    if settings.elastic_px:
        displacement = _smooth_field(images, 2, settings.elastic_grid, generator) * settings.elastic_px
        # Two products with numbers: a tensor of both would be copied to the GPU, which waits.
        grid = grid + torch.stack([displacement[:, 0] * (2 / columns), displacement[:, 1] * (2 / rows)], dim=-1)
    return grid


def _affine(images: Tensor, settings: Augmentation, flip: Sequence[str], generator: Generator) -> Tensor:
    """Rotation, zoom, crop, mirror and translation as (batch, 2, 3), corrected for matrices that are not square."""
    batch, _, rows, columns = images.shape
    draw = processes.uniform((9, batch), generator, axis=1)
    angle = (draw[0] * 2 - 1) * math.radians(settings.rotation_deg)
    crop = settings.crop_min + (1 - settings.crop_min) * draw[1]
    zoom = crop / (1 + settings.scale * (draw[2] * 2 - 1))
    mirror = [
        torch.where(draw[3 + k] < 0.5, -1.0, 1.0) if settings.flip and axis in flip else torch.ones_like(zoom)
        for k, axis in enumerate(("columns", "rows"))
    ]
    # A crop may be anywhere inside the slice; a shift is a share of the whole side (normalised sides measure 2).
    offset = (draw[5:7] * 2 - 1) * (1 - crop) + (draw[7:9] * 2 - 1) * 2 * settings.shift
    cos, sin, aspect = angle.cos() * zoom, angle.sin() * zoom, rows / columns
    first = torch.stack([cos * mirror[0], -sin * aspect * mirror[1], offset[0]], dim=1)
    second = torch.stack([sin / aspect * mirror[0], cos * mirror[1], offset[1]], dim=1)
    return torch.stack([first, second], dim=1)


def _smooth_field(images: Tensor, channels: int, cells: int, generator: Generator) -> Tensor:
    """Standard normal values on a coarse grid, interpolated bicubically to (batch, channel, row, column)."""
    coarse = processes.normal((len(images), channels, cells, cells), generator)
    return functional.interpolate(coarse, size=images.shape[2:], mode="bicubic", align_corners=True)
