"""What a change makes again, and what it leaves alone: dry runs on finished results."""

import os

import pytest

TRAINED = 2  # cohorts
OF_INTERVALS = {
    "figure3_label_curves": 1,
    "label_efficiency": 1,
    "paired_subjects": 1,
    "differences": 1,
    "table2_dice": 1,
    "table3_differences": 1,
    "table4_labels": 1,
    "explorer": 1,
}
ONCE_OF_SCORES = {**OF_INTERVALS, "figure4_liver": 1, "figure5_prostate": 1}

pytestmark = pytest.mark.xdist_group("finished")  # one process runs the study once


def test_nothing_is_left_to_do_after_a_finished_run(finished):
    assert finished.planned()[0] == {}


def test_touched_files_make_nothing_again(finished):
    for path in finished.results.rglob("*"):
        os.utime(path, None)
    assert finished.planned()[0] == {}


def test_what_changes_no_result_trains_and_scores_nothing_again(finished):
    planned = finished.planned(change={"checkpoint_every": 5, "tensorboard": True})[0]
    assert not planned.keys() & {"prepare", "split", "draw", "pretrain", "finetune", "evaluate", "collect"}


def test_a_figures_settings_make_that_figure_and_the_record_again_alone(finished):
    assert finished.planned(change={"figures": {"label_curves": {"dpi": 61}}})[0] == {
        "figure3_label_curves": 1,
        "crate": 1,
    }


def test_intervals_make_figure_and_table_again_and_no_training(finished):
    jobs, _ = finished.planned(change={"intervals": {"level": 0.9}})
    assert jobs == {**OF_INTERVALS, "crate": 1}


def test_a_methods_settings_make_that_method_again_alone(finished):
    jobs, text = finished.planned(change={"methods": {"regression": {"corrupted": 0.5}}})
    runs = TRAINED * 2 * 2
    assert jobs == {
        "pretrain": TRAINED,
        "finetune": runs,
        "evaluate": runs,
        "collect": 1,
        "collect_histories": 1,
        "learning_curves": 1,
        "figure1_pretexts": 1,
        "figure2_scheme": 1,
        **ONCE_OF_SCORES,
        "crate": 1,
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
        "learning_curves",
        "figure2_scheme",
        *ONCE_OF_SCORES,
        "table1_cohorts",
        "crate",
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
        "figure1_pretexts",
        "local_similarity",
        "figure2_scheme",
        "figure4_liver",
        "learning_curves",
        *OF_INTERVALS,
        "quality",
        "contact_sheet",
        "table1_cohorts",
        "crate",
    }


def test_a_lost_record_is_made_again_alone(finished):
    record = finished.results / "provenance" / "ro-crate-metadata.json"
    kept = record.read_bytes()
    record.unlink()
    try:
        assert finished.planned()[0] == {"crate": 1}
    finally:
        record.write_bytes(kept)


def test_targets_figures_tables_and_provenance_exist(finished):
    for target in ("figures", "tables", "pictures", "provenance"):
        assert finished.planned(target)[0] == {}
