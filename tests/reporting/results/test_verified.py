"""Results that were edited, swapped or damaged after their jobs wrote them: publishing and the record name them."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.grid import collect_settings
from fewlabel.config.jobs.histories import histories_settings
from fewlabel.config.jobs.provenance import provenance_settings
from fewlabel.reporting.figures.style import save as save_figure
from fewlabel.reporting.publishing.publish import publish
from fewlabel.reporting.report import write_report
from fewlabel.reporting.results.completeness import check_finished
from fewlabel.reporting.results.folder import read_experiment
from fewlabel.reporting.results.verified import check_record, check_results
from fewlabel.reporting.tables.formats import save as save_table
from fewlabel.reporting.tables.table import Section, Table
from helpers.recorded_study import add_records
from helpers.refusals import error_of

ROOT = Path(__file__).parents[3]
ONE, TWO = "knee/finetuned/scratch/n1/draw1", "knee/finetuned/regression/n1/draw1"
AGAIN = "snakemake --configfile <experiment>"


@pytest.fixture
def results(study, tmp_path):
    return add_records(study(tmp_path / "results" / "mine"))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def swap(one, two):
    keep = one.with_name("kept")
    one.rename(keep)
    two.rename(one)
    keep.rename(two)


def problems_of(results):
    """What both publishing and the record say."""
    experiment = read_experiment(results)
    reported = error_of(check_results, results, experiment)
    assert reported in error_of(check_finished, results, experiment)
    return reported


def test_results_as_they_were_made_are_published(results, tmp_path):
    check_results(results, read_experiment(results))
    publish(results, tmp_path / "published" / "mine")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (f"{ONE}/weights.safetensors", flip),
        ("knee/pretrained/regression/weights.safetensors", flip),
        (f"{ONE}/history.csv", lambda path: edit(path, "0.5", "0.4")),
        (f"{ONE}/scores.csv", lambda path: edit(path, "3.5", "1.5")),
        ("scores.csv", lambda path: edit(path, "3.5", "1.5")),
        ("knee/splits/roles.csv", lambda path: edit(path, ",test", ",pool")),
        ("knee/splits/draw2.csv", lambda path: edit(path, "ann", "bob")),
        ("knee/slices/subjects.csv", lambda path: edit(path, "5.0", "4.0")),
        ("knee/native/labels/zoe.nii.gz", flip),
    ],
)
def test_each_file_that_was_changed_is_named_with_what_to_do(results, name, change):
    change(results / name)
    reported = problems_of(results)
    made = "knee/native" if "native" in name else name
    assert f"{results / name}: the file was changed after it was made" in reported
    assert f"{AGAIN} {results / made}" in reported


def test_an_edited_experiment_is_named_where_no_run_tells_of_it(results, tmp_path):
    edit(results / "experiment.yaml", "title: null", "title: Knees")
    reported = error_of(publish, results, tmp_path / "published" / "mine")
    assert f"{results / 'experiment.yaml'}: the file was changed after it was made" in reported


def test_swapped_weights_are_both_named_with_whose_they_are(results):
    swap(results / ONE / "weights.safetensors", results / TWO / "weights.safetensors")
    reported = problems_of(results)
    assert (
        f"{results / ONE / 'weights.safetensors'}: the file was changed" in reported
        and f"its content is that of {TWO}" in reported
    )
    assert (
        f"{results / TWO / 'weights.safetensors'}: the file was changed" in reported
        and f"its content is that of {ONE}" in reported
    )


def test_swapped_runs_are_named_though_each_is_whole(results):
    """Of equal settings, but for where they began and whose scores they hold."""
    swap(results / ONE, results / TWO)
    reported = problems_of(results)
    for run in (ONE, TWO):
        assert f"{results / run / 'scores.csv'}: contains the scores of another run" in reported
    swap(results / ONE / "scores.csv", results / TWO / "scores.csv")
    shutil.rmtree(results / ONE / "predictions")
    shutil.rmtree(results / TWO / "predictions")
    weights = results / "knee/pretrained/scratch/weights.safetensors"
    reported = error_of(check_results, results, read_experiment(results))
    assert f"{results / ONE}: the run started with pretrained weights" in reported and str(weights) not in reported
    assert f"{results / TWO}: the run started at random" in reported


def test_runs_that_read_another_table_are_counted_once(results):
    path = results / "knee/slices/store.json"
    edit(path, "63", "64")
    reported = problems_of(results)
    assert reported.count(str(path)) == 2 and f"{path}: the file differs from the one that 9 runs read" in reported


HEAD = "stage,step,loss,learning_rate"


@pytest.mark.parametrize("cut", [f"{HEAD}\ntraining,1,0.", f"{HEAD}\nx,1,0.5", "stage,step", ""])
@pytest.mark.parametrize("known", [True, False], ids=["recorded", "of an earlier version"])
def test_a_history_that_was_cut_off_is_named_and_never_joined(results, tmp_path, cut, known):
    path = results / ONE / "history.csv"
    path.write_text(cut)
    if not known:
        (results / ONE / "run.json").write_text(
            (results / ONE / "run.json").read_text().replace('"history.csv"', '"x"')
        )
    settings = canonical(histories_settings(read_experiment(results)))
    table = tmp_path / "history.csv"
    arguments = ["--settings", settings, "--results", str(results), "--history", str(table)]
    for reported in (
        str(CliRunner().invoke(app, ["collect-histories", *arguments]).exception),
        error_of(publish, results, tmp_path / "published" / "mine"),
    ):
        assert str(path) in reported and f"{AGAIN} {path}" in reported
    assert not table.exists()


def test_edited_scores_of_a_run_are_not_collected(results, tmp_path):
    edit(results / ONE / "scores.csv", "3.5", "1.5")
    table = tmp_path / "scores.csv"
    settings = canonical(collect_settings(read_experiment(results)))
    arguments = ["--settings", settings, "--results", str(results), "--scores", str(table)]
    outcome = CliRunner().invoke(app, ["collect", *arguments])
    assert f"{results / ONE / 'scores.csv'}: the file was changed" in str(outcome.exception) and not table.exists()


def test_results_of_an_earlier_version_are_taken_as_they_are(study, tmp_path):
    """Nothing is recorded of their scores, splits, masks and experiment."""
    results = study(tmp_path / "results" / "old")
    edit(results / "knee/splits/roles.csv", "patient of ann", "somebody")
    check_results(results, read_experiment(results))


def add_shown(results):
    """A table and a figure, as the reporting jobs write them."""
    ends = ("csv", "md", "tex", "html")
    rows = pd.DataFrame({"method": ["scratch"], "dice_mean": [0.8125]})
    table = Table(rows, 1, "Table 2", [Section("", rows.astype(str), numbers=True)], [])
    save_table(table, *(results / f"tables/table2_dice.{end}" for end in ends))
    save_figure(Figure(), *(results / f"figures/differences.{end}" for end in ("png", "pdf")), 50)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("tables/table2_dice.csv", lambda path: edit(path, "0.8125", "0.9125")),
        ("tables/table2_dice.html", flip),
        ("figures/differences.png", flip),
    ],
)
def test_an_edited_table_or_figure_is_named_by_the_record_and_the_report(results, tmp_path, name, change):
    add_shown(results)
    experiment = read_experiment(results)
    check_record(results, experiment)
    change(results / name)
    record = error_of(check_record, results, experiment)
    report = error_of(write_report, results / "experiment.yaml", tmp_path, tmp_path / "report.html")
    for reported in (record, report):
        assert f"{results / name}: the file was changed after it was made" in reported
        assert f"{AGAIN} {results / name}" in reported
    check_results(results, experiment)  # publishing reads none of them
    add_shown(results)
    check_record(results, experiment)


def test_an_edited_table_of_an_earlier_version_is_not_checked(results):
    add_shown(results)
    for record in (results / "tables").glob(".*.sha256"):
        record.unlink()
    edit(results / "tables/table2_dice.csv", "0.8125", "0.9125")
    check_record(results, read_experiment(results))


def test_the_record_is_not_made_with_an_edited_table(results, tmp_path):
    add_shown(results)
    edit(results / "tables/table2_dice.csv", "0.8125", "0.9125")
    settings = canonical(provenance_settings(read_experiment(results)))
    command = [
        "provenance",
        "--settings",
        settings,
        "--results",
        results,
        "--workflow",
        ROOT,
        "--folder",
        tmp_path / "crate",
    ]
    done = CliRunner().invoke(app, [str(part) for part in command])
    assert "tables/table2_dice.csv: the file was changed" in str(done.exception)
    assert not (tmp_path / "crate").exists()
