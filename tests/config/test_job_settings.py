"""Settings of jobs: each has exactly what its job depends on, and reads back from its text."""

import pytest
from snakemake.io import contains_wildcard

from fewlabel.config.experiment import Experiment
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
from fewlabel.config.loading.load import load
from fewlabel.config.study_layout import Run
from fewlabel.utils.errors import InputError
from helpers.experiments import config


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
        ({"test": 3}, "cohorts.b.split_as: `test`, `folds`, `validation`, `count` or `draws` differ from those of a"),
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
    with pytest.raises(InputError, match="`count` or `draws` differ from those of a"):
        load(made)


def test_without_folds_no_job_is_told_of_them():
    made = Experiment.model_validate(config())
    reported = [made, split_settings(made, "a"), evaluate_settings(made, "a", "scratch", 1)]
    reported += [collect_settings(made), titles(made)]
    assert "fold" not in "".join(map(canonical, reported))


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
