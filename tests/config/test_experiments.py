"""Shipped experiments: no study takes a budget from the default one, whose budgets are toys."""

import re
from pathlib import Path

import pytest
import yaml

from fewlabel.config.loading.load import load_files

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.yaml"))


def files(path):
    """The experiment files of a study, the base first; a file names its base in a comment (`Over experiments/...`)."""
    over = re.search(r"[Oo]ver\s+(?:# )?(experiments/[\w/]+\.yaml)", path.read_text(encoding="utf-8"))
    return [*files(ROOT / over[1]), path] if over else [path]


def steps(settings):
    """Every number of steps, by its place."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            if key == "steps":
                yield (key,), value
            yield from (((key, *place), number) for place, number in steps(value))


def toys(settings):
    """The settings with other numbers of steps."""
    if not isinstance(settings, dict):
        return settings
    return {key: value + 1 if key == "steps" else toys(value) for key, value in settings.items()}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_budgets_are_those_of_the_study_itself(path, tmp_path):
    other = tmp_path / "config.yaml"
    other.write_text(yaml.safe_dump(toys(yaml.safe_load((ROOT / "config.yaml").read_text()))))
    as_shipped, with_other_toys = (
        dict(steps(load_files([default, *files(path)]).model_dump(mode="json")))
        for default in (ROOT / "config.yaml", other)
    )
    assert as_shipped == with_other_toys
    assert len(as_shipped) > 1


def test_of_nested_settings_every_number_of_steps_is_compared():
    assert dict(steps({"a": {"b": {"steps": 3}}, "steps": 1})) == {("a", "b", "steps"): 3, ("steps",): 1}
