"""Histories of all trainings in one table, and their figure: rows say what they said, lines are running means."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import LearningCurves
from fewlabel.config.jobs.figures.learning_curves import LearningSettings, learning_settings
from fewlabel.config.jobs.histories import histories_settings, study_trainings, trainings
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, Titles
from fewlabel.config.study_layout import Run
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.learning_curves import learning_curves, mean_of_draws, smoothed
from fewlabel.reporting.publishing.publish import publish
from fewlabel.reporting.results.folder import read_experiment
from fewlabel.reporting.results.histories import join_histories, read_histories, thin
from fewlabel.utils.errors import InputError


def history(steps, loss, stage="finetune"):
    return pd.DataFrame({"stage": stage, "step": steps, "loss": loss, "learning_rate": 0.001})


def write(folder, runs):
    for run, table in runs.items():
        (folder / run).mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / run / "history.csv", index=False)


# ----------------------------------------------------------------------------------------------------------- table
def test_histories_are_joined_digit_for_digit_in_whatever_order_runs_are_named(tmp_path):
    write(tmp_path, {"c/pretrained/m": history([1, 2], [0.5, 0.25], "training").assign(spread=[0.125, 0.5])})
    (tmp_path / "c/finetuned/m/n1/draw1").mkdir(parents=True)
    (tmp_path / "c/finetuned/m/n1/draw1/history.csv").write_text(
        "stage,step,loss,learning_rate\nfinetune,1,0.10,1e-3\n"
    )
    runs = [Run("c", "m"), Run("c", "m", 1, 1), Run("c", "m", 1, 2)]
    text = join_histories(tmp_path, runs).to_csv(index=False)
    assert text == (
        "run,stage,step,loss,learning_rate,spread\n"
        "c/finetuned/m/n1/draw1,finetune,1,0.10,1e-3,\n"
        "c/pretrained/m,training,1,0.5,0.001,0.125\n"
        "c/pretrained/m,training,2,0.25,0.001,0.5\n"
    )
    assert join_histories(tmp_path, reversed(runs)).to_csv(index=False) == text
    assert join_histories(tmp_path, []).empty


def test_a_row_of_several_has_their_mean_over_steps_and_ends_where_the_last_of_them_ends():
    table = history([2, 4, 10, 12, 13], [1.0, 3.0, 2.0, 5.0, 0.5]).assign(run="c/pretrained/m").astype(str)
    found = thin(table, 2)
    assert found["step"].tolist() == ["4", "12", "13"]
    # (2 x 1 + 2 x 3) / 4, (6 x 2 + 2 x 5) / 8, and what is left alone.
    assert found["loss"].astype(float).tolist() == pytest.approx([2.0, 22 / 8, 0.5])
    assert thin(table, 1) is table


def test_thinning_keeps_the_mean_over_all_steps_and_stages_apart():
    random = np.random.default_rng(0)
    parts = [
        history(np.arange(1, 31) * 3, random.random(30), stage).assign(run=run)
        for run in ("c/pretrained/a", "c/pretrained/b")
        for stage in ("global_stage", "local_stage")
    ]
    table = pd.concat(parts, ignore_index=True).astype(str)
    found = thin(table, 7)
    assert len(found) == 4 * 5
    for (_, stage), rows in found.groupby(["run", "stage"]):
        steps = np.diff(rows["step"].astype(int), prepend=0)
        whole = table[(table["run"] == rows["run"].iloc[0]) & (table["stage"] == stage)]["loss"].astype(float).mean()
        assert np.average(rows["loss"].astype(float), weights=steps) == pytest.approx(whole, abs=1e-5)


def test_a_table_is_read_with_what_each_run_is(tmp_path):
    runs = {
        Run("c", "m"): history([1], [0.5], "training"),
        Run("c", "m", "all", 2): history([4], [0.2]),
        Run("d-fold2", "m", 1, 1): history([3], [0.1]),
    }
    write(tmp_path, runs)
    join_histories(tmp_path, runs).to_csv(tmp_path / "history.csv", index=False)
    found = read_histories(tmp_path / "history.csv")
    columns = ["cohort", "fold", "method", "labels", "draw", "stage", "step", "loss"]
    assert list(found.columns) == columns
    assert list(found.itertuples(index=False, name=None)) == [
        ("c", 0, "m", "all", 2, "finetune", 4, 0.2),
        ("c", 0, "m", "", 0, "training", 1, 0.5),
        ("d", 2, "m", "1", 1, "finetune", 3, 0.1),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("", "not a CSV table"),
        ("run,stage,step\nc/pretrained/m,training,1\n", "no column loss; found: run, stage, step"),
        ("run,stage,step,loss\n../x,training,1,0.5\n", "'../x' is no training's folder"),
        ("run,stage,step,loss\nc/pretrained/m,training,x,0.5\n", "step 'x'; accepted: whole numbers from 1"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "history.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_histories(tmp_path / "history.csv")


def test_a_study_and_what_is_published_of_it_have_one_table(study, tmp_path):
    folder = study(tmp_path / "results/mine")
    settings = histories_settings(read_experiment(folder))
    assert trainings(settings) == study_trainings(read_experiment(folder))
    publish(folder, tmp_path / "published/mine")
    ours = join_histories(folder, trainings(settings)).to_csv(index=False)
    assert (tmp_path / "published/mine/history.csv").read_text() == ours


def test_histories_that_are_too_large_are_published_in_fewer_rows(study, tmp_path, monkeypatch):
    folder = study(tmp_path / "results/mine")
    for run in study_trainings(read_experiment(folder)):
        write(folder, {run: history(np.arange(1, 101), np.full(100, 0.5))})
    monkeypatch.setattr("fewlabel.reporting.publishing.files.LARGEST_HISTORY", 15_000)
    assert publish(folder, tmp_path / "published/mine").histories
    found = read_histories(tmp_path / "published/mine/history.csv")
    assert (tmp_path / "published/mine/history.csv").stat().st_size <= 15_000
    assert found.groupby(["method", "labels", "draw"])["step"].max().eq(100).all() and found["loss"].eq(0.5).all()


# ---------------------------------------------------------------------------------------------------------- figure
METHODS = {
    "scratch": MethodTitle(title="Scratch", pretext="none", benchmark=False),
    "regression": MethodTitle(title="Regression", pretext="regression", benchmark=False),
    "contrastive": MethodTitle(title="Contrastive", pretext="contrastive", benchmark=False),
    "upper": MethodTitle(title="Benchmark", pretext="none", benchmark=True),
}


def settings(cohorts=("c", "d"), methods=METHODS, trainings=0, **figure):
    titles = {name: CohortTitle(title=f"Cohort {name}", stands_for=None) for name in cohorts}
    return LearningSettings(
        titles=Titles(cohorts=titles, methods=dict(methods)), trainings=trainings, figure=LearningCurves(**figure)
    )


def histories(cohorts=("c", "d"), counts=(1, 2), draws=2, methods=METHODS, folds=(0,)):
    random = np.random.default_rng(0)
    rows = []

    def add(cohort, fold, method, labels, draw, stage):
        loss = np.exp(-np.arange(20) / 8) + random.normal(0, 0.02, 20)
        about = {"cohort": cohort, "fold": fold, "method": method, "labels": labels, "draw": draw, "stage": stage}
        rows.append(pd.DataFrame({"step": np.arange(1, 21) * 5, "loss": loss}).assign(**about))

    for cohort, fold in itertools.product(cohorts, folds):
        for name, method in methods.items():
            stages = {"regression": ["training"], "contrastive": ["global_stage", "local_stage"]}.get(
                method.pretext, []
            )
            for stage in stages:
                add(cohort, fold, name, "", 0, stage)
            for n in ["all"] if method.benchmark else counts:
                for draw in range(1, draws + 1):
                    add(cohort, fold, name, str(n), draw, "finetune")
    return pd.concat(rows, ignore_index=True)


def panels(figure):
    return [axes for axes in figure.axes if axes.axison]


def lines(axes, label=None):
    found = axes.get_lines()
    return [line for line in found if line.get_label() == label] if label else found


def test_a_running_mean_is_centred_and_shorter_at_the_ends():
    loss = pd.Series([3.0, 0.0, 6.0, 3.0, 9.0])
    assert smoothed(loss, 0.6).tolist() == pytest.approx([1.5, 3, 3, 6, 6])
    assert smoothed(loss, 0).tolist() == loss.tolist()
    assert smoothed(pd.Series([1.0, np.nan, 3.0]), 1).tolist() == [1, 2, 3]


def test_draws_that_were_recorded_at_other_steps_are_averaged_where_the_first_was():
    one, other = history([2, 4], [1.0, 3.0]), history([1, 3, 5], [0.0, 2.0, 4.0])
    assert mean_of_draws([one, other])["loss"].tolist() == pytest.approx([(1 + 1) / 2, (3 + 3) / 2])


def test_each_cohort_and_stage_has_a_panel_with_the_methods_that_have_it():
    figure = learning_curves(histories(), settings())
    titles = [axes.get_title("left") for axes in panels(figure)]
    own = ["Regression", "Contrastive, global", "Contrastive, local", *(f"Finetuning, N = {n}" for n in (1, 2))]
    assert titles == [*own, "Finetuning, all labels"] * 2
    shown = [
        [line.get_label() for line in lines(axes) if not line.get_label().startswith("_")] for axes in panels(figure)
    ]
    few = ["Scratch", "Regression", "Contrastive"]
    assert shown[:6] == [["Regression"], ["Contrastive"], ["Contrastive"], few, few, ["Benchmark"]]
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts[:2] == ["Cohort c", "L1 loss"] and texts[7:9] == ["Cohort d", "L1 loss"]
    assert len({axes.get_ylim() for axes in panels(figure)[3:6]}) == 1


def test_lines_are_the_smoothed_losses_and_their_mean():
    table = histories()
    axes = panels(learning_curves(table, settings(smoothing=0.25)))[3]
    rows = table[(table["cohort"] == "c") & (table["method"] == "scratch") & (table["labels"] == "1")]
    draws = [smoothed(draw["loss"], 0.25).to_numpy() for _, draw in rows.groupby("draw")]
    faint = [line.get_ydata() for line in lines(axes)[:2]]
    assert np.allclose(faint, draws)
    (mean,) = lines(axes, "Scratch")
    assert mean.get_ydata() == pytest.approx(np.mean(draws, axis=0))
    assert to_hex(mean.get_color()) == style.GREY and mean.get_xdata()[-1] == 100


def words(figure):
    legend = [figure.legends[0].get_title().get_text(), *(text.get_text() for text in figure.legends[0].get_texts())]
    return " ".join(legend)


def test_it_says_how_lines_were_made_and_which_are_missing():
    table = histories(draws=1)
    text = words(learning_curves(table, settings(trainings=20)))
    assert text.startswith("Lines: running mean over 5 % of the steps; no history of 2 of 20 trainings.")
    assert "one draw" not in text
    text = words(learning_curves(histories(draws=1, folds=(1, 2)), settings(trainings=36)))
    assert text.startswith("Lines: running mean over 5 % of the steps, mean over test folds.")
    text = words(learning_curves(histories(folds=(1, 2)), settings()))
    assert "mean over test folds and draws." in text
    text = words(learning_curves(histories(), settings(smoothing=0)))
    assert "Lines: loss as recorded, mean over draws." in text and text.endswith("one draw")


def test_test_folds_are_lines_of_their_own_and_one_mean():
    table = histories(("c",), counts=(1,), draws=1, folds=(1, 2))
    axes = panels(learning_curves(table, settings(("c",), smoothing=0)))[3]
    rows = table[(table["method"] == "scratch") & (table["labels"] == "1")]
    losses = [fold["loss"].to_numpy() for _, fold in rows.groupby("fold")]
    assert np.allclose([line.get_ydata() for line in lines(axes)[:2]], losses)
    assert lines(axes, "Scratch")[0].get_ydata() == pytest.approx(np.mean(losses, axis=0))


@pytest.mark.parametrize("table", [None, histories().assign(method="gone")])
def test_without_histories_it_says_so(table):
    figure = learning_curves(table, settings())
    assert not figure.axes and "not drawn" in figure.texts[0].get_text()


@pytest.mark.parametrize(("cohorts", "counts", "number"), [(1, (1,), 1), (5, (1, 2, 4, 8, 16), 20)])
def test_small_and_large_studies_with_long_titles_stay_within_the_figure(cohorts, counts, number):
    names = [f"c{index}" for index in range(cohorts)]
    methods = {f"m{i}": MethodTitle(title=f"A $x_ {i}", pretext="regression", benchmark=False) for i in range(number)}
    asked = settings(names, methods)
    long = {name: CohortTitle(title="A cohort of a long name $x_ " * 6, stands_for=None) for name in names}
    asked = asked.model_copy(update={"titles": asked.titles.model_copy(update={"cohorts": long})})
    figure = learning_curves(histories(names, counts, 1, methods), asked)
    with style.applied():
        figure.draw_without_rendering()
    assert len(panels(figure)) == cohorts * (1 + len(counts))
    boxes = [axes.get_tightbbox() for axes in figure.axes if axes.axison]
    boxes += [axes.texts[0].get_window_extent() for axes in figure.axes if not axes.axison]
    for box in [*boxes, figure.legends[0].get_window_extent()]:
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1
    heights = {round(axes.get_position().height * figure.bbox.height) for axes in panels(figure)}
    assert max(heights) - min(heights) <= 1 and min(heights) > 50


def test_an_experiment_counts_its_trainings():
    source = {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}
    methods = {"scratch": {"pretext": "none"}, "regression": {"pretext": "regression"}}
    one = Experiment.model_validate({"cohorts": {"c": {"source": source}}, "methods": methods, "labels": [1, 2]})
    assert learning_settings(one).trainings == 1 + 2 * 2 * 2


@pytest.mark.parametrize(
    ("study", "regression", "named"),
    [("dice", {}, "Dice"), ("dice_cross_entropy", {}, "Dice + cross entropy"), ("dice_cross_entropy", "dice", "")],
)
def test_the_loss_of_finetunings_is_named_and_recorded_only_if_it_is_not_dice(study, regression, named):
    own = {"finetuning": {"loss": regression}} if regression else {}
    methods = {"scratch": {"pretext": "none"}, "regression": {"pretext": "regression", **own}}
    experiment = {
        "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}}},
        "methods": methods,
        "finetuning": {"loss": study},
    }
    found = learning_settings(Experiment.model_validate(experiment))
    assert found.loss == named and ("loss" in found.model_dump()) == (named != "Dice")
    drawn = learning_curves(histories(["c"]), settings(["c"]).model_copy(update={"loss": named}))
    (label,) = {axes.texts[0].get_text() for axes in panels(drawn)[3:]}
    assert label == f"{named} loss".strip()
