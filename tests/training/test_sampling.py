import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabel.data.store.slice_store import Store
from fewlabel.training.sampling import Slices, foreground_rows, neighbours, partition_rows, rows_by_volume, uniform_rows

steps = st.integers(0, 10_000)


@settings(max_examples=50)
@given(count=st.integers(1, 30), seed=st.integers(0, 99), step=steps)
def test_uniform_rows_repeat_only_where_there_are_too_few(count, seed, step):
    rows = np.arange(100, 115)
    drawn = uniform_rows(rows, count, seed, step)
    assert len(drawn) == count and set(drawn) <= set(rows)
    assert count > 15 or len(set(drawn)) == count


@settings(max_examples=50)
@given(count=st.integers(1, 20), share=st.floats(0, 1), step=steps)
def test_at_least_the_wanted_share_of_a_batch_holds_the_target(count, share, step):
    rows = np.arange(40)
    target = rows < 10
    drawn = foreground_rows(rows, target, count, share, 1, step)
    assert len(drawn) == count
    assert (drawn < 10).sum() >= round(count * share)


def test_draws_are_functions_of_seed_and_step():
    rows = np.arange(100)
    assert np.array_equal(uniform_rows(rows, 8, 1, 5), uniform_rows(rows, 8, 1, 5))
    assert not np.array_equal(uniform_rows(rows, 8, 1, 5), uniform_rows(rows, 8, 1, 6))
    assert not np.array_equal(uniform_rows(rows, 8, 1, 5), uniform_rows(rows, 8, 2, 5))


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=8),
    partitions=st.integers(1, 5),
    drawn=st.integers(1, 8),
    step=steps,
)
def test_contrastive_batches_hold_one_slice_of_each_part_of_each_drawn_volume(sizes, partitions, drawn, step):
    ends = np.cumsum(sizes)
    volumes = [np.arange(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    rows, parts, owners = partition_rows(volumes, partitions, partitions * drawn, 3, step)
    assert len(rows) == partitions * drawn
    assert np.bincount(parts).tolist() == [drawn] * partitions
    assert len(set(owners)) == drawn or drawn > len(sizes)
    for row, part, owner in zip(rows, parts, owners, strict=True):
        within = (row - volumes[owner][0] + 0.5) / sizes[owner]
        assert row in volumes[owner]
        assert part / partitions - 1 / sizes[owner] <= within <= (part + 1) / partitions + 1 / sizes[owner]


def test_rows_of_a_volume_come_in_the_order_of_its_slices():
    index = pd.DataFrame({"subject": ["b", "a", "b", "a"], "slice": [1, 0, 0, 1]})
    assert [rows.tolist() for rows in rows_by_volume(index, ["a", "b"])] == [[2, 0], [1, 3]]
    assert [rows.tolist() for rows in rows_by_volume(index, ["a"])] == [[1, 3]]


def test_context_repeats_the_outermost_slices_of_each_volume():
    index = pd.DataFrame({"subject": ["b"] * 3 + ["a"] * 2 + ["c"], "slice": [0, 1, 2, 0, 1, 0]})
    expected = [[0, 0, 0, 1, 2], [0, 0, 1, 2, 2], [0, 1, 2, 2, 2], [3, 3, 3, 4, 4], [3, 3, 4, 4, 4], [5, 5, 5, 5, 5]]
    assert neighbours(index, 5).tolist() == expected


def test_images_with_context_and_channels_lie_from_the_lowest_slice_to_the_highest():
    images = np.arange(4 * 2 * 2 * 2, dtype=np.float16).reshape(4, 2, 2, 2)
    index = pd.DataFrame({"subject": ["a"] * 4, "slice": range(4)})
    store = Store(images, np.zeros((4, 2, 2), np.uint8), index, pd.DataFrame())
    seen = Slices(store, torch.device("cpu"), context=3).images(np.array([0, 2]))
    expected = np.stack([np.concatenate([images[0], images[0], images[1]]), images[1:].reshape(6, 2, 2)])
    assert torch.equal(seen, torch.from_numpy(expected).float())
    assert torch.equal(Slices(store, torch.device("cpu")).images(np.array([2])), torch.from_numpy(images[2:3]).float())
