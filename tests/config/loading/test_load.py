from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from fewlabel.config.figure_options import Figures
from fewlabel.config.loading.load import load, load_files
from fewlabel.config.loading.schema import schema
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.utils.errors import InputError
from helpers.experiments import config

ROOT = Path(__file__).parents[3]


OVERLAYS = sorted((ROOT / "experiments").glob("*.yaml"))


PUBLISHED = sorted((ROOT / "results/published").glob("*/experiment.yaml"))


HEART = "cohorts:\n  heart: {source: {kind: nifti, folder: x, classes: {myocardium: [2], left_ventricle: [3]}}}\n"


FURTHER = sorted((ROOT / "experiments").glob("*/*.yaml"))


def errors(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        load(read_config([ROOT / "config.yaml", file]), [ROOT / "config.yaml", file])
    return str(error.value).splitlines()


def test_the_default_experiment_is_valid():
    experiment = load(read_config([ROOT / "config.yaml"]))
    assert experiment.study == "demo"
    assert experiment.labels == [1, 2, 4, 8] and experiment.draws >= 2


@pytest.mark.parametrize("overlay", FURTHER, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_further_study_of_a_cohort_is_valid_over_the_cohorts_own(overlay):
    files = [ROOT / "config.yaml", overlay.parent.with_suffix(".yaml"), overlay]
    assert load(read_config(files)).study == f"{overlay.parent.name}_{overlay.stem}"


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_every_experiment_is_valid_and_has_a_study_of_its_own(overlay):
    experiment = load(read_config([ROOT / "config.yaml", overlay]))
    assert experiment.study != "demo"


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda path: path.parent.name)
def test_the_experiment_of_every_published_study_stays_valid(file):
    assert load(read_config([file]), [file]).study == file.parent.name


def test_the_committed_schema_is_that_of_the_model():
    assert (ROOT / "workflow/schemas/experiment.schema.json").read_text() == schema()


@pytest.mark.parametrize("overlay", [None, *OVERLAYS], ids=str)
def test_the_schema_accepts_what_the_model_accepts(overlay):
    merged = read_config([ROOT / "config.yaml", *([overlay] if overlay else [])])
    merged["cohorts"] = {name: cohort for name, cohort in merged["cohorts"].items() if cohort}
    merged["methods"] = {name: method for name, method in merged["methods"].items() if method}
    Draft202012Validator(yaml.safe_load(schema())).validate(merged)


def test_every_key_of_the_schema_of_cohorts_methods_and_training_is_described_or_named_plainly():
    definitions = yaml.safe_load(schema())["$defs"]
    bare = [
        f"{name}.{key}"
        for name, entry in definitions.items()
        for key, value in entry.get("properties", {}).items()
        if not value.get("description")
    ]
    plain = {
        "kind",
        "pretext",
        "source",
        "grid",
        "training",
        "global_stage",
        "steps",
        "temperature",
        "level",
        "resamples",
        "seed",
        *Figures.model_fields,
    }
    assert {key.rsplit(".", 1)[1] for key in bare} <= plain | {
        "width_in",
        "panel_width_in",
        "panel_height_in",
        "dpi",
        "batch",
        "augmentation",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("draws: 2\nlabels: [1]\ndraws: 3", "mine.yaml:3: draws: set here and in line 1"),
        ("labls: [1]", "mine.yaml:1: labls: unknown key; did you mean 'labels'?; accepted here: study,"),
        (
            "methods:\n  scratch:\n    finetuning: {step: 3}",
            "mine.yaml:3: methods.scratch.finetuning.step: unknown key; did you mean 'steps'?",
        ),
        (
            "cohorts:\n  liver_phantom:\n    source:\n      anatmy: pelvis",
            "mine.yaml:4: cohorts.liver_phantom.source.anatmy: unknown key; did you mean 'anatomy'?",
        ),
        ("cohorts:\n  new:\n    source: {kind: nift, folder: x}", "mine.yaml:3: cohorts.new.source"),
        ("methods:\n  new: {pretext: regresion}", "mine.yaml:2: methods.new"),
        ("methods:\n  New: {pretext: none}", "mine.yaml:2: methods.New"),
        ("network: {widths: [8, 16, 30]}", "network.widths.2: input should be a multiple of 4 (got 30)"),
        ("draws: 0", "mine.yaml:1: draws: input should be greater than or equal to 1 (got 0)"),
        ("labels: [1, 1]", "labels: each"),
        ("labels: [some]", "mine.yaml:1: labels.0"),
        ("study: ../x", "mine.yaml:1: study"),
        (f"study: {'a' * 41}", "mine.yaml:1: study: input should be text of at most 40 characters (got"),
        ("labels: []", "mine.yaml:1: labels: input should be a list of at least 1 entry"),
        ("cohorts:\n  liver_phantom: {title: ''}", "title: input should be text in one line (got"),
        ("study: published", "mine.yaml:1: study: results/published/ is reserved"),
        ("finetuning: {augmentation: standrd}", "unknown augmentation 'standrd'; did you mean 'standard'?"),
        ("control: scrach", "unknown method 'scrach'; did you mean 'scratch'?"),
        ("benchmark: upper", "unknown method 'upper'"),
        ("scores: [dice]", "every study has 'dice'; to fix: leave it out"),
        ("scores: [nsd]", "unknown score 'nsd'"),
        ("evaluation: {largest_component: [liver]}", "'liver', but no cohort has `classes`; accepted: true or false"),
        (
            "cohorts:\n  d:\n    source: {kind: nifti, folder: x, classes: {liver: [1], spleen: [2]}}\n"
            "evaluation: {largest_component: [liver, splen]}",
            "mine.yaml:4: evaluation.largest_component: unknown class 'splen'; did you mean 'spleen'?; accepted: liver",
        ),
        (
            "cohorts:\n  prostate_phantom: {flip: []}\nevaluation: {mirror: true}",
            "mine.yaml:3: evaluation.mirror: no cohort has mirror axes; to fix: set `flip` of a cohort",
        ),
        ("evaluation: {smallest_ml: -1}", "mine.yaml:1: evaluation.smallest_ml: input should be greater than or"),
        ("figures: {method_diagram: {methods: [regresion]}}", "unknown method 'regresion'; did you mean 'regression'?"),
        ("figures: {method_diagram: {methods: [scratch, scratch]}}", "each entry once"),
        ("figures: {label_curves: {classes: liver}}", "unknown class 'liver'; accepted: mean, each"),
        (
            f"{HEART}figures:\n  differences: {{classes: myocardum}}",
            "mine.yaml:4: figures.differences.classes: unknown class 'myocardum'; did you mean 'myocardium'?; "
            "accepted: mean, each, myocardium, left_ventricle",
        ),
        (HEART.replace("left_ventricle", "each"), "'each' names the mean and each class; accepted: another name"),
        (
            "cohorts:\n  liver_phantom:\n    grid: {matrix: [60, 64]}",
            "mine.yaml:3: cohorts.liver_phantom.grid.matrix: 60 cannot be halved 3 times",
        ),
        (
            "methods:\n  contrastive:\n    local_stage: {decoder_stages: 4}",
            "4 decoder stages, but network.widths gives 3; accepted: 1 to 3",
        ),
        ("methods:\n  contrastive:\n    local_stage: {augmentation: views}", "'views' sets flip, crop_min"),
        ("methods:\n  contrastive:\n    local_stage: {region_size: 30}", "do not fit 64 x 64"),
        ("methods:\n  contrastive:\n    global_stage: {batch: 13}", "batch 13 is no multiple of partitions 4"),
        ("cohorts:\n  d:\n    source: {kind: decathlon, url: 'https://x/y.tar'}", "`url` needs `md5`"),
    ],
)
def test_errors_name_the_file_the_line_the_key_and_what_is_accepted(tmp_path, text, message):
    assert any(message in line for line in errors(tmp_path, text)), errors(tmp_path, text)


@pytest.mark.parametrize("values", ["[0]", "[x]", "[1.5]", "[]"])
def test_a_wrong_value_of_a_class_is_told_once(tmp_path, values):
    (found,) = [line for line in errors(tmp_path, HEART.replace("[2]", values)) if "heart.source" in line]
    assert "mine.yaml:2: cohorts.heart.source.classes.myocardium" in found


@pytest.mark.parametrize("classes", ["mean", "each", "myocardium"])
def test_every_figure_of_scores_shows_the_mean_one_class_or_each(tmp_path, classes):
    names = ("label_curves", "label_efficiency", "paired_subjects", "differences")
    file = tmp_path / "mine.yaml"
    file.write_text(f"{HEART}figures: {{{', '.join(f'{name}: {{classes: {classes}}}' for name in names)}}}")
    figures = load(read_config([ROOT / "config.yaml", file])).figures
    assert all(getattr(figures, name).classes == classes for name in names)
    recorded = figures.model_dump(mode="json")
    assert all(("classes" in recorded[name]) == (classes != "mean") for name in names)


def test_what_the_command_line_sets_is_not_blamed_on_a_file():
    merged = {**read_config([ROOT / "config.yaml"]), "draws": "x", "lables": 3}
    with pytest.raises(InputError) as error:
        load(merged, [ROOT / "config.yaml"])
    assert [line.partition(": ")[0] for line in str(error.value).splitlines()] == ["--config", "--config"]


def test_all_errors_are_told_at_once(tmp_path):
    assert len(errors(tmp_path, "labls: [1]\ndraws: 0\nseeds: 3")) == 3


def test_an_overlay_drops_a_cohort_or_method_by_null():
    experiment = load(config(methods={"scratch": {"pretext": "none"}, "other": None}))
    assert list(experiment.methods) == ["scratch"]


def test_methods_stand_in_the_order_in_which_the_files_first_name_them(tmp_path):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("methods:\n  extra: {pretext: none}\n  regression: {corrupted: 0.5}\n")
    as_snakemake_merges = {**read_config([overlay])["methods"], **read_config([ROOT / "config.yaml"])["methods"]}
    merged = {**read_config([ROOT / "config.yaml"]), "methods": as_snakemake_merges}
    experiment = load(merged, [ROOT / "config.yaml", overlay])
    assert list(experiment.methods) == ["scratch", "regression", "contrastive", "supervised", "extra"]


def test_a_file_that_is_no_mapping_or_no_yaml_is_refused(tmp_path):
    for text, message in (("- a", "contains no settings"), ("a: [", "not YAML")):
        file = tmp_path / "mine.yaml"
        file.write_text(text)
        with pytest.raises(InputError, match=message):
            read_config([file])
    with pytest.raises(InputError, match="no such experiment file"):
        read_config([tmp_path / "gone.yaml"])


def test_redraw_is_asked_for_on_the_command_line_and_never_recorded(tmp_path):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("redraw: true\n")
    with pytest.raises(InputError, match=r"mine.yaml:1: redraw: .* accepted: on the command line alone"):
        load_files([ROOT / "config.yaml", overlay])
    asked = load({**read_config([ROOT / "config.yaml"]), "redraw": True}, [ROOT / "config.yaml"])
    assert asked.redraw and "redraw" not in asked.model_dump(mode="json")
