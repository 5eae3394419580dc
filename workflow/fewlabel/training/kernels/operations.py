"""Operations of the network that are computed by compiled kernels, as functions that autograd differentiates.

All take and return feature maps of shape (batch, channel, row, column) in channels last, float32 or bfloat16.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from fewlabel.training.kernels.library import library

GROUP = 4
"""Channels of a group."""


def available(features: Tensor) -> bool:
    """Whether kernels are compiled for feature maps of this device, type and number of channels."""
    return (
        features.device.type == "cpu"
        and features.dtype in (torch.float32, torch.bfloat16)
        and features.shape[1] % GROUP == 0
        and library() is not None
    )


def group_norm_relu(features: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """GroupNorm, four channels a group (Wu and He 2018), then ReLU.

    Args:
        weight, bias: float32, (channel,).
        epsilon: added to the variance.
    """
    result: Tensor = _GroupNormReLU.apply(features, weight, bias, epsilon, False)  # type: ignore[no-untyped-call]
    return result


def group_norm_relu_pool(features: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """The same, and its 2 x 2 max-pool. Raises ValueError: rows or columns are odd."""
    if features.shape[2] % 2 or features.shape[3] % 2:
        raise ValueError(f"a map of {tuple(features.shape[2:])} pixels; accepted for a 2 x 2 max-pool: even sides")
    result: tuple[Tensor, Tensor] = _GroupNormReLU.apply(  # type: ignore[no-untyped-call]
        features, weight, bias, epsilon, True
    )
    return result


def up_sample_concatenate(coarse: Tensor, skip: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Nearest up-sampling by two, a 2 x 2 convolution (zeros below and on the right), concatenation with a skip.

    The four pixels that a coarse pixel becomes see only this pixel and its neighbours below and on the right. So the
    convolution takes place on the coarse map, with the sum of the weights that fall on one coarse pixel, and gives the
    four pixels as channels.

    Args:
        coarse: (batch, coarse channel, row, column).
        skip: (batch, channel, 2 rows, 2 columns).
        weight: (channel, coarse channel, 2, 2); `bias`: (channel,).

    Returns:
        (batch, 2 channel, 2 row, 2 column), of the skip's type: the up-sampled map, then the skip.
    """
    channels, coarse_channels = weight.shape[:2]
    phase_weights = (weight.flatten(2) @ _PHASES).view(channels, coarse_channels, 4, 2, 2)
    phase_weights = phase_weights.permute(2, 0, 1, 3, 4).flatten(0, 1)
    padded = functional.pad(coarse, (0, 1, 0, 1))
    phases = functional.conv2d(padded, phase_weights, bias.repeat(4))
    joined: Tensor = _Concatenate.apply(phases, skip)  # type: ignore[no-untyped-call]
    return joined


def _phases() -> Tensor:
    """Of each weight (row, column) of a 2 x 2 kernel: the coarse pixel that it falls on, for each of four fine pixels.

    Shape (4 weights, 4 fine pixels x 4 coarse pixels), 0 or 1.
    """
    falls_on = torch.zeros(2, 2, 2, 2, 2, 2)
    for row in (0, 1):
        for column in (0, 1):
            for below in (0, 1):
                for right in (0, 1):
                    falls_on[below, right, row, column, (row + below) // 2, (column + right) // 2] = 1
    return falls_on.view(4, 16)


_PHASES = _phases()


def _laid_out(features: Tensor, like: torch.dtype) -> Tensor:
    return features.to(like).contiguous(memory_format=torch.channels_last)


def _empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, memory_format=torch.channels_last)


class _GroupNormReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, epsilon: float, pool: bool
    ) -> Tensor | tuple[Tensor, Tensor]:
        kernels = library()
        assert kernels is not None
        batch, channels, rows, columns = features.shape
        features = _laid_out(features, features.dtype)
        output = torch.empty_like(features)
        pooled = _empty((batch, channels, rows // 2, columns // 2), features) if pool else None
        mean, inverse = torch.empty(batch, channels), torch.empty(batch, channels)
        kernels.normalise(
            False, features=features, weight=weight, bias=bias, mean=mean, inverse=inverse, output=output,
            pooled=pooled, samples=batch, rows=rows, columns=columns, channels=channels, epsilon=epsilon,
            is_bfloat16=features.dtype == torch.bfloat16,
        )  # fmt: skip
        ctx.save_for_backward(features, weight, bias, mean, inverse)
        ctx.set_materialize_grads(False)
        return output if pooled is None else (output, pooled)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor | None) -> tuple[Tensor | None, ...]:
        kernels = library()
        assert kernels is not None
        features, weight, bias, mean, inverse = ctx.saved_tensors
        batch, channels, rows, columns = features.shape
        output, pooled = (None if each is None else _laid_out(each, features.dtype) for each in (*given, None)[:2])
        if output is None and pooled is None:
            return None, None, None, None, None
        gradient = torch.empty_like(features)
        sums = torch.empty(2, batch, channels)
        kernels.normalise(
            True, features=features, weight=weight, bias=bias, mean=mean, inverse=inverse, output_gradient=output,
            pooled_gradient=pooled, gradient=gradient, weight_gradient=sums[0], bias_gradient=sums[1],
            samples=batch, rows=rows, columns=columns, channels=channels, is_bfloat16=features.dtype == torch.bfloat16,
        )  # fmt: skip
        of_weight, of_bias = sums.sum(dim=1)
        return gradient, of_weight, of_bias, None, None


class _Concatenate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, phases: Tensor, skip: Tensor) -> Tensor:
        batch, channels, rows, columns = skip.shape
        joined = _empty((batch, 2 * channels, rows, columns), skip)
        _concatenate(False, _laid_out(phases, skip.dtype), _laid_out(skip, skip.dtype), joined)
        return joined

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, joined: Tensor) -> tuple[Tensor, Tensor]:
        batch, channels, rows, columns = joined.shape
        phases = _empty((batch, 2 * channels, rows // 2, columns // 2), joined)
        skip = _empty((batch, channels // 2, rows, columns), joined)
        _concatenate(True, phases, skip, _laid_out(joined, joined.dtype))
        return phases, skip


def _concatenate(backward: bool, phases: Tensor, skip: Tensor, joined: Tensor) -> None:
    kernels = library()
    assert kernels is not None
    batch, _, rows, columns = phases.shape
    width = skip.shape[1] * skip.element_size()
    kernels.concatenate(
        backward, phases=phases, skip=skip, joined=joined, samples=batch, rows=rows, columns=columns, bytes=width
    )
