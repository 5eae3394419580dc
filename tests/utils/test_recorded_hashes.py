"""Files against the hash that was recorded of them: whatever was edited, swapped or damaged is named."""

import json

import pytest

from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import sha256, write_text
from fewlabel.utils.errors import InputError
from helpers.refusals import error_of


def beside(path):
    recorded_hashes.write_recorded(path, "made")


def by_run(path):
    write_text(path, "made")
    write_text(path.parent / "run.json", json.dumps({"outputs": {path.name: sha256(path)}}))


def by_store(path):
    write_text(path, "made")
    write_text(path.parent / "store.json", json.dumps({"sha256": {path.name: sha256(path)}}))


def by_evaluation(path):
    write_text(path, "made")
    outputs = {path.name: sha256(path), f"predictions/{path.name}": "0" * 64}
    write_text(path.parent / "predictions/evaluation.json", json.dumps({"outputs": outputs}))


def of_a_mask(path):
    write_text(path, "made")
    outputs = {path.name: "0" * 64, f"{path.parent.name}/{path.name}": sha256(path)}
    write_text(path.parent / "evaluation.json", json.dumps({"outputs": outputs}))


def by_sums_above(path):
    write_text(path, "made")
    recorded_hashes.seal(path.parents[5])


@pytest.mark.parametrize("record", [beside, by_run, by_store, by_evaluation, of_a_mask, by_sums_above])
def test_a_file_is_taken_as_it_was_made_and_refused_when_it_was_changed(tmp_path, record):
    path = tmp_path / "a/b/c/d/e/file.csv"
    record(path)
    recorded_hashes.check(path)
    assert not recorded_hashes.is_changed(path)
    path.write_text("edit")  # as many bytes
    assert recorded_hashes.is_changed(path)
    message = error_of(recorded_hashes.check, path)
    assert str(path) in message and sha256(path)[:12] in message and "to fix: restore it" in message
    path.unlink()
    recorded_hashes.check(path)  # whoever reads it says that it is missing


def test_two_files_that_were_swapped_are_both_named(tmp_path):
    one, two = tmp_path / "one/weights.safetensors", tmp_path / "two/weights.safetensors"
    for path in (one, two):
        write_text(path, path.parent.name)
        write_text(path.parent / "run.json", json.dumps({"outputs": {path.name: sha256(path)}}))
    one.write_text("two")
    two.write_text("one")
    message = error_of(recorded_hashes.check, one, two)
    assert str(one) in message and str(two) in message and "run.json" in message


def test_a_change_that_is_meant_can_be_accepted(tmp_path):
    path = tmp_path / "roles.csv"
    recorded_hashes.write_recorded(path, "made")
    path.write_text("meant")
    message = error_of(recorded_hashes.check, path)
    accepted = tmp_path / ".roles.csv.sha256"
    assert f"if the change is intended, delete {accepted}" in message
    accepted.unlink()
    recorded_hashes.check(path)


def test_a_table_that_is_written_again_is_recorded_again(tmp_path):
    path = tmp_path / "scores.csv"
    for text in ("one", "two"):
        recorded_hashes.write_recorded(path, text)
        recorded_hashes.check(path)


@pytest.mark.parametrize("record", ["", "[1]", '{"outputs": []}', '{"outputs": {"a.csv": 3}}', "[" * 100_000])
def test_a_record_that_says_nothing_refuses_nothing(tmp_path, record):
    write_text(tmp_path / "a.csv", "text")
    write_text(tmp_path / "run.json", record)
    recorded_hashes.check(tmp_path / "a.csv")


def test_sums_are_those_of_sha256sum(tmp_path):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/ä.csv").write_text("x")
    recorded_hashes.seal(tmp_path)
    assert recorded_hashes.read_sums(tmp_path) == {"a b/ä.csv": sha256(tmp_path / "a b/ä.csv")}
    assert recorded_hashes.read_sums(tmp_path / "a b") == {}


def test_a_sealed_folder_names_what_is_missing_and_what_is_another(tmp_path):
    for name in ("a.csv", "b.csv", "c.csv"):
        write_text(tmp_path / name, name)
    recorded_hashes.seal(tmp_path)
    recorded_hashes.check_folder(tmp_path, "restore them")
    (tmp_path / "a.csv").unlink()
    (tmp_path / "b.csv").write_text("edited")
    with pytest.raises(InputError) as error:
        recorded_hashes.check_folder(tmp_path, "restore them")
    assert str(error.value).splitlines()[1:] == ["  - a.csv (missing)", "  - b.csv"]
