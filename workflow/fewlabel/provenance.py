"""What ran, on what, with what. Facts that are unknown are left out; no user, host or path is recorded."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import pandas as pd
import torch

from fewlabel.learning.device import Precision
from fewlabel.learning.state import HistoryRow


def machine(device: torch.device, precision: Precision) -> dict[str, Any]:
    """Versions, device and precision of a training."""
    facts: dict[str, Any] = {
        "device": device.type,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("fewlabel", "torch", "numpy")},
        },
    }
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
        facts["peak_gpu_bytes"] = torch.cuda.max_memory_allocated(device)
    return facts


def history_table(stages: Mapping[str, Sequence[HistoryRow]]) -> pd.DataFrame:
    """Columns stage, step, loss (mean since the row before), learning_rate."""
    return pd.DataFrame([{"stage": stage, **asdict(row)} for stage, rows in stages.items() for row in rows])
