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
    """All files of the data root, hidden ones too: no partial file may remain."""
    return sorted(path.name for path in root.iterdir())
