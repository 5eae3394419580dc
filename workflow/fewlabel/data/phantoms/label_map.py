"""Label maps of the phantoms: a value for each structure, and the class numbers of a cohort's `classes`."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.phantom import VALUES
from fewlabel.data.phantoms.signal import Tissue

KIDNEY = frozenset({Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA})
STRUCTURES: dict[str, dict[str, frozenset[Tissue]]] = {
    "abdomen": {
        "liver": frozenset({Tissue.LIVER, Tissue.LIVER_VESSEL, Tissue.LIVER_LESION}),
        "right_kidney": KIDNEY,
        "left_kidney": KIDNEY,
        "spleen": frozenset({Tissue.SPLEEN}),
    },
    "pelvis": {
        "transition_zone": frozenset(
            {Tissue.TRANSITION_ZONE, Tissue.STROMA, Tissue.BRIGHT_NODULE, Tissue.DARK_NODULE},
        ),
        "peripheral_zone": frozenset({Tissue.PERIPHERAL_ZONE, Tissue.PROSTATE_LESION}),
    },
}
"""Tissues of each structure. The transition zone has the anterior stroma and the urethra; kidneys are parenchyma,
without pelvis and sinus, and each side of the body has its own."""
SIDES = {"right_kidney": 1, "left_kidney": -1}
"""Structures of one side of the body: the sign of x."""


def label_map(
    anatomy: str, layers: NDArray[np.uint8], target: NDArray[np.bool_], x: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """The value of each voxel's structure (`config.sources.phantom.VALUES`), 0 elsewhere: (x, y, z).

    A voxel of the target has the value of the structure with the most layers in it; other structures have the voxels
    in which they fill more than half of the layers.

    Args:
        anatomy: `abdomen` or `pelvis`.
        layers: tissues (x, y, z, layer within the slice).
        target: the mask of the whole liver or prostate.
        x: positions in mm along the first axis, positive on the right of the body.
    """
    found = np.zeros(target.shape, dtype=np.uint8)
    most = np.zeros(target.shape, dtype=np.int64)
    whole = _target_structures(anatomy)
    for value, name in VALUES[anatomy].items():
        inside = np.isin(np.arange(256), [int(tissue) for tissue in STRUCTURES[anatomy][name]])
        count = inside[layers].sum(axis=-1)
        if name in whole:
            voxels = target & (count > most)
            most[voxels] = count[voxels]
        else:
            voxels = ~target & (2 * count > layers.shape[-1])
            if name in SIDES:
                voxels &= (SIDES[name] * x > 0)[:, None, None]
        found[voxels] = value
    return found


def class_numbers(values: NDArray[np.uint8], classes: Mapping[str, Sequence[int]]) -> NDArray[np.uint8]:
    """Class numbers, from 1 in the order of `classes`, of a label map; 0 elsewhere."""
    number = np.zeros(256, dtype=np.uint8)
    for index, chosen in enumerate(classes.values(), 1):
        number[list(chosen)] = index
    numbers: NDArray[np.uint8] = number[values]
    return numbers


def _target_structures(anatomy: str) -> frozenset[str]:
    """Structures that together are the target without `classes`."""
    return frozenset({"liver"}) if anatomy == "abdomen" else frozenset(STRUCTURES[anatomy])
