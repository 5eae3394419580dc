"""Build, driver and devices: which of them fit, and what is said where they do not."""

from dataclasses import replace

import pytest
import torch

from fewlabel.operations.doctor import accelerators
from fewlabel.operations.doctor.accelerators import Driver, Torch, TorchGpu, covers

CPU = Torch("2.13.0+cpu", cpu="bf16; a step takes f32 85 ms, bf16 50 ms")
HOPPER = TorchGpu("NVIDIA H100", (9, 0), 70_000_000_000, 80_000_000_000, bf16=True)
CUDA = Torch("2.13.0+cu130", "13.0", ("sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"), (HOPPER,))
BLIND = replace(CUDA, gpus=())
DRIVER = Driver("580.95.05", ("NVIDIA H100",))


def first(build, nvidia, need=False):
    return accelerators.findings(build, nvidia, need)[0]


def test_a_build_that_sees_its_gpu_is_fine():
    findings = accelerators.findings(CUDA, DRIVER, True)
    assert [finding.status for finding in findings] == ["ok"] * 3
    assert "capability 9.0, 70 GB free of 80 GB" in findings[1].text and "NVIDIA H100: bf16" in findings[2].text


def test_a_cpu_without_a_gpu_is_fine_until_one_is_needed():
    assert first(CPU, Driver()).status == "ok"
    needed = first(CPU, Driver(), need=True)
    assert needed.status == "problem" and "profiles/default" in needed.todo


@pytest.mark.parametrize(("need", "status"), [(False, "note"), (True, "problem")])
def test_a_cpu_build_beside_a_gpu_is_told_with_the_build_to_install(need, status):
    finding = first(CPU, DRIVER, need)
    assert finding.status == status and "cannot use" in finding.text and "torch===2.13.0" in finding.todo


def test_a_driver_that_is_too_old_for_the_build_is_told_with_both_ways_out():
    finding = first(BLIND, Driver("535.183.01", ("NVIDIA A100",)), need=True)
    assert finding.status == "problem" and "535.183.01 is older than the required 580.65" in finding.text
    assert "580.65 or newer" in finding.todo and "a build for CUDA 12" in finding.todo


def test_a_fitting_driver_whose_gpus_are_hidden_is_told_apart():
    hidden = first(BLIND, replace(DRIVER, visible=""), need=True)
    assert "sees no GPU" in hidden.text and "CUDA_VISIBLE_DEVICES='' hides them" in hidden.todo
    assert "selects none of the 1" in first(BLIND, replace(DRIVER, visible="7")).todo
    assert "--nv" in first(BLIND, DRIVER).todo


def test_a_gpu_that_computes_nothing_or_has_no_code_is_a_problem():
    volta = replace(HOPPER, name="V100", capability=(7, 0))
    broken = replace(HOPPER, failure="CUDA error: unspecified launch failure")
    no_code, fails = accelerators.findings(replace(CUDA, gpus=(volta, broken)), DRIVER, False)[1:3]
    assert no_code.status == "problem" and "does not support it" in no_code.text and "sm_70" in no_code.todo
    assert fails.status == "problem" and "launch failure" in fails.text


def test_a_gpu_that_others_fill_is_a_note():
    full = replace(HOPPER, free=1_000_000_000)
    assert accelerators.findings(replace(CUDA, gpus=(full,)), DRIVER, True)[1].status == "note"


@pytest.mark.parametrize(
    ("architectures", "capability", "expected"),
    [
        (("sm_80",), (8, 6), True),  # code of a major version runs on its later minor ones
        (("sm_86",), (8, 0), False),
        (("sm_90",), (10, 0), False),
        (("sm_90", "compute_90"), (12, 0), True),  # portable code is translated for later ones
        (("compute_120",), (9, 0), False),
        (("sm_90a",), (9, 0), True),
        (("sm_100a",), (10, 3), False),  # `a`: for one architecture alone
        (("sm_100f",), (10, 3), True),  # `f`: for its family
        ((), (9, 0), True),  # unknown
    ],
)
def test_which_gpus_a_build_has_code_for(architectures, capability, expected):
    assert covers(architectures, capability) is expected


def test_a_torch_that_cannot_be_imported_is_a_problem():
    finding = first(Torch(None, broken="libcudart.so.13: cannot open"), Driver())
    assert finding.status == "problem" and "libcudart" in finding.text


@pytest.mark.parametrize(
    ("version", "cuda", "least"),
    [("580.65.06", "13.0", None), ("579.9", "13.0", "580.65"), ("525.60.13", "12.8", None), ("470.82", "11.8", None)],
)
def test_the_oldest_driver_of_each_cuda_version(version, cuda, least):
    assert accelerators.too_old(version, cuda) == least


def test_the_drivers_own_words_are_read():
    closed = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version: 12"
    opened = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n"
    assert accelerators.module_version(closed) == "535.183.01" and accelerators.module_version(opened) == "580.95.05"
    table = "580.95.05, NVIDIA H100 80GB HBM3\n580.95.05, NVIDIA H100 80GB HBM3\n"
    assert accelerators.parse_query(table) == ("580.95.05", ("NVIDIA H100 80GB HBM3",) * 2)
    assert accelerators.parse_query("No devices were found\n") == (None, ())


def test_this_machine_is_seen_as_torch_sees_it():
    facts = accelerators.ask()
    assert facts.version == torch.__version__ and len(facts.gpus) == torch.cuda.device_count()
    assert all(gpu.failure is None for gpu in facts.gpus)
