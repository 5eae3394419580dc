"""A cohort of the toy source: volumes and masks of the pelvis phantom as NumPy arrays."""

import json

import numpy as np

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.sources.phantom import phantom

COHORT = {
    "source": {"kind": "arrays", "folder": "arrays"},
    "grid": {"matrix": [32, 32], "spacing_mm": 5},
    "test": 2,
}
MADE = PhantomSource(kind="phantom", anatomy="pelvis", labelled=4, pixel_mm=4, slice_mm=8)


def write_arrays(folder):
    """Write four subjects and their spacing; the last has no mask."""
    folder.mkdir(parents=True)
    (folder / "spacing.json").write_text(json.dumps([4, 4, 8]))
    for subject in phantom.list_subjects(MADE):
        volume = phantom.read_volume(MADE, subject)
        np.save(folder / f"{subject.subject}.npy", volume.image)
        if not subject.subject.endswith("4"):
            np.save(folder / f"{subject.subject}_mask.npy", volume.mask)
