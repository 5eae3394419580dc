import getpass
import hashlib
import json
import socket
from pathlib import Path
from urllib.parse import unquote

import pytest

from fewlabel.config.jobs.provenance import provenance_settings
from fewlabel.config.pretexts.registry import PRETEXTS, stage_keys
from fewlabel.reporting.provenance.jobs import RecordedJob
from fewlabel.reporting.provenance.ro_crate_actions import add_action
from fewlabel.reporting.provenance.ro_crate_entities import Graph
from helpers.crate_results import (
    EXPERIMENT,
    NASTY,
    PRETRAININGS,
    ROOT,
    RUNS,
    bytes_of,
    digest,
    digest_of,
    entities,
    ids,
    write,
)

# What the profiles recommend and a study cannot honestly say.
UNKNOWN = {
    "process-run-crate-0.5_8.6": "agent: who ran it is never recorded",
    "process-run-crate-0.5_8.4": "endTime: trainings alone record theirs",
    "process-run-crate-0.5_3.2": "url: the commands have no public address",
    "process-run-crate-0.5_5.1": "nor an absolute URI",
    "ro-crate-1.1_22.2": "author: as agent",
    "ro-crate-1.1_22.3": "publisher: who publishes it knows",
}


def test_an_independent_checker_finds_nothing_that_is_required_and_missing(made, crate_issues):
    assert crate_issues(made) == []


def test_it_finds_of_what_is_recommended_only_what_nobody_knows(made, crate_issues):
    assert {check for check, _, _ in crate_issues(made, "recommended")} <= UNKNOWN.keys()


def test_the_checker_would_find_a_mistake(made, crate_issues, tmp_path):
    metadata = (made / "ro-crate-metadata.json").read_text()
    write(tmp_path / "ro-crate-metadata.json", metadata.replace('"mainEntity"', '"about"'))
    assert crate_issues(tmp_path)


def test_every_file_of_the_crate_is_listed_with_its_size_and_digest(made):
    listed = {
        unquote(key): entity for key, entity in entities(made).items()
        if "File" in entity["@type"] and not key.startswith("#")
    }  # fmt: skip
    files = bytes_of(made)
    assert {str(path) for path in files} == {*listed, "ro-crate-metadata.json"}
    for path, entity in listed.items():
        content = files[Path(path)]
        assert (entity["sha256"], entity["contentSize"]) == (hashlib.sha256(content).hexdigest(), str(len(content)))
    assert {
        "Snakefile",
        "workflow/rules/training.smk",
        "experiment.json",
        "scores.csv",
        "tables/table2_dice.csv",
    } <= set(listed)


def test_each_run_is_an_action_with_its_settings_files_machine_and_time(made):
    found = entities(made)
    actions = {key: entity for key, entity in found.items() if entity["@type"] == "CreateAction"}
    of = {
        command: [key for key in actions if key.startswith(f"#{command}/")]
        for command in ("finetune", "evaluate", "pretrain")
    }
    assert {command: len(keys) for command, keys in of.items()} == {
        "finetune": RUNS, "evaluate": RUNS, "pretrain": PRETRAININGS,
    }  # fmt: skip
    assert set(ids(found["./"]["mentions"])) == actions.keys()
    action = found["#finetune/own/finetuned/regression/n2/draw1"]
    reported = {found[key]["name"]: found[key] for key in ids(action["object"])}
    assert reported["settings"]["sha256"] == digest("settings")
    assert json.loads(reported["settings"]["value"]) == {"labels": 1, "seed": 3914}
    made_of = {found[key]["sha256"] for key in ids(action["result"])}
    assert made_of == {
        digest_of(f"own/finetuned/regression/n2/draw1/{n}") for n in ("weights.safetensors", "history.csv")
    }
    assert (action["startTime"], action["endTime"]) == ("2026-11-24T15:00:00+00:00", "2026-11-24T15:00:12.5+00:00")
    around = {found[key]["name"]: found[key] for key in ids(action["additionalProperty"])}
    assert (around["gpu"]["value"], around["device"]["value"], around["deterministic"]["value"]) == (
        "A GPU",
        "cuda",
        False,
    )
    assert around["software"]["value"] == "fewlabel 0.1.0, commit c0ffee (with changes)"
    assert "pkg:pypi/torch@2.13.0" in ids(around["software"]["valueReference"])
    usage = {found[key]["name"]: (found[key]["value"], found[key]["unitCode"]) for key in ids(action["resourceUsage"])}
    assert usage == {"seconds": (12.3, "SEC"), "peak_host_bytes": (123456, "AD")}


@pytest.mark.parametrize("stage", ["finetune", *stage_keys(PRETEXTS)])
def test_the_steps_of_every_stage_are_told(stage):
    graph = Graph({})
    add_action(
        graph, RecordedJob("pretrain", "liver/pretrained/m", [], [], {"steps": {stage: 7, "of nobody": 8}}), "Train."
    )
    steps = {
        entity["name"]: entity["value"] for entity in graph.entities.values() if entity["@type"] == "PropertyValue"
    }
    assert steps == {f"steps: {stage}": 7}


def test_a_table_leads_back_to_every_cohort_over_weights_and_slices(made):
    found = entities(made)
    maker = {
        key: action for action in found.values() if action["@type"] == "CreateAction" and action["@id"] != "#run"
        for key in ids(action.get("result"))
    }  # fmt: skip
    seen, ahead = set(), ["tables/table2_dice.csv"]
    while ahead:
        key = ahead.pop()
        if key not in seen:
            seen.add(key)
            ahead += ids(maker.get(key, {}).get("object"))
    assert {"#cohort/liver", "#cohort/own"} <= seen
    weights = {
        f"#sha256-{digest_of(f'{cohort}/pretrained/regression/weights.safetensors')}" for cohort in EXPERIMENT.cohorts
    }
    assert weights <= seen


def test_settings_licence_paper_and_cohorts_are_told(made):
    found = entities(made)
    assert found["#setting/finetuning.steps"]["value"] == EXPERIMENT.finetuning.steps
    assert found["#setting/finetuning.steps"]["exampleOfWork"] == {"@id": "#parameter/finetuning.steps"}
    assert ids(found["./"]["citation"]) == ["https://doi.org/10.58530/2022/3914"]
    assert ids(found["Snakefile"]["license"]) == ["https://spdx.org/licenses/Apache-2.0"]
    assert found["./"]["datePublished"] == "2026-11-24T15:00:12.5+00:00"
    assert found["#cohort/own"]["description"] == "NIfTI folder own cohort, label 1"
    assert found["#cohort/own"]["name"] == NASTY[2]


def test_the_crate_holds_no_path_user_or_host(made):
    text = "".join(content.decode("utf-8", "replace") for content in bytes_of(made).values())
    for private in ("somebody", str(made.parent), str(ROOT), socket.gethostname(), f'"{getpass.getuser()}"'):
        assert private not in text


def test_an_address_is_told_without_user_and_query():
    source = {"kind": "decathlon", "url": "https://me:secret@host.org/a/Task05.tar?key=secret", "md5": "0" * 32}
    experiment = EXPERIMENT.model_validate(
        {**EXPERIMENT.model_dump(mode="json"), "cohorts": {"one": {"source": source}}}
    )
    assert provenance_settings(experiment).experiment.cohorts["one"].source.url == "https://host.org/a/Task05.tar"
