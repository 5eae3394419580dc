from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from snakemake.io import contains_wildcard

from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Figures
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import SplitSettings, draw_settings, fetch_settings, prepare_settings, split_settings
from fewlabel.config.jobs.figures.label_curves import curves_settings
from fewlabel.config.jobs.grid import collect_settings, finetunings, parts, split_parts
from fewlabel.config.jobs.titles import CohortTitle, titles
from fewlabel.config.jobs.training import (
    evaluate_settings,
    finetune_settings,
    finetuning,
    pretrain_settings,
    pretrained_as,
    pretrainings,
)
from fewlabel.config.loading.load import load, load_files, schema
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.config.study_layout import Run
from fewlabel.utils.errors import InputError

ROOT = Path(__file__).parents[3]
OVERLAYS = sorted((ROOT / "experiments").glob("*.yaml"))
PUBLISHED = sorted((ROOT / "results/published").glob("*/experiment.yaml"))
FURTHER = sorted((ROOT / "experiments").glob("*/*.yaml"))


def config(**changes):
    return {
        "cohorts": {
            "a": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 9}, "grid": {"matrix": [64, 64]}}
        },
        "methods": {"scratch": {"pretext": "none"}},
        **changes,
    }


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
        ("study: published", "mine.yaml:1: study: results/published/ is kept"),
        ("finetuning: {augmentation: standrd}", "unknown augmentation 'standrd'; did you mean 'standard'?"),
        ("control: scrach", "unknown method 'scrach'; did you mean 'scratch'?"),
        ("benchmark: upper", "unknown method 'upper'"),
        ("scores: [dice]", "every study has 'dice'; to fix: leave it out"),
        ("scores: [nsd]", "unknown score 'nsd'"),
        ("figures: {method_diagram: {methods: [regresion]}}", "unknown method 'regresion'; did you mean 'regression'?"),
        ("figures: {method_diagram: {methods: [scratch, scratch]}}", "each entry once"),
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


# ----------------------------------------------------------------------------------------- settings of jobs
def experiment(**changes):
    methods = {
        "scratch": {"pretext": "none"},
        "regression": {"pretext": "regression"},
        "contrastive": {"pretext": "contrastive"},
        "supervised": {"pretext": "none", "labels": ["all"], "finetuning": {"augmentation": "extensive", "steps": 7}},
    }
    return Experiment.model_validate(config(**{"methods": methods, **changes}))


def test_settings_of_a_job_come_back_from_their_text():
    made = [
        fetch_settings(experiment(), "a", ""),
        prepare_settings(experiment(), "a"),
        pretrain_settings(experiment(), "a", "regression"),
        pretrain_settings(experiment(), "a", "contrastive"),
        finetune_settings(experiment(), "a", "supervised", "all", 2),
        curves_settings(experiment()),
    ]
    for settings in made:
        text = canonical(settings)
        assert "\n" not in text
        assert canonical(type(settings).model_validate_json(text)) == text


@pytest.mark.parametrize("title", ["{x}", '"{x}" {', "\\\\{x,.*}", "}\\n{x}"])
def test_braces_of_a_text_are_no_wildcards_and_come_back(title):
    settings = CohortTitle(title=title, stands_for=None)
    text = canonical(settings)
    assert not contains_wildcard(text)
    assert CohortTitle.model_validate_json(text).title == title


def test_a_method_changes_only_what_it_names():
    assert finetuning(experiment(), "supervised").steps == 7
    assert finetuning(experiment(), "supervised").batch == experiment().finetuning.batch
    assert finetuning(experiment(), "scratch") == experiment().finetuning


def test_the_same_draw_of_two_methods_has_the_same_settings():
    first, second = (finetune_settings(experiment(), "a", method, 4, 1) for method in ("scratch", "regression"))
    assert canonical(first) == canonical(second)


@pytest.mark.parametrize(
    "change",
    [{"labels": [1, 16]}, {"draws": 9}, {"figures": {"label_curves": {"dpi": 99}}}, {"intervals": {"level": 0.9}}],
)
def test_a_jobs_settings_do_not_hold_what_it_does_not_depend_on(change):
    before, after = experiment(), experiment(**change)
    for make in (
        lambda e: pretrain_settings(e, "a", "contrastive"),
        lambda e: finetune_settings(e, "a", "regression", 1, 1),
        lambda e: draw_settings(e, "a", 1),
        lambda e: prepare_settings(e, "a"),
    ):
        assert canonical(make(before)) == canonical(make(after))


def test_a_methods_finetuning_does_not_change_its_pretraining():
    changed = config(
        methods={"regression": {"pretext": "regression", "finetuning": {"steps": 3}, "labels": [1], "title": "R"}}
    )
    assert pretrain_settings(Experiment.model_validate(changed), "a", "regression") == pretrain_settings(
        experiment(), "a", "regression"
    )


def test_methods_that_differ_after_pretraining_alone_share_it():
    regression = {"pretext": "regression", "training": {"steps": 9, "augmentation": "geometry"}}
    shared = experiment(
        methods={
            "scratch": {"pretext": "none"},
            "regression": regression,
            "slower": {**regression, "finetuning": {"learning_rate": 1e-4}, "labels": [2], "title": "Slower"},
            "blocks": {**regression, "block": 4},
            "encoder": {**regression, "transfer": "encoder"},
            "later": {**regression, "block": 4, "finetuning": {"steps": 3}},
        }
    )
    starts = {name: pretrained_as(shared, name) for name in shared.methods}
    assert starts["scratch"] is None
    assert (starts["regression"], starts["slower"]) == ("regression", "regression")
    assert (starts["blocks"], starts["later"], starts["encoder"]) == ("blocks", "blocks", "encoder")
    assert pretrainings(shared) == ["regression", "blocks", "encoder"]


def test_the_benchmark_is_the_method_without_pretext_that_has_all_labels_alone():
    methods = titles(experiment()).methods
    assert {name: method.benchmark for name, method in methods.items()} == {
        "scratch": False,
        "regression": False,
        "contrastive": False,
        "supervised": True,
    }


def test_a_title_tells_that_the_pool_is_scored():
    cohort = {"source": {"kind": "nifti", "folder": "c"}, "title": "Knee"}
    inner = Experiment.model_validate(
        {"cohorts": {"a": cohort, "b": {**cohort, "validation": 3}}, "methods": {"scratch": {"pretext": "none"}}}
    )
    found = {name: cohort.title for name, cohort in titles(inner).cohorts.items()}
    assert found == {"a": "Knee", "b": "Knee, scored on the pool"}


def test_runs_are_the_whole_grid():
    runs = list(finetunings(collect_settings(experiment(labels=[1, 4], draws=3))))
    assert len(runs) == len(set(runs)) == 3 * 2 * 3 + 3
    assert Run("a", "supervised", "all", 3) in runs


def alike(**change):
    other = {**config()["cohorts"]["a"], "split_as": "a", **change}
    return config(cohorts={"a": config()["cohorts"]["a"], "b": other})


def test_cohorts_of_the_same_people_are_split_and_drawn_alike():
    experiment = Experiment.model_validate(alike())
    for settings in (split_settings, lambda e, c: draw_settings(e, c, 2)):
        assert settings(experiment, "a") == settings(experiment, "b")
    apart = Experiment.model_validate(alike(split_as=None))
    assert split_settings(apart, "a") != split_settings(apart, "b")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"split_as": "c"}, "cohorts.b.split_as: 'c' is no other cohort with a split of its own; accepted: a"),
        ({"split_as": "b"}, "accepted: a"),
        ({"test": 3}, "cohorts.b.split_as: `test`, `folds` and `validation` must be those of a"),
    ],
)
def test_a_split_alike_that_cannot_be_is_refused(change, expected):
    with pytest.raises(InputError) as caught:
        load(alike(**change))
    assert expected in str(caught.value)


# -------------------------------------------------------------------------------------------------------- folds
def with_folds(**cohort):
    made = config()
    made["cohorts"]["a"].update(cohort)
    return made


def test_a_cohort_in_folds_stays_one_and_its_parts_have_settings_of_their_own():
    experiment = Experiment.model_validate(with_folds(folds=3, test=None))
    assert parts(experiment) == ["a-fold1", "a-fold2", "a-fold3"]
    assert split_parts(experiment) == ["a", "a-fold1", "a-fold2", "a-fold3"]
    split = split_settings(experiment, "a-fold2")
    assert (split.cohort, split.folds, split.fold) == ("a", 3, 2)
    assert SplitSettings.model_validate_json(canonical(split)) == split
    scored = evaluate_settings(experiment, "a-fold2", "scratch", 1)
    assert (scored.cohort, scored.fold) == ("a", 2)
    draws = {draw_settings(experiment, part, 1).cohort for part in parts(experiment)}
    assert draws == {"a-fold1", "a-fold2", "a-fold3"}
    assert len(list(finetunings(collect_settings(experiment)))) == 3 * 4 * 2
    # As it is written down, so it reads back.
    assert load(experiment.model_dump(mode="json")) == experiment


def test_cohorts_of_the_same_people_are_cut_into_the_same_folds():
    made = alike(folds=2)
    made["cohorts"]["a"] = {**made["cohorts"]["a"], "folds": 2}
    experiment = Experiment.model_validate(made)
    for settings in (split_settings, lambda e, c: draw_settings(e, c, 2)):
        assert settings(experiment, "a-fold2") == settings(experiment, "b-fold2")
    made["cohorts"]["a"]["folds"] = 3
    with pytest.raises(InputError, match="`folds` and `validation` must be those of a"):
        load(made)


def test_without_folds_no_job_is_told_of_them():
    made = Experiment.model_validate(config())
    told = [made, split_settings(made, "a"), evaluate_settings(made, "a", "scratch", 1)]
    told += [collect_settings(made), titles(made)]
    assert "fold" not in "".join(map(canonical, told))


@pytest.mark.parametrize(
    ("cohort", "message"),
    [
        ({"folds": 3, "test": 2}, "cohorts.a: .*folds 3 and test 2: .*drop one of the two"),
        ({"folds": 3, "test": ["a"]}, "folds 3 and test"),
        ({"folds": 3, "validation": 2}, "folds 3 and validation 2: .*use `test` with `validation`, or `folds` alone"),
        ({"folds": 1}, "cohorts.a.folds: .*greater than or equal to 2"),
    ],
)
def test_folds_that_make_no_sense_are_refused(cohort, message):
    with pytest.raises(InputError, match=message):
        load(with_folds(**cohort))


def test_redraw_is_asked_for_on_the_command_line_and_never_recorded(tmp_path):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("redraw: true\n")
    with pytest.raises(InputError, match=r"mine.yaml:1: redraw: .* accepted: on the command line alone"):
        load_files([ROOT / "config.yaml", overlay])
    asked = load({**read_config([ROOT / "config.yaml"]), "redraw": True}, [ROOT / "config.yaml"])
    assert asked.redraw and "redraw" not in asked.model_dump(mode="json")
