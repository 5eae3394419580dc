"""What a change makes again, and what it leaves alone: dry runs on finished results."""

import os
import re

import pytest

from helpers import preloaded

TRAINED = 2  # cohorts
OF_INTERVALS = {
    "figure_label_curves": 1,
    "figure_label_efficiency": 1,
    "figure_paired_subjects": 1,
    "figure_differences": 1,
    "table_dice": 1,
    "table_differences": 1,
    "table_labels_needed": 1,
    "explorer": 1,
}
ONCE_OF_SCORES = {**OF_INTERVALS, "figure_gallery_liver_phantom": 1, "figure_gallery_prostate_phantom": 1}


def test_nothing_is_left_to_do_after_a_finished_run(finished):
    assert finished.planned()[0] == {}


def test_touched_files_make_nothing_again(finished, tmp_path):
    study = finished.copy_to(tmp_path)
    for path in study.results.rglob("*"):
        os.utime(path, None)
    assert study.planned()[0] == {}


def test_long_jobs_have_benchmarks_and_a_missing_one_makes_nothing_again(finished):
    benchmarks = finished.results / "benchmarks"
    names = {re.split("[_.]", path.name)[0] for path in benchmarks.rglob("*.tsv")}
    assert names >= {"fetch", "prepare", "pretrain", "finetune", "evaluate", "quality", "contact"}
    aside = benchmarks.rename(finished.results / "aside")
    try:
        # A rule that is named as a target asks for its benchmark too.
        for targets in ((), ("explorer",), ("provenance",), ("report",)):
            assert finished.planned(*targets)[0] == {}
    finally:
        aside.rename(benchmarks)


def test_what_changes_no_result_trains_and_scores_nothing_again(finished):
    planned = finished.planned(change={"checkpoint_every": 5, "tensorboard": True})[0]
    assert not planned.keys() & {"prepare", "split", "draw", "pretrain", "finetune", "evaluate", "collect"}


def test_a_figures_settings_make_that_figure_and_the_record_again_alone(finished):
    assert finished.planned(change={"figures": {"label_curves": {"dpi": 61}}})[0] == {
        "figure_label_curves": 1,
        "provenance": 1,
    }


def test_intervals_make_figure_and_table_again_and_no_training(finished):
    jobs, _ = finished.planned(change={"intervals": {"level": 0.9}})
    assert jobs == {**OF_INTERVALS, "provenance": 1}


def test_a_methods_settings_make_that_method_again_alone(finished):
    jobs, text = finished.planned(change={"methods": {"regression": {"corrupted": 0.5}}})
    runs = TRAINED * 2 * 2
    assert jobs == {
        "pretrain": TRAINED,
        "finetune": runs,
        "evaluate": runs,
        "collect": 1,
        "collect_histories": 1,
        "figure_learning_curves": 1,
        "figure_pretexts": 1,
        "figure_method_diagram": 1,
        **ONCE_OF_SCORES,
        "provenance": 1,
    }
    assert "method=contrastive" not in text and "method=scratch" not in text and "method=supervised" not in text


def test_a_methods_finetuning_leaves_its_pretraining_alone(finished):
    jobs, _ = finished.planned(change={"methods": {"contrastive": {"finetuning": {"steps": 5}}}})
    assert "pretrain" not in jobs
    assert jobs["finetune"] == TRAINED * 2 * 2


def test_a_new_n_adds_its_runs_alone(finished):
    jobs, text = finished.planned(change={"labels": [1, 2, 3]})
    added = TRAINED * 3 * 2
    assert jobs["finetune"] == jobs["evaluate"] == added
    assert jobs.keys() <= {
        "admit",
        "finetune",
        "evaluate",
        "collect",
        "collect_histories",
        "figure_learning_curves",
        "figure_method_diagram",
        *ONCE_OF_SCORES,
        "table_cohorts",
        "provenance",
    }
    assert "n=1," not in text and "n=2," not in text


def test_a_new_draw_adds_its_runs_alone(finished):
    jobs, text = finished.planned(change={"draws": 3})
    added = TRAINED * (3 * 2 + 1)
    assert jobs["finetune"] == jobs["evaluate"] == added
    assert jobs["draw"] == TRAINED
    assert "pretrain" not in jobs and "prepare" not in jobs
    assert "draw=1\n" not in text and "draw=2\n" not in text


def test_a_new_cohort_leaves_the_others_alone(finished):
    source = {"kind": "phantom", "anatomy": "pelvis", "labelled": 4, "pixel_mm": 4, "slice_mm": 8}
    change = {"cohorts": {"third": {"source": source, "grid": {"matrix": [32, 32], "spacing_mm": 5}, "test": 2}}}
    jobs, text = finished.planned(change=change)
    assert jobs["fetch"] == jobs["prepare"] == jobs["split"] == jobs["quality"] == jobs["contact_sheet"] == 1
    assert jobs["pretrain"] == 2 and jobs["finetune"] == 3 * 2 * 2 + 2
    assert "cohort=liver_phantom" not in text and "cohort=prostate_phantom" not in text


def test_a_cohorts_title_makes_figure_and_tables_again_alone(finished):
    jobs, _ = finished.planned(change={"cohorts": {"liver_phantom": {"title": "Abdomen"}}})
    assert jobs.keys() == {
        "figure_pretexts",
        "figure_local_similarity",
        "figure_method_diagram",
        "figure_gallery_liver_phantom",
        "figure_learning_curves",
        *OF_INTERVALS,
        "quality",
        "contact_sheet",
        "table_cohorts",
        "provenance",
    }


def test_a_lost_record_is_made_again_alone(finished):
    record = finished.results / "provenance" / "ro-crate-metadata.json"
    kept = record.read_bytes()
    record.unlink()
    try:
        assert finished.planned()[0] == {"provenance": 1}
    finally:
        record.write_bytes(kept)


def test_targets_figures_tables_and_provenance_exist(finished):
    assert finished.planned("figures", "tables", "pictures", "provenance")[0] == {}


RUN = "liver_phantom/finetuned/scratch/n1/draw1"


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        (RUN, {"finetune", "evaluate"}),
        (f"{RUN}/history.csv", {"finetune", "evaluate"}),
        (f"{RUN}/predictions", {"evaluate"}),
        (f"{RUN}/scores.csv", {"evaluate"}),
        ("liver_phantom/pretrained/regression", {"pretrain"}),
        ("liver_phantom/pretrained/regression/pretext.safetensors", {"pretrain"}),
        ("liver_phantom/splits/draw2.csv", {"draw"}),
        ("liver_phantom/splits/roles.csv", {"split"}),
        ("liver_phantom/native", {"prepare"}),
        ("liver_phantom/slices/masks.npy", {"prepare"}),
        ("scores.csv", {"collect"}),
        ("history.csv", {"collect_histories"}),
    ],
)
def test_what_is_deleted_of_finished_results_is_made_again(finished, name, rules):
    path, kept = finished.results / name, finished.folder / "kept"
    path.rename(kept)
    try:
        planned, text = finished.planned()
    finally:
        kept.rename(path)
    assert rules <= planned.keys()
    assert all(planned[rule] == 1 for rule in rules), text


def publish(finished):
    to = finished.folder / "p" / "tiny"
    process = preloaded.run("publish", finished.results, "--to", to)
    assert "Traceback" not in process.stderr
    assert not to.exists()
    return process.stderr


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("experiment.yaml", b"study: tiny", b"study: tiny  # mine"),
        ("liver_phantom/splits/roles.csv", b",test", b",pool"),
        (f"{RUN}/weights.safetensors", b"fewlabel", b"fewlabeL"),
        (f"{RUN}/scores.csv", b"0.", b"0.9"),
        ("liver_phantom/slices/index.csv", b",1,", b",0,"),
    ],
)
def test_what_snakemake_cannot_see_is_named_by_publishing_with_the_command_that_repairs_it(finished, name, old, new):
    path = finished.results / name
    kept, times = path.read_bytes(), path.stat()
    assert old in kept
    path.write_bytes(kept.replace(old, new, 1))
    try:
        reported = publish(finished)
    finally:
        path.write_bytes(kept)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert f"{path}: the file was changed after it was made" in reported
    assert f"delete it and make it again: snakemake --configfile <experiment> {path}" in reported


def test_a_native_mask_that_was_replaced_is_named(finished):
    first, second, *_ = sorted((finished.results / "liver_phantom/native/labels").glob("*.nii.gz"))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    try:
        assert f"{first}: the file was changed after it was made" in publish(finished)
    finally:
        first.write_bytes(kept)


def swap(one, two, between):
    one.rename(between)
    two.rename(one)
    between.rename(two)


def test_runs_that_were_swapped_are_named(finished):
    one, two = finished.results / RUN, finished.results / RUN.replace("scratch", "regression")
    kept = finished.folder / "kept"
    swap(one, two, kept)
    try:
        reported = publish(finished)
    finally:
        swap(one, two, kept)
    for run in (one, two):
        assert f"{run / 'scores.csv'}: contains the scores of another run" in reported
