"""Results do not change without their recipe number: tests/helpers/recipes.json holds what each number made."""

import json
from copy import deepcopy

import pytest
import torch

from fewlabel.training import finetune
from fewlabel.training.augmentation import augment
from helpers.recipes import BF16, HAS_BF16, RECIPES, RECORD, SETTINGS, measure, same

RECORDED = json.loads(RECORD.read_text())
WRITE = "write the record anew: PYTHONPATH=tests python -m helpers.recipes"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return measure(tmp_path_factory.mktemp("made"))


def test_the_record_holds_every_stage_whose_numerics_a_recipe_number_names(made):
    assert made.keys() == RECORDED.keys() - (set() if HAS_BF16 else {BF16})
    # The check of a cohort, the quality page and the measures of de-streaking have tests of their own numbers.
    assert RECORDED.keys() == RECIPES.keys() - {"fetch", "quality", "destreaking"}


@pytest.mark.parametrize("stage", RECORDED)
def test_a_stage_makes_what_its_recipe_number_made(made, stage):
    if stage not in made:
        pytest.skip("this processor computes no bf16")
    recorded = RECORDED[stage]
    assert RECIPES[stage] == recorded["recipe"], f"{stage}: the recipe number was raised; {WRITE}"
    assert same(stage, made[stage], recorded["made"]), (
        f"{stage}: its results changed, its recipe number did not; raise the number and {WRITE}"
    )


@pytest.mark.parametrize(
    ("stage", "place", "value"),
    [
        ("prepare", ("cohorts", "c", "grid", "percentiles"), [1, 98]),
        ("pretrain, regression", ("methods", "regression", "corrupted"), 0.3),
        ("pretrain, regression", ("methods", "regression", "training", "augmentation"), "standard"),
        ("pretrain, contrastive", ("methods", "contrastive", "global_stage", "temperature"), 0.11),
        ("pretrain, contrastive", ("methods", "contrastive", "local_stage", "region_size"), 1),
        ("pretrain, contrastive", ("methods", "contrastive", "local_stage", "weight_decay"), 0.5),
        ("pretrain, joint", ("methods", "joint", "joint_stage", "augmentation"), "standard"),
        ("finetune", ("finetuning", "foreground"), 0.75),
        ("finetune", ("finetuning", "schedule"), "cosine"),
        ("split", ("seed",), 2),
        ("draw", ("seed",), 2),
    ],
)
def test_a_small_change_of_a_stage_is_seen(made, tmp_path, stage, place, value):
    changed = deepcopy(SETTINGS)
    *path, last = place
    inner = changed
    for key in path:
        inner = inner[key]
    inner[last] = value
    assert not same(stage, measure(tmp_path, changed)[stage], made[stage])


@pytest.mark.skipif(not HAS_BF16, reason="this processor computes no bf16")
def test_augmentation_that_moves_into_autocast_is_seen(made, tmp_path, monkeypatch):
    def inside(*arguments, **options):
        with torch.autocast("cpu", torch.bfloat16):
            return augment(*arguments, **options)

    monkeypatch.setattr(finetune, "augment", inside)
    assert not same(BF16, measure(tmp_path)[BF16], made[BF16])
