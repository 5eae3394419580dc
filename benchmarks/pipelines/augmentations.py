"""The extensive augmentation of FewLabel, MONAI and batchgeneratorsv2 on the same slices."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.pipelines.steps import BATCH, Laps, arrays
from fewlabel.config.augmentation import AUGMENTATIONS
from fewlabel.training.augmentation import augment
from fewlabel.training.devices.device import use_threads

EXTENSIVE = AUGMENTATIONS["extensive"]
Batch = tuple[Tensor, Tensor]


def fewlabel(side: int) -> Callable[[Batch], Batch]:
    """All slices of a batch at once."""
    generator = torch.Generator().manual_seed(1)

    def transform(batch: Batch) -> Batch:
        images, masks = augment(*batch, EXTENSIVE, ["columns"], generator)
        assert masks is not None
        return images, masks

    return transform


def monai(side: int) -> Callable[[Batch], Batch]:
    """Slice by slice, as its DataLoader does, and collated."""
    from monai.data.utils import list_data_collate
    from monai.transforms import Compose

    from benchmarks.pipelines.monai_training import augmentation

    transforms = Compose(augmentation(side))

    def transform(batch: Batch) -> Batch:
        items = [{"image": image, "label": mask} for image, mask in zip(*batch, strict=True)]
        made = list_data_collate([transforms(item) for item in items])
        return made["image"], made["label"]

    return transform


def batchgenerators(side: int) -> Callable[[Batch], Batch]:
    """Slice by slice, nnU-Net's transforms with FewLabel's ranges.

    It has no shift and no multiplicative shading; BrightnessGradientAdditiveTransform comes nearest to the latter.
    """
    from batchgeneratorsv2.transforms.intensity.brightness import BrightnessAdditiveTransform
    from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
    from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
    from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
    from batchgeneratorsv2.transforms.local.brightness_gradient import BrightnessGradientAdditiveTransform
    from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
    from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms

    angle, elastic = math.radians(EXTENSIVE.rotation_deg), EXTENSIVE.elastic_px
    spatial = SpatialTransform(
        (side, side),
        patch_center_dist_from_border=0,
        random_crop=False,
        p_elastic_deform=1,
        elastic_deform_scale=(0.25, 0.25),
        elastic_deform_magnitude=(elastic, elastic),
        p_rotation=1,
        rotation=(-angle, angle),
        p_scaling=1,
        scaling=_around(EXTENSIVE.scale),
        p_synchronize_scaling_across_axes=1,
        padding_mode_image="border",
    )
    transforms = ComposeTransforms(
        [
            spatial,
            MirrorTransform((1,)),
            BrightnessGradientAdditiveTransform(scale=(side / 2, side), max_strength=EXTENSIVE.shading),
            GammaTransform(_around(EXTENSIVE.gamma), 0, False, 1, 0),
            ContrastTransform(_around(EXTENSIVE.contrast), preserve_range=False, synchronize_channels=False),
            BrightnessAdditiveTransform(0, EXTENSIVE.brightness),
            GaussianNoiseTransform((0, EXTENSIVE.noise)),
        ]
    )

    def transform(batch: Batch) -> Batch:
        made = [transforms(image=image, segmentation=mask) for image, mask in zip(*batch, strict=True)]
        return torch.stack([one["image"] for one in made]), torch.stack([one["segmentation"] for one in made])

    return transform


def _around(width: float) -> tuple[float, float]:
    return 1 - width, 1 + width


BY_LIBRARY = {"FewLabel": fewlabel, "batchgeneratorsv2": batchgenerators, "MONAI": monai}


def timed(library: str, side: int, seconds: float) -> dict[str, float]:
    """CPU seconds of a batch; call it in a process of its own."""
    use_threads(1)
    images, masks = (torch.from_numpy(array[:BATCH, None]) for array in arrays(side))
    if library == "batchgeneratorsv2":
        masks = masks.to(torch.int16)  # as nnU-Net's
    transform = BY_LIBRARY[library](side)
    laps = Laps(seconds)
    while True:
        made = transform((images.clone(), masks.clone()))
        if laps.done():
            assert made[0].shape == made[1].shape == images.shape
            return laps.per_step()
