"""AdamW through PyTorch's functional form.

`torch.optim.AdamW` imports PyTorch's compiler when it is constructed: a second of CPU time in every training. The
functional form does the same arithmetic without it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

BETAS = (0.9, 0.999)
"""Decay rates of the means of the gradient and of its square."""
EPSILON = 1e-8


class AdamW:
    """AdamW (Loshchilov and Hutter, 2019) with the defaults of `torch.optim.AdamW`, bit-identical to it.

    Args:
        parameters: trained in place; those without a gradient do not change.
        weight_decay: decoupled, per unit of learning rate.
        fused: use the fused kernel, which MPS lacks.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float, fused: bool) -> None:
        self.parameters = list(parameters)
        self.weight_decay = weight_decay
        self.fused = fused
        # of each parameter that has had a gradient, by its number: steps taken, means of the gradient and of its square
        self.state: dict[int, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Remove all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, rate: float | Tensor) -> None:
        """Take a step with this learning rate; a tensor (on the parameters' device) needs the fused kernel."""
        gradients = {number: each.grad for number, each in enumerate(self.parameters) if each.grad is not None}
        states = [self._state(number) for number in gradients]
        adamw(
            [self.parameters[number] for number in gradients],
            list(gradients.values()),
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=self.fused,
            foreach=False,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=rate,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            maximize=False,
        )

    def _state(self, number: int) -> dict[str, Tensor]:
        if number not in self.state:
            parameter = self.parameters[number]
            self.state[number] = {
                "step": torch.zeros((), device=parameter.device if self.fused else None),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        return self.state[number]

    def state_dict(self) -> dict[str, Any]:
        """The state, for a file."""
        return {"state": self.state}

    def load_state_dict(self, content: Mapping[str, Any]) -> None:
        """Load a state, also one of `torch.optim.AdamW`.

        Raises:
            ValueError: it is not of these parameters.
        """
        self.state = {}
        for number, saved in content["state"].items():
            state = self._state(number) if number < len(self.parameters) else {}
            if {name: value.shape for name, value in saved.items()} != {name: v.shape for name, v in state.items()}:
                raise ValueError("the optimiser's state is of other parameters")
            for name, value in state.items():
                value.copy_(saved[name])
