"""Which GPU is taken: what the driver says, what CUDA_VISIBLE_DEVICES leaves, who fits beside whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewlabel.training.devices.gpus import (
    NEARLY_ALL,
    Gpu,
    Use,
    admits,
    choose_gpus,
    parse_table,
    query_driver,
    usable_gpus,
    visible_gpus,
)
from fewlabel.utils.errors import InputError
from helpers.made_gpus import GIB, install, same

FOUR = [Gpu(index, f"GPU-{letter * 8}-0", "Made", 24 * GIB, 24 * GIB) for index, letter in enumerate("abcd")]


def test_the_drivers_table_is_read_in_bytes_and_what_it_does_not_know_is_zero(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'bin', *same(2, free=20 * GIB))}:/usr/bin:/bin")
    assert query_driver() == [Gpu(index, f"GPU-{index:08d}-made", "Made 24", 20 * GIB, 24 * GIB) for index in range(2)]
    assert parse_table("0, GPU-a, NVIDIA A, [N/A], [N/A]\n") == [Gpu(0, "GPU-a", "NVIDIA A", 0, 0)]
    assert parse_table("No devices were found\n\n") == []


@pytest.mark.parametrize("script", [None, "exit 9", "echo broken; kill -9 $$"])
def test_without_a_driver_nothing_is_known_of_gpus(tmp_path, monkeypatch, script):
    if script:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert query_driver() is None


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        ("2", [2]),
        ("3,1", [3, 1]),
        (" 1 , 2 ", [1, 2]),
        ("GPU-cccccccc-0", [2]),
        ("GPU-dddd", [3]),  # a beginning that only one has
        ("GPU-", []),  # a beginning that all have
        ("0,-1,2", [0]),  # what is no GPU hides the rest
        ("0,9,1", [0]),
        ("NoDevFiles", []),
        ("1,1", [1]),
        ("0,GPU-aaaaaaaa-0", [0]),
    ],
)
def test_cuda_visible_devices_is_read_as_cuda_reads_it(wanted, left):
    assert [gpu.index for gpu in visible_gpus(FOUR, wanted)] == left


def test_a_part_of_a_gpu_is_taken_as_named_and_never_shared():
    (part,) = visible_gpus([], "MIG-1234")
    assert admits(part, [], None, 4) and admits(part, [], GIB, 4)
    assert not admits(part, [Use(GIB, 0, 4)], GIB, 4)


@pytest.mark.parametrize(("name", "left"), [("auto", [0, 1, 2, 3]), ("cuda", [0, 1, 2, 3]), ("cuda:2", [2])])
def test_a_device_name_leaves_all_gpus_or_the_one_of_its_number(name, left):
    assert [gpu.index for gpu in usable_gpus(name, FOUR)] == left


@pytest.mark.parametrize(
    ("name", "gpus", "accepted"), [("cuda:4", FOUR, "cuda:0, cuda:1"), ("cuda", [], "none"), ("cuda:x", FOUR, "cuda:0")]
)
def test_a_gpu_that_is_not_there_is_told_with_those_that_are_and_what_to_do(name, gpus, accepted):
    with pytest.raises(InputError, match=rf"--device {name}: no such GPU here; accepted: {accepted}.*profiles/default"):
        usable_gpus(name, gpus)


GPU = FOUR[0]


@pytest.mark.parametrize(
    ("free", "uses", "need", "slots", "admitted"),
    [
        (24, [], None, 1, True),  # of unknown need: alone
        (24, [Use(2 * GIB, 0, 4)], None, 4, False),
        (24, [Use(None, 0, 4)], 2 * GIB, 4, False),  # beside one of unknown need: nobody
        (11, [], None, 1, False),  # other programs hold more than half of it
        (22, [Use(2 * GIB, 0, 4)], 2 * GIB, 4, True),
        (22, [Use(2 * GIB, 0, 4)], 2 * GIB, 1, False),  # the slots are taken
        (22, [Use(2 * GIB, 0, 1)], 2 * GIB, 4, False),  # the other wants it for itself
        (24, [Use(20 * GIB, 0, 4)], 6 * GIB, 4, False),  # it has not yet taken what it will need
        (16, [Use(8 * GIB, 8 * GIB, 4)], 10 * GIB, 4, False),  # nor do others give back what they hold
        (5, [Use(2 * GIB, 0, 4)], 6 * GIB, 4, False),
        (5, [], 6 * GIB, 1, False),
        (23, [], 99 * GIB, 1, True),  # measured on a larger one: nothing better will come
    ],
)
def test_who_fits_beside_whom(free, uses, need, slots, admitted):
    assert admits(Gpu(0, "GPU-a", "Made", free * GIB, 24 * GIB), uses, need, slots) is admitted


def test_an_empty_gpu_comes_first_then_the_one_with_most_free_memory():
    uses = {gpu.uuid: [] for gpu in FOUR}
    less = [Gpu(gpu.index, gpu.uuid, gpu.name, (20 - gpu.index) * GIB, gpu.total) for gpu in FOUR]
    assert [gpu.index for gpu in choose_gpus(less, uses, GIB, 2)] == [0]
    assert [gpu.index for gpu in choose_gpus(list(reversed(less)), uses, GIB, 2)] == [0]
    uses[FOUR[0].uuid] = [Use(GIB, 0, 2)]
    assert [gpu.index for gpu in choose_gpus(less, uses, GIB, 2)] == [1]
    assert choose_gpus([], {}, None, 1) == []


def test_a_run_on_several_gpus_gets_all_of_them_or_none():
    uses = {gpu.uuid: [] for gpu in FOUR}
    uses[FOUR[1].uuid] = [Use(None, 0, 1)]
    assert [gpu.index for gpu in choose_gpus(FOUR, uses, None, 1, 3)] == [0, 2, 3]
    assert choose_gpus(FOUR, uses, None, 1, 4) == []


needs = st.one_of(st.none(), st.integers(GIB // 8, 30 * GIB))
runs = st.lists(st.tuples(needs, st.integers(1, 5)), max_size=20)


@given(totals=st.lists(st.tuples(st.integers(4, 80), st.integers(0, 40)), min_size=1, max_size=4), arriving=runs)
def test_runs_that_come_one_after_another_never_exceed_slots_or_memory(totals, arriving):
    """`others` is what other programs hold; of our runs none has taken any memory yet, which deceives most."""
    gpus = [
        Gpu(index, f"GPU-{index}", "Made", max(total - others, 0) * GIB, total * GIB)
        for index, (total, others) in enumerate(totals)
    ]
    uses = {gpu.uuid: [] for gpu in gpus}
    for need, slots in arriving:
        for gpu in choose_gpus(gpus, uses, need, slots):
            uses[gpu.uuid].append(Use(need, gpu.total - gpu.free, slots))
    for gpu in gpus:
        taken = uses[gpu.uuid]
        assert len(taken) <= min((use.slots for use in taken), default=1)
        if len(taken) > 1:
            assert sum(use.need for use in taken) <= gpu.free
        elif taken and taken[0].need is not None:
            assert gpu.free >= min(taken[0].need, int(NEARLY_ALL * gpu.total))
