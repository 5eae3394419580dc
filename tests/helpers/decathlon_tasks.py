"""Tasks of the Decathlon in tests."""

import hashlib

import nibabel as nib
import numpy as np

from fewlabel.config.sources.decathlon import DecathlonSource

TASK = "Task05_Prostate"


def source(**changes):
    return DecathlonSource(kind="decathlon", **{"task": TASK, **changes})


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def image_of(path):
    return np.asarray(nib.load(path).dataobj)


def remains(root):
    """What lies in the data root: nothing half-made may stay, hidden or not."""
    return sorted(path.name for path in root.iterdir())
