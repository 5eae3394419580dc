"""Facts of what ran: right where they can be checked, absent where they are unknown."""

from importlib.metadata import version

import torch

from fewlabel.utils import environment


def test_the_declared_libraries_are_listed_with_their_installed_versions():
    found = environment.packages()
    assert found["torch"] == version("torch") and found["numpy"] == version("numpy")
    assert "pytest" not in found  # a tool of development
    assert list(found) == sorted(found)


def test_unknown_facts_are_left_out():
    facts = environment.software()
    assert None not in facts.values() and "" not in facts.values()
    if not torch.cuda.is_available():
        assert "cudnn" not in facts
    assert "gpu" not in environment.hardware(torch.device("cpu"))
    assert environment.memory(torch.device("cpu"), 0) == {}


def test_the_peak_memory_is_in_bytes_and_rises_with_what_is_held():
    before = environment.peak_host_bytes()
    block = torch.ones(before // 4 + 25_000_000)  # float32: this alone is more than the peak so far
    assert environment.peak_host_bytes() >= max(before, block.nbytes)


def test_moments_are_in_utc():
    assert environment.iso_time(0) == "1970-01-01T00:00:00+00:00"
