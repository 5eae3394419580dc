"""What is shown of an experiment has no place on a machine and no secret of an address."""

from copy import deepcopy

import pytest

from fewlabel.config.portable import placeless


def shown(**source):
    return placeless({"cohorts": {"a": {"source": source, "test": 3}}})["cohorts"]["a"]["source"]


@pytest.mark.parametrize("key", ["folder", "subjects_table", "unlabelled"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [("/home/ann/data/knees", "knees"), ("~/knees", "knees"), ("knees/t2", "knees/t2"), ("/", "data")],
)
def test_of_a_folder_by_its_place_the_name_stays(key, path, expected):
    assert shown(**{key: path}) == {key: expected}


def test_an_address_loses_user_password_and_query():
    assert shown(url="https://ann:secret@host.org:8080/a/b.tar?token=1#x") == {"url": "https://host.org:8080/a/b.tar"}


def test_all_else_stays_and_the_experiment_is_not_changed():
    experiment = {
        "data_root": "/home/ann",
        "labels": [1],
        "cohorts": {
            "a": {"source": {"labels": [1], "task": "/x", "radial": {"folder": "/y/z"}}, "title": "/t"},
            "b": {},
        },
    }
    before = deepcopy(experiment)
    made = placeless(experiment)
    assert experiment == before
    assert made["data_root"] is None and made["labels"] == [1]
    assert made["cohorts"]["a"] == {"source": {"labels": [1], "task": "/x", "radial": {"folder": "z"}}, "title": "/t"}
    assert made["cohorts"]["b"] == {"source": {}}
