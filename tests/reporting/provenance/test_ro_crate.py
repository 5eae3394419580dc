import getpass
import hashlib
import json
import re
import socket
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fewlabel.cli.main import app
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.provenance import provenance_settings
from fewlabel.config.pretexts.registry import PRETEXTS, stage_keys
from fewlabel.reporting.provenance.jobs import RecordedJob, Stored, StudyFiles, study_jobs
from fewlabel.reporting.provenance.ro_crate_actions import add_action
from fewlabel.reporting.provenance.ro_crate_entities import Graph, local

ROOT = Path(__file__).parents[3]
NASTY = [
    "<script>alert('x')</script>",
    'a "quoted" b',
    "Müller 木 😀",
    "../../etc/passwd",
    "a b#c?d%e",
    "line\nbreak",
    "\ud800",
]
# What the profiles recommend and a study cannot honestly say.
UNKNOWN = {
    "process-run-crate-0.5_8.6": "agent: who ran it is never recorded",
    "process-run-crate-0.5_8.4": "endTime: trainings alone record theirs",
    "process-run-crate-0.5_3.2": "url: the commands have no public address",
    "process-run-crate-0.5_5.1": "nor an absolute URI",
    "ro-crate-1.1_22.2": "author: as agent",
    "ro-crate-1.1_22.3": "publisher: who publishes it knows",
}
EXPERIMENT = Experiment.model_validate(
    {
        "study": "small",
        "data_root": "/home/somebody/data",
        "cohorts": {
            "liver": {"source": {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}, "title": NASTY[0]},
            "own": {"source": {"kind": "nifti", "folder": "/home/somebody/own cohort"}, "title": NASTY[2]},
        },
        "methods": {
            "scratch": {"pretext": "none"},
            "regression": {"pretext": "regression"},
        },
        "labels": [1, 2],
        "draws": 2,
    }
)  # fmt: skip
RUNS, PRETRAININGS = 2 * 2 * 2 * 2, 2


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def text_of(path):
    """What lies at a place of the results: its own path, as far as the file must not be read."""
    if path.endswith("store.json"):
        return json.dumps({"of": path})
    if path.endswith("/history.csv"):
        return f"stage,step,loss,learning_rate,of\nfinetune,1,0.5,0.001,{path}\n"
    if "finetuned" in path and path.endswith("/scores.csv"):
        cohort, _, method, n, draw, _ = path.split("/")
        row = f"{cohort},{method},{n[1:]},{draw[4:]},s1,0.5,1.0,1.0,10.0,10.0"
        return f"cohort,method,n,draw,subject,dice,hd95_mm,assd_mm,truth_ml,predicted_ml\n{row}\n"
    return path


def digest_of(path):
    return digest(text_of(path))


def facts(folder, inputs, **changes):
    return {
        "kind": "finetune",
        "settings": {"labels": 1, "seed": 3914},
        "settings_sha256": digest("settings"),
        "recipe": 1,
        "subjects": ["s1", *NASTY],
        "device": "cuda",
        "deterministic": False,
        "steps": {"finetune": 200},
        "software": {
            "fewlabel": "0.1.0",
            "commit": "c0ffee",
            "dirty": True,
            "python": "3.11.7",
            "packages": {"torch": "2.13.0", NASTY[0]: NASTY[4]},
        },
        "hardware": {"processor": "A processor", "cores": 2, "gpu": "A GPU", "host": socket.gethostname()},
        "time": {"started": "2026-11-24T15:00:00+00:00", "ended": "2026-11-24T15:00:12.5+00:00", "seconds": 12.3},
        "memory": {"peak_host_bytes": 123456, "user": getpass.getuser()},
        "inputs": inputs,
        "outputs": {name: digest_of(f"{folder}/{name}") for name in ("weights.safetensors", "history.csv")},
        "command": ["/home/somebody/bin/fewlabel"],
        **changes,
    }


def make_results(folder, told=facts):
    """The results of a study as the rules leave them."""
    for cohort in EXPERIMENT.cohorts:
        names = ["slices/store.json", "slices/index.csv", "slices/subjects.csv", "splits/roles.csv"]
        names += ["splits/draw1.csv", "splits/draw2.csv", "fetched/abc/subjects.csv", "fetched/old/source.json"]
        for name in names:
            write(folder / cohort / name, text_of(f"{cohort}/{name}"))
        for name in ("splits/source.json", "fetched/abc/source.json"):
            write(folder / cohort / name, json.dumps({"fingerprint": f"of {cohort}", "folder": "/home/somebody"}))
        runs = [f"finetuned/{m}/n{n}/draw{d}" for m in EXPERIMENT.methods for n in (1, 2) for d in (1, 2)]
        for run in ["pretrained/regression", *runs]:
            place = f"{cohort}/{run}"
            inputs = {"slices/store.json": digest_of(f"{cohort}/slices/store.json")}
            if "finetuned/regression" in run:
                inputs["initial weights"] = digest_of(f"{cohort}/pretrained/regression/weights.safetensors")
            for name in ("weights.safetensors", "history.csv", "scores.csv"):
                write(folder / place / name, text_of(f"{place}/{name}"))
            write(folder / place / "run.json", json.dumps(told(place, inputs)))
    for name in (
        "figures/differences.png",
        "figures/figure1_pretexts.png",
        "figures/figure2_scheme.png",
        "figures/figure3_label_curves.png",
        "figures/figure4_liver.png",
        "figures/gallery_own.png",
        *(f"tables/quality_{cohort}.csv" for cohort in EXPERIMENT.cohorts),
        *(f"figures/contact_sheet_{cohort}.png" for cohort in EXPERIMENT.cohorts),
        "figures/label_efficiency.png",
        "figures/learning_curves.png",
        "history.csv",
        "figures/paired_subjects.png",
        "tables/table1_cohorts.md",
        "tables/table2_dice.csv",
        "tables/table3_differences.csv",
        "tables/table4_labels.csv",
        "explorer.html",
        "scores.csv",
    ):
        write(folder / name, name)
    return folder


def make_crate(results, crate):
    settings = canonical(provenance_settings(EXPERIMENT))
    arguments = ["--settings", settings, "--results", results, "--workflow", ROOT, "--folder", crate]
    return CliRunner().invoke(app, ["provenance", *map(str, arguments)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    results = make_results(tmp_path_factory.mktemp("results"))
    crate = results / "provenance"
    outcome = make_crate(results, crate)
    assert outcome.exit_code == 0, outcome.output
    return crate


def entities(crate):
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    assert len({entity["@id"] for entity in graph}) == len(graph)
    return {entity["@id"]: entity for entity in graph}


def ids(value):
    return [item["@id"] for item in (value if isinstance(value, list) else [value])] if value else []


def bytes_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    told = {found[key]["name"]: found[key] for key in ids(action["object"])}
    assert told["settings"]["sha256"] == digest("settings")
    assert json.loads(told["settings"]["value"]) == {"labels": 1, "seed": 3914}
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
