"""The whole chain, from phantoms to figures and tables."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fewlabel.utils.atomic_files import sha256, visible

RUNS = 2 * (3 * 2 * 2 + 2)
COHORTS = ("liver_phantom", "prostate_phantom")


def test_every_training_evaluates_its_own_network(finished):
    logs = visible(finished.results / "logs", "*/evaluate_*.log")
    assert len(logs) == RUNS
    assert all("already evaluated when the training ended" in log.read_text() for log in logs)
    assert not visible(finished.results, "*/finetuned/**/training.*")


def test_the_experiment_ends_with_scores_figures_and_tables(finished):
    made = {
        str(path.relative_to(finished.results))
        for folder in ("figures", "tables")
        for path in visible(finished.results / folder, "*")
    }
    assert made == {
        "figures/differences.png",
        "figures/differences.pdf",
        "figures/figure2_scheme.png",
        "figures/figure2_scheme.pdf",
        "figures/figure3_label_curves.png",
        "figures/figure3_label_curves.pdf",
        "figures/figure1_pretexts.png",
        "figures/figure1_pretexts.pdf",
        "figures/local_similarity.png",
        "figures/local_similarity.pdf",
        "figures/figure4_liver.png",
        "figures/figure4_liver.pdf",
        "figures/figure5_prostate.png",
        "figures/figure5_prostate.pdf",
        "figures/label_efficiency.png",
        "figures/label_efficiency.pdf",
        "figures/learning_curves.png",
        "figures/learning_curves.pdf",
        "figures/paired_subjects.png",
        "figures/paired_subjects.pdf",
        *(f"figures/contact_sheet_{cohort}.png" for cohort in COHORTS),
        *(f"tables/quality_{cohort}.{end}" for cohort in COHORTS for end in ("csv", "md", "html")),
        "tables/table1_cohorts.csv",
        "tables/table1_cohorts.md",
        "tables/table1_cohorts.tex",
        "tables/table1_cohorts.html",
        "tables/table2_dice.csv",
        "tables/table2_dice.md",
        "tables/table2_dice.tex",
        "tables/table2_dice.html",
        "tables/table3_differences.csv",
        "tables/table3_differences.md",
        "tables/table3_differences.tex",
        "tables/table3_differences.html",
        "tables/table4_labels.csv",
        "tables/table4_labels.md",
        "tables/table4_labels.tex",
        "tables/table4_labels.html",
    }
    assert (finished.results / "explorer.html").stat().st_size < 8e6


def test_scores_hold_one_row_for_each_run_and_test_subject(finished):
    scores = pd.read_csv(finished.results / "scores.csv")
    assert list(scores.columns) == [
        "cohort",
        "method",
        "n",
        "draw",
        "subject",
        "dice",
        "hd95_mm",
        "assd_mm",
        "truth_ml",
        "predicted_ml",
    ]
    assert len(scores) == RUNS // 2 * 3 + RUNS // 2 * 2
    assert scores["dice"].between(0, 1).all()
    assert scores.groupby("method")["n"].unique().map(sorted).to_dict() == {
        "contrastive": [1, 2],
        "regression": [1, 2],
        "scratch": [1, 2],
        "supervised": [3],
    }


@pytest.mark.parametrize("cohort", ["liver_phantom", "prostate_phantom"])
def test_predicted_masks_lie_on_the_native_grid_of_truth_and_image(finished, cohort):
    predictions = sorted((finished.results / cohort / "finetuned/contrastive/n2/draw1/predictions").glob("*.nii.gz"))
    assert predictions
    for path in predictions:
        mask, truth, image = (
            nib.load(file)
            for file in (
                path,
                *((finished.results / cohort / "native" / kind / path.name) for kind in ("labels", "images")),
            )
        )
        assert mask.shape == truth.shape == image.shape
        assert np.allclose(mask.affine, truth.affine) and np.allclose(mask.affine, image.affine)
        assert set(np.unique(mask.get_fdata())) <= {0, 1}


@pytest.mark.parametrize("cohort", ["liver_phantom", "prostate_phantom"])
def test_no_training_saw_a_test_subject_and_draws_are_nested(finished, cohort):
    roles = pd.read_csv(finished.results / cohort / "splits/roles.csv").set_index("subject")["role"]
    tested = set(roles.index[roles == "test"])
    facts = {path: json.loads(path.read_text()) for path in (finished.results / cohort).glob("*/**/run.json")}
    assert len(facts) == 2 + RUNS // 2
    assert not any(tested & set(fact["subjects"]) for fact in facts.values())
    for method in ("scratch", "regression", "contrastive"):
        folder = finished.results / cohort / "finetuned" / method
        for draw in ("draw1", "draw2"):
            one, two = (json.loads((folder / n / draw / "run.json").read_text())["subjects"] for n in ("n1", "n2"))
            assert two[:1] == one and len(two) == 2
            assert (
                one
                == json.loads((finished.results / cohort / "finetuned/scratch/n1" / draw / "run.json").read_text())[
                    "subjects"
                ]
            )


def test_pretrained_runs_report_which_parameters_they_took(finished):
    facts = json.loads((finished.results / "liver_phantom/finetuned/contrastive/n1/draw1/run.json").read_text())
    assert all(name.startswith(("encoder.", "decoder.stages.0.")) for name in facts["initialisation"]["loaded"])
    assert {name.split(".")[0] for name in facts["initialisation"]["random"]} == {"decoder", "output"}
    log = (finished.results / "logs/liver_phantom/finetune_contrastive_n1_draw1.log").read_text()
    assert "parameters loaded" in log


def test_identical_seeds_give_identical_files(finished, fresh):
    runs = ["liver_phantom/finetuned/contrastive/n2/draw1", "prostate_phantom/finetuned/regression/n1/draw2"]
    process = fresh.run(*(f"results/tiny/{run}/scores.csv" for run in runs))
    assert process.returncode == 0, process.stdout + process.stderr
    names = [f"{run}/{name}" for run in runs for name in ("scores.csv", "history.csv", "weights.safetensors")]
    names += ["liver_phantom/pretrained/contrastive/history.csv", "prostate_phantom/slices/store.json"]
    for name in names:
        assert (fresh.results / name).read_bytes() == (finished.results / name).read_bytes(), name


def test_facts_hold_no_path_user_or_host(finished):
    import getpass
    import socket

    for path in finished.results.glob("**/run.json"):
        text = path.read_text()
        assert str(finished.made_in) not in text
        assert (
            socket.gethostname() not in json.loads(text).values() and getpass.getuser() not in json.loads(text).values()
        )


def as_list(value):
    return value if isinstance(value, list) else [value]


def test_the_record_of_the_study_is_valid_and_holds_every_run(finished, crate_issues):
    crate = finished.results / "provenance"
    assert crate_issues(crate) == []
    entities = {
        entity["@id"]: entity for entity in json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    }
    actions = [key for key, entity in entities.items() if entity["@type"] == "CreateAction"]
    assert sum(key.startswith("#finetune/") for key in actions) == RUNS
    assert sum(key.startswith("#pretrain/") for key in actions) == 2 * 2
    assert entities["scores.csv"]["sha256"] == sha256(finished.results / "scores.csv")
    made = {item["@id"] for key in actions if key != "#run" for item in as_list(entities[key]["result"])}
    assert {key for key in entities if key.startswith(("figures/", "tables/"))} <= made
    assert str(finished.made_in) not in (crate / "ro-crate-metadata.json").read_text()
