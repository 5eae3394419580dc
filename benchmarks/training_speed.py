"""Step times of the regression pretext on one CPU thread, as trained and with parts of its speed taken away, in turns.

Each time is of a process of its own; medians and ratios over the rounds are printed, and the last loss.

Usage: python benchmarks/training_speed.py [rounds]
"""

import statistics
import subprocess
import sys
import time

import torch

from fewlabel.training import network
from fewlabel.training.devices import device
from fewlabel.training.pretexts.regression import Regression

STEPS, SHAPE = 40, (16, 1, 64, 48)
WITHOUT = {
    "as trained": [],
    "channels first": ["layout"],
    "freed memory given back": ["memory"],
    "both": ["layout", "memory"],
}


def measured(without: list[str]) -> tuple[float, float]:
    """Milliseconds of CPU time a step, after five steps to warm up; and the last loss."""
    if "layout" in without:
        network._channels_last = lambda features: features
    if "memory" in without:
        device._keep_freed_memory = lambda: None
    device.use_threads(1)
    cpu = torch.device("cpu")
    torch.manual_seed(1)
    objective = Regression(network.UNet([16, 32, 64, 64]), 0.5, 4, 1.0)
    optimizer = torch.optim.AdamW(objective.parameters(), lr=1e-3, fused=True)
    images, generator = torch.rand(SHAPE), torch.Generator().manual_seed(1)
    for step in range(5 + STEPS):
        if step == 5:
            start = time.process_time()
        with device.autocast(device.choose_precision("auto", cpu), cpu):
            loss = objective(images, generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return (time.process_time() - start) / STEPS * 1000, loss.item()


def main() -> None:
    """Run all in turns and print the medians."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    times: dict[str, list[float]] = {name: [] for name in WITHOUT}
    losses: dict[str, str] = {}
    for _ in range(rounds):
        for name, without in WITHOUT.items():
            child = [sys.executable, __file__, "--one", *without]
            told = subprocess.run(child, check=True, capture_output=True, text=True).stdout.split()
            times[name].append(float(told[0]))
            losses[name] = told[1]
    base = times["as trained"]
    for name, each in times.items():
        ratio = statistics.median(one / ours for one, ours in zip(each, base, strict=True))
        print(f"{name}: {statistics.median(each):.0f} ms a step, {ratio:.2f} times as trained, loss {losses[name]}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(*measured(sys.argv[2:]))
    else:
        main()
