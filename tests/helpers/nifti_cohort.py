"""A small cohort of NIfTI files."""

import nibabel as nib
import numpy as np


def nifti_cohort(folder, subjects=4, shape=(24, 24, 4)):
    rng = np.random.default_rng(0)
    for index in range(subjects):
        image = rng.random(shape).astype(np.float32)
        for kind, array in (("images", image), ("labels", (image > 0.8).astype(np.uint8))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(array, np.diag([2, 2, 5, 1])), folder / kind / f"s{index}.nii.gz")
    return folder
