"""The contrastive losses of FewLabel, MONAI and lightly on the same embeddings."""

import importlib.util
import sys
import types
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.pipelines.steps import Laps
from fewlabel.training.devices.device import use_threads
from fewlabel.training.pretexts.contrastive import nt_xent

TEMPERATURE = 0.1
CALLS = 10
"""Losses between two looks at the clock."""


def lightly_loss() -> Callable[[Tensor, Tensor], Tensor]:
    """lightly's NTXentLoss.

    Its packages import torchvision, whose operators do not load beside a PyTorch of another build. Where that is so, an
    empty module stands in for it, and lightly's `__init__` files are passed over: the loss uses nothing of them.
    """
    try:
        from lightly.loss import NTXentLoss
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] in ("torchvision", "lightly")]:
            del sys.modules[name]
        spec = importlib.util.find_spec("lightly")
        assert spec is not None and spec.submodule_search_locations
        for name in ("loss", "models"):
            package = types.ModuleType(f"lightly.{name}")
            package.__path__ = [f"{spec.submodule_search_locations[0]}/{name}"]
            sys.modules[package.__name__] = package
        operators = types.ModuleType("torchvision.ops")
        operators.StochasticDepth = object  # type: ignore[attr-defined]
        stand_ins = {"torchvision": types.ModuleType("torchvision"), "torchvision.ops": operators}
        sys.modules |= stand_ins
        from lightly.loss.ntx_ent_loss import NTXentLoss

        for name in stand_ins:
            del sys.modules[name]
    return NTXentLoss(TEMPERATURE)


def losses() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The loss of two views (batch, features) by each library."""
    from monai.losses import ContrastiveLoss

    return {
        "FewLabel nt_xent": lambda first, second: nt_xent(first, second, TEMPERATURE),
        "lightly NTXentLoss": lightly_loss(),
        "MONAI ContrastiveLoss": ContrastiveLoss(temperature=TEMPERATURE),
    }


def timed(name: str, batch: int, features: int, seconds: float) -> dict[str, float]:
    """CPU seconds of loss and gradient, and the loss; call it in a process of its own."""
    use_threads(1)
    loss, generator = losses()[name], torch.Generator().manual_seed(1)
    views = torch.randn((2, batch, features), generator=generator, requires_grad=True)
    laps = Laps(seconds)
    while True:
        for _ in range(CALLS):
            views.grad = None
            value = loss(*views)
            value.backward()
        if laps.done():
            return {**{name: lap / CALLS for name, lap in laps.per_step().items()}, "loss": value.item()}
