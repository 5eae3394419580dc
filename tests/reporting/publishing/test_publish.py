import getpass
import hashlib
import json
import re
import shutil

import pandas as pd
import pytest

from fewlabel.reporting.publishing.publish import publish
from fewlabel.reporting.results.folder import read_experiment, read_results
from fewlabel.utils.errors import InputError


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def results(study, tmp_path):
    return study(tmp_path / "results" / "mine")


@pytest.fixture
def to(tmp_path):
    return tmp_path / "results" / "published" / "mine"


def refused(results, to, message, **options):
    """Publishing is refused with this message, and changes nothing."""
    before = content(to.parent) if to.parent.exists() else {}
    with pytest.raises(InputError, match=message):
        publish(results, to, **options)
    assert (content(to.parent) if to.parent.exists() else {}) == before


def test_a_published_study_reads_like_the_results_that_it_is_of(results, to):
    publish(results, to)
    ours, theirs = read_results(results), read_results(to)
    pd.testing.assert_frame_equal(ours.scores, theirs.scores)
    assert (to / "scores.csv").read_bytes() == (results / "scores.csv").read_bytes()
    assert ours.runs == theirs.runs and ours.stores == theirs.stores
    assert read_experiment(results) == read_experiment(to)
    assert ours.tables.keys() == theirs.tables.keys()
    for name, table in ours.tables.items():
        pd.testing.assert_frame_equal(table.drop(columns=["affine", "shape"], errors="ignore"), theirs.tables[name])


def test_the_sums_are_those_of_all_other_files(results, to):
    publish(results, to)
    files = content(to)
    listed = dict(line.split("  ")[::-1] for line in files.pop("SHA256SUMS").decode().splitlines())
    assert listed == {name: hashlib.sha256(text).hexdigest() for name, text in files.items()}


def test_no_affine_is_published(results, to):
    publish(results, to)
    assert not any(b"affine" in text for text in content(to).values())


def test_codes_replace_every_id_the_same_way_in_all_tables(study, results, to, tmp_path):
    source = {"kind": "nifti", "folder": "mine"}
    cohorts = {"knee": {"source": source, "grid": {"matrix": [64, 64]}, "test": ["zoe", "NA", "eve", "max"]}}
    named = study(tmp_path / "results" / "named", cohorts=cohorts)
    publish(named, to, anonymise=True)
    text = b"\n".join(content(to).values()).decode()
    assert not {"ann", "bob", "007", "zoe", "eve"} & set(re.findall(r"\w+", text))
    assert "patient of" not in text
    ours, theirs = read_results(named), read_results(to)
    codes = dict(
        zip(sorted(ours.tables["knee/splits/roles.csv"]["subject"]), map("s{:03d}".format, range(1, 8)), strict=True)
    )
    assert theirs.experiment["cohorts"]["knee"]["test"] == [codes[name] for name in ("zoe", "NA", "eve", "max")]
    assert theirs.tables["knee/splits/draw1.csv"]["subject"].tolist() == [codes[name] for name in ("ann", "bob", "007")]
    assert theirs.runs["knee/finetuned/scratch/n2/draw1"]["subjects"] == [codes["ann"], codes["bob"]]
    pd.testing.assert_frame_equal(ours.scores.assign(subject=ours.scores["subject"].map(codes)), theirs.scores)
    roles, coded = (read.tables["knee/splits/roles.csv"].set_index("subject")["role"] for read in (ours, theirs))
    assert coded.to_dict() == {codes[str(name)]: role for name, role in roles.items()}
    assert "replaced by codes" in (to / "README.md").read_text()


def test_an_unfinished_study_is_refused_with_its_missing_runs(results, to):
    shutil.rmtree(results / "knee/finetuned/scratch/n2/draw1")
    (results / "knee/pretrained/regression/run.json").unlink()
    refused(results, to, r"(?s)not finished: 3 missing.*pretrained/regression/run.json.*scratch/n2/draw1/scores.csv")


def test_a_study_whose_experiment_has_changed_since_is_refused(study, results, to, tmp_path):
    other = study(tmp_path / "other", finetuning={"steps": 77})
    shutil.copy(other / "experiment.yaml", results)
    refused(results, to, "8 made with settings other than the experiment's, of 9 runs")


def test_scores_that_are_not_those_of_the_runs_are_refused(study, results, to, tmp_path):
    shutil.copy(study(tmp_path / "other", seed=1) / "scores.csv", results)
    refused(results, to, "not the scores of the study's runs")


def test_a_published_study_is_replaced_on_demand_alone(study, results, to, tmp_path):
    publish(results, to)
    (to / "figures").mkdir()
    other = study(tmp_path / "results" / "other", seed=1)
    refused(other, to, "already published; to fix: use --replace")
    publish(other, to, replace_old=True)
    assert (to / "scores.csv").read_bytes() == (other / "scores.csv").read_bytes()
    assert [path.name for path in to.parent.iterdir()] == ["mine"]
    assert read_experiment(to).study == "mine" and not (to / "figures").exists()


@pytest.mark.parametrize("options", [{}, {"replace_old": True}])
def test_a_folder_that_is_no_published_study_is_never_replaced(results, to, options):
    to.mkdir(parents=True)
    (to / "thesis.txt").write_text("years of work")
    refused(results, to, "is no published study", **options)


def test_places_that_cannot_be_are_refused(results, to):
    refused(results, results, "inside")
    refused(results, results / "published", "inside")
    refused(results, to.with_name("My study"), "is not a valid name")
    publish(results, to)
    refused(to, to.with_name("again"), "run.json")


def test_the_data_may_lie_anywhere_but_their_place_is_not_published(study, to, tmp_path):
    source = {"kind": "nifti", "folder": "/home/ann/secret/knees", "subjects_table": "/home/ann/table.csv"}
    cohorts = {"knee": {"source": source, "grid": {"matrix": [64, 64]}, "test": 4}}
    publish(study(tmp_path / "results" / "own", cohorts=cohorts, data_root="/home/ann"), to)
    published = read_experiment(to).cohorts["knee"].source
    assert (published.folder, published.subjects_table) == ("knees", "table.csv")
    assert not any(b"/home/ann" in text for text in content(to).values())


@pytest.mark.parametrize(
    "facts",
    [
        {"inputs": {"/scratch/ann/x": "ab"}},
        {"note": "from /home/ann/x"},
        {"note": "C:\\data"},
        {"machine": {"owner": getpass.getuser()}},
    ],
)
def test_facts_that_name_a_place_or_the_user_are_refused(study, to, tmp_path, facts):
    refused(study(tmp_path / "results" / "own", facts=facts), to, r"runs.json: .* contains (a path|the name)")


def test_facts_that_only_look_like_a_place_are_published(study, to, tmp_path):
    facts = {
        "hardware": {"processor": "A/B @ 2.1 GHz"},
        "inputs": {"somebody/elses.json": "ab"},
        "url": "https://a.org/b",
    }
    publish(study(tmp_path / "results" / "own", facts=facts), to)


def test_histories_that_are_too_large_are_left_out(results, to, monkeypatch):
    monkeypatch.setattr("fewlabel.reporting.publishing.files.LARGEST_HISTORY", 100)
    assert not publish(results, to).histories
    assert not (to / "history.csv").exists() and "history.csv" not in (to / "README.md").read_text()


def test_results_that_do_not_say_their_experiment_are_refused(results, to):
    (results / "experiment.yaml").unlink()
    refused(results, to, "run `snakemake` with the experiment again")


@pytest.mark.parametrize(
    ("made", "message"), [(None, "no such folder"), ([], "no scores.csv"), (["a"], "name one of them")]
)
def test_what_holds_no_study_is_refused(tmp_path, made, message):
    folder = tmp_path / "there"
    if made is not None:
        folder.mkdir()
    for name in made or []:
        (folder / name).mkdir()
        (folder / name / "scores.csv").touch()
    with pytest.raises(InputError, match=message):
        read_results(folder)


def test_a_study_that_is_not_finished_is_not_taken_for_several(results):
    (results / "provenance").mkdir()
    (results / "scores.csv").rename(results / "provenance" / "scores.csv")
    with pytest.raises(InputError, match=r"not finished: no scores\.csv; .*to fix: run `snakemake`"):
        read_results(results)


@pytest.mark.parametrize("text", ["", "{}", json.dumps([1])])
def test_a_damaged_file_of_runs_is_named(results, to, text):
    publish(results, to)
    (to / "runs.json").write_text(text)
    with pytest.raises(InputError, match=r"runs\.json"):
        read_results(to)


def test_the_names_of_cohorts_cannot_lead_out_of_the_folder(results):
    path = results / "scores.csv"
    path.write_text(path.read_text().replace("knee,", "../../etc,"))
    with pytest.raises(InputError, match="is not a valid name"):
        read_results(results)
