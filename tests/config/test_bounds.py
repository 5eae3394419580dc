"""Every number, list and text of the settings has an upper bound, and what lies beyond it is refused at once."""

import importlib
import pkgutil

import pytest
import torch
from pydantic import ValidationError

import fewlabel
from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.loading.load import load
from fewlabel.config.study_size import MOST_TRAININGS, parameters, training_bytes
from fewlabel.training.network import UNet
from fewlabel.utils.errors import InputError

BOUNDS = {
    "integer": ("maximum", "exclusiveMaximum"),
    "number": ("maximum", "exclusiveMaximum"),
    "array": ("maxItems",),
    "string": ("maxLength", "pattern"),
}


def unbounded(node, kinds, place=""):
    """The places of a JSON schema whose values have no upper bound."""
    if isinstance(node, list):
        return [found for index, part in enumerate(node) for found in unbounded(part, kinds, f"{place}[{index}]")]
    if not isinstance(node, dict):
        return []
    found = []
    kind = node.get("type")
    closed = "const" in node or "enum" in node or node.get("format") == "date-time"
    if kind in kinds and not closed and not any(bound in node for bound in BOUNDS[kind]):
        found.append(f"{place} ({kind})")
    return found + [
        text for key, part in node.items() if key != "default" for text in unbounded(part, kinds, f"{place}.{key}")
    ]


def models():
    """All settings of the package."""
    for module in pkgutil.walk_packages(fewlabel.__path__, "fewlabel."):
        # Of the two, one would start the program, and one is a library in C.
        if not module.name.endswith((".__main__", ".kernels.compiled")):
            importlib.import_module(module.name)
    pending, found = [Settings], []
    while pending:
        subclasses = pending.pop().__subclasses__()
        found += [each for each in subclasses if each.__module__.startswith("fewlabel.")]
        pending += subclasses
    return found


def test_every_number_list_and_text_of_an_experiment_has_an_upper_bound():
    assert unbounded(Experiment.model_json_schema(), BOUNDS) == []


def test_every_number_of_all_settings_has_an_upper_bound():
    known = models()
    assert len(known) > 60
    assert {each.__name__: unbounded(each.model_json_schema(), ("integer", "number")) for each in known} == {
        each.__name__: [] for each in known
    }


def test_a_missing_bound_is_found():
    class Loose(Settings):
        steps: int
        shares: list[float]

    assert len(unbounded(Loose.model_json_schema(), BOUNDS)) == 3


def config(**changes):
    return {
        "cohorts": {
            "a": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 9}, "grid": {"matrix": [64, 64]}}
        },
        "methods": {"scratch": {"pretext": "none"}},
        **changes,
    }


def cohort(**changes):
    return config()["cohorts"]["a"] | changes


@pytest.mark.parametrize(
    ("changes", "place", "accepted"),
    [
        ({"draws": 10**9}, "draws", "1000"),
        ({"labels": [10**9]}, "labels", "1000000"),
        ({"finetuning": {"steps": 10**12}}, "finetuning.steps", "100000000"),
        ({"finetuning": {"weight_decay": float("inf")}}, "finetuning.weight_decay", "finite"),
        ({"finetuning": {"learning_rate": float("nan")}}, "finetuning.learning_rate", "finite"),
        ({"finetuning": {"batch": 10**6}}, "finetuning.batch", "4096"),
        ({"network": {"widths": [10**6, 10**6]}}, "network.widths", "4096"),
        ({"seed": 10**30}, "seed", str(2**63 - 1)),
        ({"cohorts": {"a": cohort(grid={"matrix": [10**18, 64]})}}, "cohorts.a.grid.matrix", "4096"),
        ({"cohorts": {"a": cohort(folds=10**9)}}, "cohorts.a.folds", "1000"),
        (
            {"cohorts": {"a": cohort(source={"kind": "phantom", "anatomy": "pelvis", "labelled": 10**9})}},
            "cohorts.a.source.labelled",
            "100000",
        ),
    ],
)
def test_absurd_numbers_are_refused_with_what_is_accepted(changes, place, accepted):
    with pytest.raises(InputError) as error:
        load(config(**changes))
    lines = str(error.value).splitlines()
    assert any(line.startswith(place) and accepted in line for line in lines), lines


def test_numbers_beyond_the_limit_of_a_job_are_refused_too():
    from fewlabel.config.jobs.data import DrawSettings

    with pytest.raises(ValidationError, match="1000"):
        DrawSettings.model_validate({"cohort": "a", "seed": 1, "draw": 10**9})


def test_a_study_of_too_many_trainings_is_refused():
    labels = list(range(1, 101))
    methods = {f"m{number}": {"pretext": "none"} for number in range(2)}
    below = config(draws=MOST_TRAININGS // 200, labels=labels, methods=methods)
    assert load(below).draws == MOST_TRAININGS // 200
    with pytest.raises(InputError, match=r"draws: 100,200 trainings .* accepted: at most 100,000") as error:
        load(config(draws=MOST_TRAININGS // 200 + 1, labels=labels, methods=methods))
    assert "to fix: fewer draws, labels, methods or folds" in str(error.value)


def test_a_network_that_no_machine_holds_is_refused():
    with pytest.raises(InputError, match=r"network\.widths: .*GB.*accepted: at most") as error:
        load(config(network={"widths": [4096] * 8}, cohorts={"a": cohort(grid={"matrix": [128, 128]})}))
    assert "fewer or smaller widths" in str(error.value)


def test_a_batch_that_no_machine_holds_is_refused():
    with pytest.raises(InputError, match=r"finetuning\.batch: .*TB.*accepted: at most") as error:
        load(config(finetuning={"batch": 4096}, cohorts={"a": cohort(grid={"matrix": [4096, 4096]})}))
    assert "smaller batch, widths or matrix" in str(error.value)


@pytest.mark.parametrize("widths", [[4, 8], [16, 32, 64, 64], [16, 32, 64, 128, 128, 128]])
def test_parameters_are_counted_as_the_network_has_them(widths):
    assert parameters(widths) == sum(tensor.numel() for tensor in UNet(widths).parameters())


def test_what_training_takes_at_least_is_no_more_than_autograd_saves():
    """Summed from the tensors that PyTorch keeps for the backward pass of a float32 network."""
    network, saved = UNet([8, 16, 16]), {}
    images = torch.zeros(3, 1, 32, 48)

    def keep(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(images).sum().backward()
    least = training_bytes([8, 16, 16], (32, 48), 3)
    assert 0.05 * sum(saved.values()) < least < sum(saved.values())
