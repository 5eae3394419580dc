"""The learning rate of each step."""

import math

from fewlabel.config.training import Training


def learning_rate(step: int, budget: Training) -> float:
    """The learning rate of a step (from 0): a linear rise over the warm-up, then constant or half a cosine to 0."""
    if step < budget.warmup:
        return budget.learning_rate * (step + 1) / budget.warmup
    if budget.schedule == "constant":
        return budget.learning_rate
    share = (step - budget.warmup) / max(1, budget.steps - budget.warmup)
    return budget.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
