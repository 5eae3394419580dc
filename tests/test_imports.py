"""A run of a thousand short jobs is a thousand starts: a command imports what it needs and no more."""

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "pandas",
    "scipy.ndimage",
    "skimage",
    "nibabel",
    "matplotlib",
    "seaborn",
    "monai",
    "sympy",
    "rocrate",
    "jinja2",
}

TRAINING = "from fewlabel.training import finetune, pretrain; from fewlabel.data.store import slice_store"
NEEDED = {
    "from fewlabel.cli import main": set(),
    TRAINING: {"torch", "pandas", "nibabel"},
    "from fewlabel.inference import evaluate": {"torch", "pandas", "nibabel", "scipy.ndimage"},
}


@pytest.mark.parametrize("code", NEEDED)
def test_nothing_comes_along_that_is_not_needed(code):
    command = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) <= NEEDED[code]
