"""Several networks trained in one process: one after the other, as grouped convolutions, and by torch.func.vmap."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.pipelines.steps import BATCH, Laps, arrays
from fewlabel.training.devices.device import autocast, choose_precision, use_threads
from fewlabel.training.kernels import operations as kernels
from fewlabel.training.network import UNet
from fewlabel.training.segmentation import Segmentation, dice_loss

CPU = torch.device("cpu")
COUNTS = (1, 2, 4, 8)


class _Stage(nn.Module):
    """`Stage` of several networks, whose channels lie side by side."""

    def __init__(self, count: int, channels: int, width: int, plain: bool) -> None:
        super().__init__()
        self.plain = plain
        inputs, outputs = count * channels, count * width
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, groups=count, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, groups=count, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(outputs // 4, outputs) for _ in range(2))

    def forward(self, features: Tensor) -> Tensor:
        for convolution, norm in zip((self.first, self.second), self.norms, strict=True):
            features = convolution(features)
            if self.plain:
                features = functional.relu(norm(features))
            elif kernels.available(features):
                features = features.contiguous(memory_format=torch.channels_last)
                features = kernels.group_norm_relu(features, norm.weight, norm.bias, norm.eps)
            else:
                features = functional.relu(norm(features.contiguous()))
                features = features.contiguous(memory_format=torch.channels_last)
        return features


class GroupedUNet(nn.Module):
    """As many independent U-Nets as one network with grouped convolutions.

    Images (batch, network, row, column) give logits of the same shape; each network sees its own channel. `plain`: with
    neither compiled kernels nor channels last, which vmap does not know.
    """

    def __init__(self, count: int, widths: Sequence[int], plain: bool = False) -> None:
        super().__init__()
        self.count, self.plain = count, plain
        self.encoder = nn.ModuleList(
            _Stage(count, *pair, plain) for pair in zip([1, *widths[:-1]], widths, strict=True)
        )
        self.ups, self.fuses = nn.ModuleList(), nn.ModuleList()
        for coarse, fine in pairwise(reversed(widths)):
            self.ups.append(nn.Conv2d(count * coarse, count * fine, 2, groups=count))
            self.fuses.append(_Stage(count, 2 * fine, fine, plain))
        self.output = nn.Conv2d(count * widths[0], count, 1, groups=count)

    def forward(self, images: Tensor) -> Tensor:
        features: list[Tensor] = []
        images = self._laid_out(images)
        for stage in self.encoder:
            features.append(stage(functional.max_pool2d(features[-1], 2) if features else images))
        decoded = features.pop()
        for up, fuse in zip(self.ups, self.fuses, strict=True):
            larger = functional.interpolate(decoded, scale_factor=2, mode="nearest")
            decoded = fuse(self._joined(up(functional.pad(larger, (0, 1, 0, 1))), features.pop()))
        logits: Tensor = self.output(decoded)
        return logits

    def _joined(self, up: Tensor, skip: Tensor) -> Tensor:
        """Both maps of each network beside each other."""
        parts = [maps.unflatten(1, (self.count, -1)) for maps in (up, skip)]
        return self._laid_out(torch.cat(parts, dim=2).flatten(1, 2))

    def _laid_out(self, features: Tensor) -> Tensor:
        return features if self.plain else features.contiguous(memory_format=torch.channels_last)

    def fill(self, networks: Sequence[UNet]) -> None:
        """Take the parameters of single networks."""
        own = list(self.parameters())
        with torch.no_grad():
            for parameter, others in zip(own, zip(*map(_in_order, networks), strict=True), strict=True):
                parameter.copy_(torch.cat(others))


def _in_order(network: UNet) -> list[Tensor]:
    """The parameters of a network in the order of `GroupedUNet`'s."""

    def stage(module: Any) -> list[Tensor]:
        first, second = [[layer.weight, layer.bias] for layer in module.modules() if isinstance(layer, nn.GroupNorm)]
        weights = [layer.weight for layer in module.modules() if isinstance(layer, nn.Conv2d)]
        return [*weights, *first, *second]

    found = [each for module in network.encoder.stages for each in stage(module)]
    decoders = list(network.decoder.stages)
    ups = [layer for module in decoders for layer in module.up.modules() if isinstance(layer, nn.Conv2d)]
    found += [each for layer in ups for each in (layer.weight, layer.bias)]
    found += [each for module in decoders for each in stage(module.fuse)]
    return [*found, network.output.weight, network.output.bias]


def _dices(logits: Tensor, masks: Tensor) -> Tensor:
    """The sum of the networks' losses; both (batch, network, row, column)."""
    each = [dice_loss(*one) for one in zip(logits.split(1, 1), masks.split(1, 1), strict=True)]
    return torch.stack(each).sum()


class Ensemble:
    """Trains networks together, step by step."""

    def __init__(self, way: str, count: int, widths: Sequence[int], precision: Any) -> None:
        self.way, self.precision = way, precision
        networks = [UNet(widths).train() for _ in range(count)]
        if way == "one after the other":
            self.modules = [Segmentation(network) for network in networks]
            self.optimizers = [_adam(module.parameters()) for module in self.modules]
        elif way == "grouped convolutions":
            self.grouped = GroupedUNet(count, widths)
            self.grouped.fill(networks)
            self.optimizers = [_adam(self.grouped.parameters())]
        else:
            singles = [GroupedUNet(1, widths, plain=True) for _ in networks]
            for single, network in zip(singles, networks, strict=True):
                single.fill([network])
            self.stacked, _ = torch.func.stack_module_state(singles)
            self.skeleton = GroupedUNet(1, widths, plain=True).to("meta")
            self.optimizers = [_adam(self.stacked.values())]

    def step(self, images: Tensor, masks: Tensor) -> float:
        """Train all networks by a step, each on its channel of images and masks; the sum of the losses."""
        if self.way == "one after the other":
            total, batches = 0.0, zip(images.split(1, 1), masks.split(1, 1), strict=True)
            for module, optimizer, batch in zip(self.modules, self.optimizers, batches, strict=True):
                with autocast(self.precision, CPU):
                    loss = module(*batch)
                total += _update(optimizer, loss)
            return total
        with autocast(self.precision, CPU):
            if self.way == "grouped convolutions":
                logits = self.grouped(images)
            else:
                call = torch.func.vmap(lambda state, batch: torch.func.functional_call(self.skeleton, state, (batch,)))
                logits = call(self.stacked, images.unsqueeze(2).transpose(0, 1)).squeeze(2).transpose(0, 1)
            loss = _dices(logits, masks)
        return _update(self.optimizers[0], loss)


def _adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0, fused=True)


def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def timed(
    way: str, widths: Sequence[int], side: int, precision: str, seconds: float, counts: Sequence[int] = COUNTS
) -> dict[str, float]:
    """CPU seconds of a step of one network, by the number of networks; call it in a process of its own."""
    use_threads(1)
    chosen, found = choose_precision(precision, CPU), {}
    for count in counts:
        torch.manual_seed(1)
        ensemble, laps = Ensemble(way, count, widths, chosen), Laps(seconds)
        images, masks = (
            torch.from_numpy(array[: BATCH * count]).unflatten(0, (BATCH, count)) for array in arrays(side)
        )
        while True:
            loss = ensemble.step(images, masks)
            if laps.done():
                break
        found[str(count)] = laps.per_step()["cpu"] / count
        found[f"loss of {count}"] = loss
    return found
