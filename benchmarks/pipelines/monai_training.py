"""Trainings as MONAI documents them: CacheDataset, dictionary transforms, DataLoader, BasicUNet, DiceLoss.

The transforms are those of FewLabel's augmentations, each by MONAI's nearest equivalent and always applied. Where MONAI
lacks a part (the local contrastive stage), the least code around its own parts fills in.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader
from monai.losses import ContrastiveLoss, DiceLoss
from monai.networks.nets import BasicUNet
from monai.transforms import (
    Compose,
    CopyItemsd,
    EnsureChannelFirstd,
    Rand2DElasticd,
    RandAdjustContrastd,
    RandAffined,
    RandBiasFieldd,
    RandCoarseDropoutd,
    RandFlipd,
    RandGaussianNoised,
    RandScaleIntensityFixedMeand,
    RandShiftIntensityd,
    RandSpatialCropd,
    Resized,
    Transform,
)
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.pipelines.steps import BATCH, WIDTHS, Laps, Timed, arrays
from fewlabel.config.augmentation import AUGMENTATIONS
from fewlabel.config.pretexts.contrastive import GlobalStage, LocalStage

EXTENSIVE, GEOMETRY, VIEWS = (AUGMENTATIONS[name] for name in ("extensive", "geometry", "views"))
INTENSITY = AUGMENTATIONS["intensity"]


def basic_unet(widths: Sequence[int] = WIDTHS) -> BasicUNet:
    """BasicUNet of five levels, with the widths and, after the last upsampling (the sixth feature), the first again.

    Normalisation, activation and upsampling are MONAI's defaults: instance norm, leaky ReLU, transposed convolution.
    """
    return BasicUNet(spatial_dims=2, in_channels=1, out_channels=1, features=(*widths, widths[0]))


def augmentation(side: int) -> list[Transform]:
    """The extensive augmentation of `image` and `label`."""
    both, image, pixels = ["image", "label"], ["image"], EXTENSIVE.shift * side
    return [
        Rand2DElasticd(
            both,
            spacing=(side / 2, side / 2),
            magnitude_range=(EXTENSIVE.elastic_px, EXTENSIVE.elastic_px),
            prob=1,
            rotate_range=math.radians(EXTENSIVE.rotation_deg),
            scale_range=(EXTENSIVE.scale, EXTENSIVE.scale),
            translate_range=(pixels, pixels),
            mode=("bilinear", "nearest"),
            padding_mode=("border", "zeros"),
        ),
        RandFlipd(both, prob=0.5, spatial_axis=1),
        RandBiasFieldd(image, degree=2, coeff_range=(-EXTENSIVE.shading, EXTENSIVE.shading), prob=1),
        RandAdjustContrastd(image, prob=1, gamma=(1 - EXTENSIVE.gamma, 1 + EXTENSIVE.gamma)),
        RandScaleIntensityFixedMeand(image, factors=EXTENSIVE.contrast, prob=1),
        RandShiftIntensityd(image, offsets=EXTENSIVE.brightness, prob=1),
        RandGaussianNoised(image, prob=1, std=EXTENSIVE.noise),
    ]


def loader(images: NDArray[np.float32], masks: NDArray[np.float32] | None, random: list[Transform], workers: int = 0):
    """Shuffled batches of cached slices with random transforms."""
    keys = ["image"] if masks is None else ["image", "label"]
    items = [{"image": images[row], **({} if masks is None else {"label": masks[row]})} for row in range(len(images))]
    transforms = Compose([EnsureChannelFirstd(keys, channel_dim="no_channel"), *random])
    dataset = CacheDataset(items, transforms, cache_rate=1.0, num_workers=1, progress=False)
    # Workers that stay: otherwise each epoch of these few slices would start them again.
    options = {"num_workers": workers, "persistent_workers": workers > 0}
    return DataLoader(dataset, batch_size=BATCH, shuffle=True, drop_last=True, **options)


class Finetuning(nn.Module):
    """Segmentation with Dice loss."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.loss = basic_unet(), DiceLoss(sigmoid=True, batch=True)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        return self.loss(self.network(batch["image"]), batch["label"])


class Regression(nn.Module):
    """Restores dropped squares, as MONAI's tutorial of self-supervised pretraining does."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.loss = basic_unet(), nn.L1Loss()

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        return self.loss(self.network(batch["image"]), batch["clean"])


class Global(nn.Module):
    """Contrasts two views of slices, with FewLabel's head on the bottleneck."""

    def __init__(self, side: int) -> None:
        super().__init__()
        network, head = basic_unet(), GlobalStage().head
        self.levels = nn.Sequential(network.conv_0, network.down_1, network.down_2, network.down_3, network.down_4)
        inputs = WIDTHS[-1] * (side // 2 ** (len(WIDTHS) - 1)) ** 2
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(inputs, head[0]), nn.ReLU(), nn.Linear(*head))
        self.loss = ContrastiveLoss(temperature=GlobalStage().temperature)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        views = self.head(self.levels(torch.cat([batch["image"], batch["other"]])))
        return self.loss(*views.float().chunk(2))


class Local(nn.Module):
    """Contrasts regions of two views after three decoder stages; the encoder is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.stage, network = LocalStage(), basic_unet()
        self.levels = nn.ModuleList(
            [network.conv_0, network.down_1, network.down_2, network.down_3, network.down_4]
        ).requires_grad_(False)
        self.decoder = nn.ModuleList([network.upcat_4, network.upcat_3, network.upcat_2])
        hidden, features = self.stage.head
        width = WIDTHS[-1 - self.stage.decoder_stages]
        self.head = nn.Sequential(
            nn.Conv2d(width, hidden, 1), nn.GroupNorm(1, hidden), nn.ReLU(), nn.Conv2d(hidden, features, 1)
        )
        self.loss = ContrastiveLoss(temperature=self.stage.temperature)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        features = [torch.cat([batch["image"], batch["other"]])]
        for level in self.levels:
            features.append(level(features[-1]))
        decoded = features.pop()
        for stage in self.decoder:
            decoded = stage(decoded, features.pop())
        cells = nn.functional.avg_pool2d(self.head(decoded).float(), self.stage.region_size).flatten(2).mT
        losses = []
        for first, second in zip(*cells.chunk(2), strict=True):
            chosen = torch.randperm(len(first))[: self.stage.regions]
            losses.append(self.loss(first[chosen], second[chosen]))
        return torch.stack(losses).mean()


def pretext_transforms(stage: str, side: int) -> list[Transform]:
    """The augmentation of a pretext's stage; two views are `image` and `other`."""
    if stage == "regression":
        geometry = RandAffined(
            ["image"],
            prob=1,
            rotate_range=math.radians(GEOMETRY.rotation_deg),
            scale_range=(GEOMETRY.scale, GEOMETRY.scale),
            padding_mode="border",
        )
        copy = CopyItemsd(["image"], times=1, names=["clean"])
        drop = RandCoarseDropoutd(["image"], holes=6, spatial_size=5, max_spatial_size=32, prob=1)
        return [geometry, RandFlipd(["image"], prob=0.5, spatial_axis=1), copy, drop]
    views: list[Transform] = [CopyItemsd(["image"], times=1, names=["other"])]
    used = VIEWS if stage == "global" else INTENSITY
    for view in ("image", "other"):
        if stage == "global":
            least = round(VIEWS.crop_min * side)
            views += [RandSpatialCropd([view], roi_size=(least, least), random_size=True)]
            views += [Resized([view], spatial_size=(side, side), mode="bilinear")]
            views += [RandFlipd([view], prob=0.5, spatial_axis=1)]
        views += [RandScaleIntensityFixedMeand([view], factors=used.contrast, prob=1)]
        views += [RandShiftIntensityd([view], offsets=used.brightness, prob=1)]
    return views


def timed(given: Timed) -> dict[str, float]:
    """Wall and CPU seconds of a step, those of loading workers included; call it in a process of its own."""
    torch.set_num_threads(given.threads)
    images, masks = arrays(given.side)
    if given.stage == "finetune":
        batches, objective = loader(images, masks, augmentation(given.side), given.workers), Finetuning()
    else:
        batches = loader(images, None, pretext_transforms(given.stage, given.side), given.workers)
        objective = {"regression": Regression, "local": Local}.get(given.stage, lambda: Global(given.side))()
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0)
    laps = Laps(given.seconds)
    while True:
        for batch in batches:
            step(objective, batch, optimizer, given.precision)
            if laps.done():
                return laps.per_step()


def step(objective: nn.Module, batch: Mapping[str, Any], optimizer: torch.optim.Optimizer, precision: str) -> float:
    """A training step; the loss."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        loss = objective(batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
