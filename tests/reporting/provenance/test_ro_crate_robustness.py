"""The record of a study where facts are unknown, odd or half-written: never in part, never a false address."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewlabel.reporting.provenance.jobs import RecordedJob, Stored, StudyFiles, study_jobs
from fewlabel.reporting.provenance.ro_crate_actions import add_action
from fewlabel.reporting.provenance.ro_crate_entities import Graph, local
from helpers.crate_results import (
    EXPERIMENT,
    NASTY,
    bytes_of,
    digest,
    digest_of,
    entities,
    facts,
    ids,
    make_crate,
    make_results,
    write,
)


def test_equal_results_give_equal_files(made, tmp_path):
    assert make_crate(make_results(tmp_path / "elsewhere"), tmp_path / "crate").exit_code == 0
    assert bytes_of(tmp_path / "crate") == bytes_of(made)


def test_it_is_written_whole_or_not_at_all(made, tmp_path, monkeypatch):
    results = make_results(tmp_path / "results")
    crate = results / "provenance"
    write(crate / "before.txt", "before")
    with monkeypatch.context() as broken:
        broken.setattr("rocrate.model.File.write", lambda *_: 1 / 0)
        assert isinstance(make_crate(results, crate).exception, ZeroDivisionError)
    assert list(bytes_of(crate)) == [Path("before.txt")]
    assert make_crate(results, crate).exit_code == 0
    assert bytes_of(crate) == bytes_of(made)
    assert not [path for path in results.iterdir() if path.name.startswith(".")]


def test_what_is_only_half_written_is_no_part_of_the_record(made, tmp_path):
    results = make_results(tmp_path / "results")
    write(results / "figures" / ".77.partial.figure2_scheme.png", "half")
    write(results / "tables" / ".77-0123abcd.partial.table2_dice.csv", "half")
    write(results / "liver/fetched/.77.partial.abc/source.json", (results / "liver/splits/source.json").read_text())
    assert make_crate(results, tmp_path / "crate").exit_code == 0
    assert bytes_of(tmp_path / "crate") == bytes_of(made)


def test_unknown_facts_are_left_out_and_digests_computed(tmp_path, crate_issues):
    results = make_results(tmp_path, lambda *_: {})
    assert make_crate(results, results / "provenance").exit_code == 0
    assert crate_issues(results / "provenance") == []
    found = entities(results / "provenance")
    action = found["#finetune/own/finetuned/regression/n2/draw1"]
    assert not action.keys() & {"startTime", "endTime", "resourceUsage", "additionalProperty"}
    assert {f"#sha256-{digest_of(f'own/{name}')}" for name in (
        "slices/store.json", "splits/draw1.csv", "pretrained/regression/weights.safetensors"
    )} == set(ids(action["object"]))  # fmt: skip
    assert not re.search(r"null|None|unknown", (results / "provenance" / "ro-crate-metadata.json").read_text())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["./"]["datePublished"])


def test_weights_that_were_removed_keep_their_recorded_digest(tmp_path):
    results = make_results(tmp_path)
    (results / "own/finetuned/scratch/n1/draw1/weights.safetensors").unlink()
    job = next(
        job for job in study_jobs(StudyFiles(results), EXPERIMENT) if job.place == "own/finetuned/scratch/n1/draw1"
    )
    path = "own/finetuned/scratch/n1/draw1/weights.safetensors"
    assert Stored(path, digest(path), None) in job.outputs


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(facts("", {}))), st.text(max_size=5), ANYTHING)
def test_facts_of_any_shape_give_an_action(name, inner, anything):
    found = facts("", {})
    found[name] = {**found[name], inner: anything} if isinstance(found[name], dict) and inner else anything
    graph = Graph({})
    add_action(graph, RecordedJob("finetune", "liver/finetuned/scratch/n1/draw1", [], [], found), "Train.")
    json.dumps(graph.entities, ensure_ascii=False).encode()


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_becomes_an_encoded_id_and_a_plain_string(text):
    assert_encoded(text)


@given(st.text(st.characters(exclude_categories=[]), min_size=1))
def test_any_text_becomes_an_encoded_id_and_a_plain_string(text):
    assert_encoded(text)


def assert_encoded(text):
    readable = text.encode("utf-8", "replace").decode()
    graph = Graph({})
    graph.files([Stored(text, "0" * 64)])
    graph.value("subjects", [text, "other"])
    packages = {"fewlabel": "0.1.0", "packages": {text: text}}
    add_action(graph, RecordedJob("finetune", text, [], [], {"software": packages}), text)
    for key in [*graph.entities, local("cohort", text)]:
        assert re.fullmatch(r"(#|pkg:pypi/)[A-Za-z0-9_.~%/@-]+", key), key
    assert graph.entities["#sha256-" + "0" * 64]["name"] == readable
    assert [readable, "other"] in [entity.get("value") for entity in graph.entities.values()]
    json.dumps(graph.entities, ensure_ascii=False).encode()
