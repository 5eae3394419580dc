import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from monai.losses import ContrastiveLoss

from fewlabel.training.network import UNet
from fewlabel.training.pretexts.contrastive import (
    GlobalContrast,
    LocalContrast,
    contrastive_loss,
    draw_regions,
    nt_xent,
    region_means,
    slice_relations,
)
from fewlabel.training.sampling import partition_rows


def embeddings(seed, count, features):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((count, features), generator=generator), torch.randn((count, features), generator=generator)


def test_nt_xent_of_two_equal_pairs_is_log_3():
    z = torch.ones(2, 8)
    assert nt_xent(z, z, 0.1).item() == pytest.approx(math.log(3), abs=1e-6)


def test_nt_xent_by_hand_numbers():
    # Pairs at right angles: each anchor has its positive at similarity 1 and two negatives at 0.
    first = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    assert nt_xent(first, first, temperature=0.5).item() == pytest.approx(
        -math.log(math.e**2 / (math.e**2 + 2)), abs=1e-6
    )


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000), count=st.integers(2, 9), features=st.integers(2, 20), temperature=st.floats(0.05, 2)
)
def test_nt_xent_agrees_with_an_independent_implementation(seed, count, features, temperature):
    first, second = embeddings(seed, count, features)
    expected = ContrastiveLoss(temperature=temperature)(first, second)
    assert nt_xent(first, second, temperature).item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-5)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
def test_nt_xent_depends_neither_on_the_order_of_slices_nor_on_the_scale_of_embeddings(seed, scale):
    first, second = embeddings(seed, 6, 5)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    assert nt_xent(scale * first[order], second[order], 0.1).item() == pytest.approx(
        nt_xent(first, second, 0.1).item(), rel=1e-4
    )


def test_independent_sets_along_leading_axes_are_averaged():
    (a, b), (c, d) = embeddings(1, 4, 3), embeddings(2, 4, 3)
    together = nt_xent(torch.stack([a, c]), torch.stack([b, d]), 0.1)
    assert together.item() == pytest.approx((nt_xent(a, b, 0.1).item() + nt_xent(c, d, 0.1).item()) / 2, rel=1e-5)


def test_several_positives_are_averaged_each_against_the_negatives_alone():
    # Four embeddings on a circle; anchor 0 has positives 1 and 2 and negative 3 (Chaitanya 2020, eq. 1 and 2).
    angles = torch.tensor([0.0, 0.3, 1.0, 2.0])
    z = torch.stack([angles.cos(), angles.sin()], dim=1)
    positive = torch.zeros(4, 4, dtype=torch.bool)
    negative = torch.zeros(4, 4, dtype=torch.bool)
    positive[0, 1] = positive[0, 2] = negative[0, 3] = True
    e = [math.exp(math.cos(float(angle))) for angle in angles]
    expected = -(math.log(e[1] / (e[1] + e[3])) + math.log(e[2] / (e[2] + e[3]))) / 2
    assert contrastive_loss(z, positive, negative, 1.0).item() == pytest.approx(expected, rel=1e-5)


def test_pairs_that_are_neither_positive_nor_negative_have_no_influence():
    first, second = embeddings(3, 4, 5)
    z = torch.cat([first, second])
    positive, negative = slice_relations(
        torch.arange(4),
        torch.tensor([0, 1, 0, 1]),
        torch.tensor([0, 0, 1, 1]),
        ["augmentation"],
        similar_as_negatives=False,
    )
    without = contrastive_loss(z, positive, negative, 0.1)
    relations = positive | negative
    assert not relations[0, 2]  # the same part of another volume
    only_first = torch.zeros(8, 1, dtype=torch.bool)
    only_first[0] = True
    anchor = contrastive_loss(z, positive & only_first, negative, 0.1)
    z[2] = torch.randn(5)
    assert contrastive_loss(z, positive & only_first, negative, 0.1).item() == pytest.approx(anchor.item(), rel=1e-6)
    assert contrastive_loss(z, positive, negative, 0.1).item() != pytest.approx(without.item(), rel=1e-6)


def relations(positives, similar_as_negatives):
    parts, volumes = torch.tensor([0, 1, 0, 1]), torch.tensor([5, 5, 7, 7])
    return slice_relations(torch.arange(4), parts, volumes, positives, similar_as_negatives)


def test_positives_by_augmentation_are_the_other_view_alone():
    positive, _ = relations(["augmentation"], False)
    assert positive.nonzero().tolist() == [[i, (i + 4) % 8] for i in range(8)]


def test_positives_by_anatomy_are_views_of_the_same_part_of_other_volumes():
    positive, _ = relations(["anatomy"], False)
    assert positive[0].nonzero().flatten().tolist() == [2, 6]
    assert positive[5].nonzero().flatten().tolist() == [3, 7]


def test_both_kinds_of_positives_add_up():
    positive, _ = relations(["augmentation", "anatomy"], False)
    assert positive[0].nonzero().flatten().tolist() == [2, 4, 6]


@pytest.mark.parametrize("positives", [["augmentation"], ["anatomy"], ["augmentation", "anatomy"]])
def test_similar_slices_are_never_negatives(positives):
    positive, negative = relations(positives, False)
    parts = torch.tensor([0, 1, 0, 1] * 2)
    assert not (negative & (parts[:, None] == parts[None, :])).any()
    assert not (positive & negative).any()
    assert negative.any(dim=1).all()


def test_similar_slices_become_negatives_when_asked_for():
    _, negative = relations(["augmentation"], True)
    assert negative[0].nonzero().flatten().tolist() == [1, 2, 3, 5, 6, 7]


def former_relations(parts, volumes, positives, similar_as_negatives):
    """As it was before slices could be told apart."""
    part, volume = torch.cat([parts, parts]), torch.cat([volumes, volumes])
    itself = torch.eye(len(part), dtype=torch.bool)
    other_view = itself.roll(len(parts), dims=0)
    similar = (part[:, None] == part[None, :]) & ~itself
    positive = torch.zeros_like(itself)
    if "augmentation" in positives:
        positive |= other_view
    if "anatomy" in positives:
        positive |= similar & (volume[:, None] != volume[None, :])
    excluded = itself | other_view | positive
    return positive, ~excluded if similar_as_negatives else ~(excluded | similar)


def loss_in_loops(z, rows, parts, volumes, positives, similar_as_negatives, temperature):
    """The same loss from its words, pair by pair, in double precision."""
    count = len(rows)
    unit = [vector / vector.norm() for vector in z.double()]
    e = [[math.exp(float(a @ b) / temperature) for b in unit] for a in unit]
    anchors = []
    for i in range(2 * count):
        pairs = {"other": [], "negative": []}
        for j in range(2 * count):
            a, b = i % count, j % count
            same_part, same_volume = parts[a] == parts[b], volumes[a] == volumes[b]
            if a == b:
                if i != j and "augmentation" in positives:
                    pairs["other"].append(j)
            elif same_part and not same_volume and "anatomy" in positives:
                pairs["other"].append(j)
            elif rows[a] != rows[b] and (similar_as_negatives or not same_part):
                pairs["negative"].append(j)
        against = sum(e[i][j] for j in pairs["negative"])
        if pairs["other"] and pairs["negative"]:
            terms = [-math.log(e[i][j] / (e[i][j] + against)) for j in pairs["other"]]
            anchors.append(sum(terms) / len(terms))
    return sum(anchors) / len(anchors)


batches = st.tuples(
    st.lists(st.integers(1, 12), min_size=2, max_size=6),
    st.integers(2, 4),
    st.integers(2, 8),
    st.sampled_from([["augmentation"], ["anatomy"], ["augmentation", "anatomy"]]),
    st.booleans(),
    st.integers(0, 1000),
)


@settings(max_examples=60)
@given(batch=batches)
def test_views_of_one_slice_are_never_negatives_and_nothing_else_changes(batch):
    sizes, partitions, drawn, positives, similar, step = batch
    ends = np.cumsum(sizes)
    volumes = [np.arange(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    rows, parts, owners = map(torch.from_numpy, partition_rows(volumes, partitions, partitions * drawn, 1, step))
    assume(len(set(owners.tolist())) > 1)
    positive, negative = slice_relations(rows, parts, owners, positives, similar)
    z = torch.randn((2 * len(rows), 6), generator=torch.Generator().manual_seed(step))
    loss = contrastive_loss(z, positive, negative, 0.2)
    both = torch.cat([rows, rows])
    assert not (negative & (both[:, None] == both[None, :])).any()
    expected = loss_in_loops(z, rows.tolist(), parts.tolist(), owners.tolist(), positives, similar, 0.2)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    before = former_relations(parts, owners, positives, similar)
    if len(set(rows.tolist())) == len(rows):
        assert torch.equal(positive, before[0]) and torch.equal(negative, before[1])
        assert torch.equal(loss, contrastive_loss(z, *before, 0.2))
    else:
        assert torch.equal(positive, before[0]) and (negative <= before[1]).all()


@pytest.mark.parametrize(("slices", "share"), [(1, 1 / 3), (2, 1 / 9), (3, 2 / 33), (4, 0.0)])
def test_the_share_of_a_slice_that_was_its_own_negative_is_gone(slices, share):
    """With 12 slices of 3 volumes in 4 partitions; the shares of before are those that were reported."""
    volumes = [np.arange(slices * i, slices * (i + 1)) for i in range(3)]
    own = {"before": 0.0, "now": 0.0}
    steps = 200
    for step in range(steps):
        rows, parts, owners = map(torch.from_numpy, partition_rows(volumes, 4, 12, 1, step))
        both = torch.cat([rows, rows])
        same = both[:, None] == both[None, :]
        for name, (_, negative) in (
            ("before", former_relations(parts, owners, ["augmentation"], False)),
            ("now", slice_relations(rows, parts, owners, ["augmentation"], False)),
        ):
            own[name] += float((negative & same).sum() / negative.sum()) / steps
    assert own["now"] == 0.0 and own["before"] == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (torch.ones(2, 3), torch.ones(3, 3), r"\(2, 3\) and \(3, 3\)"),
        (torch.ones(1, 3), torch.ones(1, 3), "no negative"),
    ],
)
def test_ill_shaped_views_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        nt_xent(first, second, 0.1)


def test_an_anchor_without_negatives_is_refused():
    with pytest.raises(ValueError, match="no anchor"):
        contrastive_loss(
            torch.ones(2, 3), torch.eye(2, dtype=torch.bool).roll(1, 0), torch.zeros(2, 2, dtype=torch.bool), 0.1
        )


def test_regions_of_an_image_are_distinct_and_their_means_are_right():
    maps = torch.arange(2 * 1 * 6 * 7, dtype=torch.float32).view(2, 1, 6, 7)
    cells = draw_regions(maps, 4, 3, torch.Generator().manual_seed(0))
    assert sorted(cells[0].tolist()) == sorted(cells[1].tolist()) == [0, 1, 2, 3]
    means = region_means(maps, torch.tensor([[0, 3], [1, 2]]), 3)
    assert means[0, 1, 0].item() == maps[0, 0, 3:6, 3:6].mean().item()
    assert means[1, 0, 0].item() == maps[1, 0, 0:3, 3:6].mean().item()


def test_more_regions_than_fit_are_refused():
    with pytest.raises(ValueError, match="at most 4"):
        draw_regions(torch.zeros(1, 1, 6, 7), 5, 3, torch.Generator())


def local(freeze):
    network = UNet([4, 8, 12])
    objective = LocalContrast(network, 1, 8, (8, 4), 4, 2, 0.1, freeze)
    images = torch.rand(2, 1, 16, 16)
    objective(images, images + 0.1, torch.Generator().manual_seed(0)).backward()
    return network


def test_stage_2_trains_its_decoder_stages_and_leaves_a_frozen_encoder_and_later_stages_alone():
    network = local(freeze=True)
    assert all(parameter.grad is None for parameter in network.encoder.parameters())
    assert all(parameter.grad is not None for parameter in network.decoder.stages[0].parameters())
    assert all(parameter.grad is None for parameter in network.decoder.stages[1].parameters())


def test_stage_2_trains_the_encoder_too_unless_it_is_frozen():
    assert all(parameter.grad is not None for parameter in local(freeze=False).encoder.parameters())


def test_stage_1_trains_the_encoder_alone():
    network = UNet([4, 8])
    objective = GlobalContrast(network, 8 * 4 * 4, (16, 8), ["augmentation"], False, 0.1)
    views = torch.rand(2, 4, 1, 8, 8)
    objective(views[0], views[1], torch.arange(4), torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])).backward()
    assert all(parameter.grad is not None for parameter in network.encoder.parameters())
    assert all(parameter.grad is None for parameter in network.decoder.parameters())
