"""Studies of several classes: compared, published, joined, checked and described."""

import pandas as pd
import pytest

from fewlabel.config.experiment import Experiment
from fewlabel.reporting.publishing.compare import IDENTICAL, as_text, compare
from fewlabel.reporting.publishing.join import join
from fewlabel.reporting.publishing.model_card import chosen_run, model_card
from fewlabel.reporting.publishing.privacy import pseudonymise
from fewlabel.reporting.publishing.publish import publish
from fewlabel.reporting.results.folder import read_results
from fewlabel.reporting.results.verified import check_results
from fewlabel.utils.errors import InputError
from helpers.synthetic_results import EXPERIMENT

CLASSES = {"bone": [1, 4], "soft_cartilage": [2]}


def of(classes, **cohort):
    """Cohorts of a study with these classes."""
    source = {"kind": "nifti", "folder": "mine", **({"classes": classes} if classes else {})}
    return {"knee": {"source": source, "grid": {"matrix": [64, 64]}, "test": 4, **cohort}}


@pytest.fixture
def made(study, tmp_path):
    """A function that makes a study of these classes."""
    return lambda name, classes=CLASSES, **change: study(
        tmp_path / "results" / name, cohorts=of(classes), facts={"precision": "f32"}, **change
    )


def test_a_study_of_classes_is_identical_to_itself_and_differences_are_by_class(made):
    a, b = made("a"), made("b", shift=0.05)
    assert compare(a, a).verdict == IDENTICAL and "all 64 scores" in compare(a, a).sentence
    found = compare(a, b)
    assert found.cells["class"].unique().tolist() == ["mean", "bone", "soft_cartilage"]
    assert len(found.cells) == 3 * 4 and "4 of 4 intervals of B - A exclude 0" in found.sentence
    difference = found.cells.groupby("class")["difference"].mean()
    assert difference["bone"] == pytest.approx(0.05) and difference["mean"] == pytest.approx(0.05 * (1 + 6 / 7) / 2)
    assert "regression differs in every score" in found.sentence and "soft_cartilage" in as_text(found)


def test_one_named_class_is_paired_with_one_without_a_name(made):
    found = compare(made("plain", None), made("named", {"bone": [1]}))
    assert (found.verdict, found.exact) == (IDENTICAL, True) and set(found.cells["class"]) == {"bone"}
    assert not any(found.only.values())


def test_classes_of_one_study_alone_are_named(made):
    found = compare(made("a"), made("b", {"bone": [1], "muscle": [2]}))
    assert found.only == {"a": ["knee: class soft_cartilage"], "b": ["knee: class muscle"]}
    assert set(found.cells["class"]) == {"bone"} and not found.exact
    with pytest.raises(InputError, match=r"classes: A has bone, soft_cartilage; B has one class without a name"):
        compare(made("a"), made("c", None))


def test_studies_of_equal_classes_are_joined_and_others_refused(made, tmp_path):
    published = tmp_path / "published"
    for name, change in (("one", {"labels": [1]}), ("two", {"labels": [2]}), ("both", {"labels": [1, 2]})):
        publish(made(name, **change), published / name)
    join([published / "one", published / "two"], published / "joined")
    joined = read_results(published / "joined").scores
    whole = read_results(published / "both").scores
    pd.testing.assert_frame_equal(joined.iloc[:, :6], whole.iloc[:, :6])
    assert "a row for each run, test subject and class" in (published / "joined" / "README.md").read_text()
    publish(made("other", {"bone": [1, 4], "muscle": [2]}, labels=[2]), published / "other")
    with pytest.raises(InputError, match=r"(?s)cannot be joined.*cohorts.knee.source.classes"):
        join([published / "one", published / "other"], published / "none")


def test_scores_of_other_classes_than_the_experiments_are_refused(made):
    folder = made("a")
    run = folder / "knee/finetuned/scratch/n1/draw1/scores.csv"
    run.write_text(run.read_text().replace("soft_cartilage", "muscle"))
    experiment = Experiment.model_validate({**EXPERIMENT, "cohorts": of(CLASSES)})
    with pytest.raises(InputError, match=r"classes bone, muscle; accepted: those of the experiment, bone, soft_cart"):
        check_results(folder, experiment)
    plain = Experiment.model_validate({**EXPERIMENT, "cohorts": of(None)})
    with pytest.raises(InputError, match=r"accepted: those of the experiment, without a name"):
        check_results(folder, plain)


def test_codes_keep_the_order_of_classes_and_replace_named_draws(made, study, tmp_path):
    coded = pseudonymise(read_results(made("a")))
    assert coded.scores["class"].tolist()[:4] == ["bone", "soft_cartilage"] * 2
    draws = {"subjects": [["ann"], ["007", "bob"]], "patients": [["patient of ann"]]}
    for count, named in draws.items():
        cohorts = of(None, count=count, draws=named)
        experiment = pseudonymise(read_results(study(tmp_path / count, cohorts=cohorts))).experiment
        coded = experiment["cohorts"]["knee"]["draws"]
        assert [len(draw) for draw in coded] == [len(draw) for draw in named]
        assert all(code[0] == count[0] and code[1:].isdigit() for draw in coded for code in draw)


def test_codes_replace_subjects_without_a_target(study, tmp_path):
    cohorts = of(None)
    cohorts["knee"]["source"]["without_target"] = ["ann", "zoe"]
    experiment = pseudonymise(read_results(study(tmp_path / "mine", cohorts=cohorts))).experiment
    assert experiment["cohorts"]["knee"]["source"]["without_target"] == ["s003", "s007"]


def test_a_card_has_classes_channels_loss_and_post_processing(study, tmp_path):
    cohorts = of(CLASSES)
    cohorts["knee"]["source"]["channels"] = {"t2w": 0, "adc": 1}
    folder = study(
        tmp_path / "mine",
        cohorts=cohorts,
        network={"widths": [4, 8], "context": 3},
        finetuning={"loss": "dice_cross_entropy"},
        evaluation={"largest_component": True},
    )
    results = read_results(folder)
    text = model_card(results, chosen_run(results, "knee/regression/2/1"))
    for line in (
        "| classes (label values) | bone (1 + 4), soft cartilage (2) |",
        "| channels | t2w, adc |",
        "6 channels in, 3 out (softmax over background and classes)",
        "| network's input | 3 neighbouring slices as channels |",
        "loss Dice + cross entropy, last weights",
        "| post-processing | largest connected component of each class |",
        "a label map with the values of the classes above",
        "Mean of the classes: for each subject",
    ):
        assert line in text, line
    own = results.scores[(results.scores["method"] == "regression") & (results.scores["n"] == 2)]
    own = own[own["draw"] == 1]
    for name, title in (("bone", "bone"), ("soft_cartilage", "soft cartilage")):
        assert f"| this network, {title} | 1 | 4 | {own.loc[own['class'] == name, 'dice'].mean():.3f} |" in text
    assert f"| this network, mean of the classes | 1 | 4 | {own['dice'].mean():.3f} |" in text
