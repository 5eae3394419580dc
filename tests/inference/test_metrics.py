"""Surface distances against MONAI's, which they equal in every bit, and what they mean at the volume's border."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

from fewlabel.inference.metrics import assd, hd95, surface_distances


def of_monai(predicted, truth, spacing):
    pair = [torch.from_numpy(mask[None, None]) for mask in (predicted, truth)]
    common = {"include_background": True, "spacing": spacing}
    return (
        float(compute_hausdorff_distance(*pair, percentile=95, **common)),
        float(compute_average_surface_distance(*pair, symmetric=True, **common)),
    )


def blob(rng, shape, border):
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    centre = rng.uniform(0 if border else 4, np.array(shape) - (0 if border else 4))
    mask = (((grid - centre) / rng.uniform(1.5, 6, 3)) ** 2).sum(axis=-1) < 1
    mask |= (grid == np.round(centre).clip(0, np.array(shape) - 1)).all(axis=-1)
    return (
        mask & (rng.random(shape) < rng.uniform(0.5, 1)) | (grid == grid[tuple(s // 2 for s in shape)]).all(axis=-1)
    ).astype(np.uint8)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(*[st.integers(8, 20)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 8)] * 3),
    border=st.booleans(),
)
def test_the_bits_are_those_of_monai(seed, shape, spacing, border):
    rng = np.random.default_rng(seed)
    predicted, truth = blob(rng, shape, border), blob(rng, shape, border)
    distances = surface_distances(predicted, truth, spacing)
    assert (hd95(distances), assd(distances)) == of_monai(predicted, truth, spacing)


def test_a_mask_that_fills_the_volume_has_its_surface_at_the_border():
    full, one = np.ones((5, 5, 5), np.uint8), np.zeros((5, 5, 5), np.uint8)
    one[2, 2, 2] = 1
    outward, inward = surface_distances(one, full, (1, 2, 4))
    assert outward.tolist() == [2] and len(inward) == 5**3 - 3**3
    assert inward.max().item() == pytest.approx(float(np.linalg.norm([2, 4, 8])))
