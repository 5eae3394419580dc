"""The contrastive pretext (paper, figure 1 right): global representations of slices, then local ones of regions."""

from collections.abc import Collection
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from fewlabel.config.pretexts.contrastive import ContrastiveMethod, GlobalStage
from fewlabel.training.augmentation import change_intensity
from fewlabel.training.devices import processes
from fewlabel.training.network import UNet
from fewlabel.training.pretexts.base import PretrainingData, StageImplementation
from fewlabel.training.sampling import Rows, Sampler, partition_rows, rows_by_volume, to_device
from fewlabel.training.thin_volumes import refuse_lone_slices
from fewlabel.utils.errors import InputError


def contrastive_loss(embeddings: Tensor, positive: Tensor, negative: Tensor, temperature: float) -> Tensor:
    """Temperature-scaled cross entropy of each positive pair against its anchor's negatives.

    For anchor i and positive p with cosine similarities s: -log(e^(s_ip/t) / (e^(s_ip/t) + sum over negatives n of
    e^(s_in/t))), averaged over an anchor's positives, then over anchors that have any (Chen 2020, eq. 1; with several
    positives as in Chaitanya 2020, eq. 1 and 2).

    Args:
        embeddings: (..., candidates, features), any scale; leading axes are independent sets.
        positive, negative: boolean (..., candidates, candidates) or broadcastable; row = anchor. Pairs that are neither
            have no influence.
        temperature: > 0.

    Returns:
        Scalar in nats.

    Raises:
        ValueError (on CPUs): no anchor has both a positive and a negative, or a pair is both.
    """
    checked = positive.device.type == "cpu"  # a GPU would wait for each check
    if checked and bool((positive & negative).any()):
        raise ValueError("a pair is marked as positive and as negative at once")
    usable = positive & negative.any(dim=-1, keepdim=True)
    if checked and not bool(usable.any()):
        raise ValueError("no anchor has both a positive and a negative: draw more slices or regions")
    unit = functional.normalize(embeddings.float(), dim=-1)
    # Never in bf16: similarities divided by the temperature need the precision.
    with torch.autocast(embeddings.device.type, enabled=False):
        similarity = unit @ unit.transpose(-1, -2) / temperature
    against = similarity.masked_fill(~negative, -torch.inf).logsumexp(dim=-1, keepdim=True)
    usable = usable.expand_as(similarity)
    pair = torch.where(usable, torch.logaddexp(similarity, against) - similarity, 0.0)
    count = usable.sum(dim=-1)
    return (pair.sum(dim=-1) / count.clamp(min=1)).sum() / (count > 0).sum()


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross entropy between two views (Chen et al. 2020, eq. 1).

    Row i of `first` and row i of `second` are views of one image; every other row of both is a negative.

    Args:
        first, second: (..., batch, features), any scale; leading axes are independent sets.
        temperature: > 0; smaller values weight hard negatives more.

    Returns:
        Scalar, mean over the 2 * batch anchors, in nats. With all embeddings equal: log(2 * batch - 1).

    Raises:
        ValueError: shapes differ, or fewer than two rows (there would be no negative).
    """
    if first.shape != second.shape:
        raise ValueError(f"views have shapes {tuple(first.shape)} and {tuple(second.shape)}: they must be equal")
    count = first.shape[-2]
    if count < 2:
        raise ValueError(f"{count} row gives no negative; at least 2 are needed")
    itself = torch.eye(2 * count, dtype=torch.bool, device=first.device)
    positive = itself.roll(count, dims=0)
    return contrastive_loss(torch.cat([first, second], dim=-2), positive, ~(positive | itself), temperature)


def slice_relations(
    rows: Tensor, parts: Tensor, volumes: Tensor, positives: Collection[str], similar_as_negatives: bool
) -> tuple[Tensor, Tensor]:
    """Positive and negative pairs of views, for slices with two views each.

    Args:
        rows: (batch,) index of each slice. A slice may occur twice if its volume has fewer slices than parts or is
            drawn twice; views of one slice are never negatives.
        parts: (batch,) part of its volume that each slice comes from: equal parts count as anatomically similar.
        volumes: (batch,) volume of each slice.
        positives: `augmentation` (the other view of the slice), `anatomy` (views of the same part of other volumes).
        similar_as_negatives: whether similar slices that are not positives are negatives; otherwise they are neither.

    Returns:
        Two boolean (2 batch, 2 batch) tensors for views in the order first views, second views.
    """
    row, part, volume = (torch.cat([one, one]) for one in (rows, parts, volumes))
    count = len(parts)
    itself = torch.eye(2 * count, dtype=torch.bool, device=parts.device)
    other_view = itself.roll(count, dims=0)
    similar = (part[:, None] == part[None, :]) & ~itself
    elsewhere = similar & (volume[:, None] != volume[None, :])
    positive = torch.zeros_like(itself)
    if "augmentation" in positives:
        positive |= other_view
    if "anatomy" in positives:
        positive |= elsewhere
    excluded = (row[:, None] == row[None, :]) | positive
    return positive, ~excluded if similar_as_negatives else ~(excluded | similar)


class GlobalContrast(nn.Module):
    """Stage 1: the encoder, with a projection head on the flattened bottleneck that is dropped afterwards."""

    def __init__(
        self,
        network: UNet,
        bottleneck: int,
        head: tuple[int, int],
        positives: Collection[str],
        similar_as_negatives: bool,
        temperature: float,
    ) -> None:
        """`bottleneck`: channels x rows x columns of the coarsest feature map."""
        super().__init__()
        self.encoder = network.encoder
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(bottleneck, head[0], bias=False), nn.ReLU(), nn.Linear(head[0], head[1], bias=False)
        )
        self.positives, self.similar_as_negatives, self.temperature = positives, similar_as_negatives, temperature

    @classmethod
    def of(cls, stage: GlobalStage, network: UNet, bottleneck: int) -> "GlobalContrast":
        """The objective of a stage's settings."""
        return cls(network, bottleneck, stage.head, stage.positives, stage.similar_as_negatives, stage.temperature)

    def represent(self, images: Tensor) -> Tensor:
        """Global representations after the head: (batch, 1, rows, columns) to (batch, features)."""
        embeddings: Tensor = self.head(self.encoder(images)[-1])
        return embeddings

    def forward(self, first: Tensor, second: Tensor, rows: Tensor, parts: Tensor, volumes: Tensor) -> Tensor:
        """The loss of two views (share, 1, rows, columns) of the same slices; see `slice_relations` for the batch."""
        own = self.represent(torch.cat([first, second]))
        # Of all processes: first views, then second views.
        embeddings = processes.gather(own.view(2, len(first), -1), axis=1).flatten(0, 1)
        self.spread = spread(embeddings)
        positive, negative = slice_relations(rows, parts, volumes, self.positives, self.similar_as_negatives)
        return contrastive_loss(embeddings, positive, negative, self.temperature)


class LocalContrast(nn.Module):
    """Stage 2: the first decoder stages, with a 1 x 1 convolutional head that is dropped afterwards."""

    def __init__(
        self,
        network: UNet,
        stages: int,
        width: int,
        head: tuple[int, int],
        regions: int,
        region_size: int,
        temperature: float,
        freeze_encoder: bool,
    ) -> None:
        """`width`: channels of the feature map after `stages` decoder stages."""
        super().__init__()
        self.encoder, self.stages_trained = network.encoder, nn.ModuleList(list(network.decoder.stages)[:stages])
        self._decoder = [network.decoder]  # in a list: its further stages are not trained and must not be registered
        self.head = nn.Sequential(
            nn.Conv2d(width, head[0], 1, bias=False),
            nn.GroupNorm(1, head[0]),
            nn.ReLU(),
            nn.Conv2d(head[0], head[1], 1, bias=False),
        )
        self.stages, self.regions, self.region_size, self.temperature = stages, regions, region_size, temperature
        self.encoder.requires_grad_(not freeze_encoder)

    def represent(self, images: Tensor) -> Tensor:
        """Local representations after the head: (batch, 1, rows, columns) to (batch, features, cells, cells).

        Cells are pixels of the feature map of the last trained decoder stage.
        """
        maps: Tensor = self.head(self._decoder[0](self.encoder(images), self.stages)).float()
        return maps

    def forward(self, first: Tensor, second: Tensor, generator: Generator) -> Tensor:
        """The loss of two intensity-transformed views (batch, 1, rows, columns) of the same slices."""
        maps = self.represent(torch.cat([first, second]))
        one, two = maps.chunk(2)
        cells = draw_regions(one, self.regions, self.region_size, generator)
        first, second = (region_means(maps, cells, self.region_size) for maps in (one, two))
        self.spread = spread(first)
        return nt_xent(first, second, self.temperature)


def spread(embeddings: Tensor) -> Tensor:
    """Spread of embeddings (..., candidates, features): 0 if all of a set are equal, 1 if they cancel out.

    The root of 1 - |mean of the unit vectors|^2, averaged over the leading axes. It shows a collapse that a loss hides.
    Vectors of length 0, which have no direction, count as equal.
    """
    with torch.no_grad():
        unit = functional.normalize(embeddings.float(), dim=-1)
        apart = unit.square().sum(dim=-1).mean(dim=-1) - unit.mean(dim=-2).square().sum(dim=-1)
        return apart.clamp(min=0).sqrt().mean()


def draw_regions(maps: Tensor, regions: int, size: int, generator: Generator) -> Tensor:
    """Draw regions for each image: distinct cells of the grid of size x size cells, as indices (batch, regions)."""
    cells = (maps.shape[2] // size) * (maps.shape[3] // size)
    if cells < regions:
        raise ValueError(
            f"{regions} regions of {size} x {size} do not fit a map of {tuple(maps.shape[2:])}: at most {cells}"
        )
    chance = processes.uniform((len(maps), cells), generator)
    return chance.topk(regions, dim=1).indices


def region_means(maps: Tensor, cells: Tensor, size: int) -> Tensor:
    """Mean features of each region: (batch, features, rows, columns) and cells to (batch, regions, features)."""
    means = functional.avg_pool2d(maps, size).flatten(2).transpose(1, 2)
    return means.gather(1, cells[:, :, None].expand(-1, -1, means.shape[2]))


class PairSampler:
    """Batches of a stage that contrasts slices: two views of each slice, its row, its part and its volume.

    Raises:
        InputError: too few subjects or slices for the stage's positives and negatives.
    """

    def __init__(self, data: PretrainingData, name: str, stage: GlobalStage) -> None:
        self.data, self.name = data, name
        refuse_lone_slices(name, stage, data.store.index, data.subjects)
        volumes = rows_by_volume(data.store.index, data.subjects)
        if "anatomy" in stage.positives and len(volumes) < 2:
            raise InputError(
                "positives by anatomy need at least two subjects to pretrain on; to fix: use positives: [augmentation]"
            )
        self._drawn = partial(partition_rows, volumes, stage.partitions, stage.batch, data.settings.seed)

    def rows(self, step: int) -> Rows:
        """Rows of a step's slices."""
        return self._drawn(step)[0]

    def tensors(self, step: int) -> tuple[Tensor, ...]:
        """First and second views (share, 1, rows, columns), and rows, parts and volumes of the batch (batch,)."""
        relations = self._drawn(step)
        images = self.data.slices.images(processes.share(relations[0]))
        first, second = (self.data.view(images, self.name, view, step) for view in ("first", "second"))
        return first, second, *(to_device(torch.from_numpy(numbers), self.data.device) for numbers in relations)


def global_objective(method: ContrastiveMethod, network: UNet, features: int) -> GlobalContrast:
    """The objective of stage 1; `features`: see `GlobalContrast`."""
    return GlobalContrast.of(method.global_stage, network, features)


def local_objective(method: ContrastiveMethod, network: UNet, features: int) -> LocalContrast:
    """The objective of stage 2."""
    stage = method.local_stage
    assert stage is not None
    width = network.encoder.widths[-1 - stage.decoder_stages]
    return LocalContrast(
        network, stage.decoder_stages, width, stage.head, stage.regions, stage.region_size, stage.temperature,
        stage.freeze_encoder,
    )  # fmt: skip


def _global_sampler(data: PretrainingData) -> Sampler:
    method = data.settings.method
    assert isinstance(method, ContrastiveMethod)
    pairs = PairSampler(data, "global_stage", method.global_stage)
    return Sampler(pairs.rows, pairs.tensors)


def _local_sampler(data: PretrainingData) -> Sampler:
    method = data.settings.method
    assert isinstance(method, ContrastiveMethod) and method.local_stage is not None
    rows = data.rows(method.local_stage.batch)
    augmentation = data.settings.augmentations["local_stage"]

    def sample(step: int) -> tuple[Tensor | Generator, ...]:
        images = data.slices.images(processes.share(rows(step)))
        regions = data.generator("regions", step)
        first, second = (
            change_intensity(images, augmentation, data.generator("local_stage", view, step))
            for view in ("first", "second")
        )
        return first, second, regions

    return Sampler(rows, sample)


STAGES = {
    "global_stage": StageImplementation(global_objective, _global_sampler, splits=True),
    "local_stage": StageImplementation(local_objective, _local_sampler, splits=True),
}
