import numpy as np
import pandas as pd
import pytest

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.scores import COLUMNS, collect, fold_of_subject, read_scores, select
from fewlabel.reporting.statistics.summary import summarise
from fewlabel.utils.errors import InputError


def written(frame, path):
    frame.to_csv(path, index=False)
    return path


def test_a_table_is_read_as_it_was_written(scores, tmp_path):
    pd.testing.assert_frame_equal(read_scores(written(scores, tmp_path / "scores.csv")), scores)


def test_subjects_stay_text_and_undefined_distances_become_nan(scores, tmp_path):
    names = ["007", "NA", "nan", *scores["subject"].iloc[3:]]
    frame = scores.assign(subject=names, hd95_mm=np.nan)
    read = read_scores(written(frame, tmp_path / "scores.csv"))
    assert read["subject"].tolist()[:3] == ["007", "NA", "nan"]
    assert read["hd95_mm"].isna().all()
    assert read.dtypes[["n", "draw"]].tolist() == [np.dtype("int64")] * 2


def test_further_columns_are_dropped(scores, tmp_path):
    assert tuple(read_scores(written(scores.assign(scanner=1), tmp_path / "scores.csv")).columns) == COLUMNS


def test_missing_columns_are_named_with_the_file(scores, tmp_path):
    with pytest.raises(InputError, match=r"scores\.csv: no column subject, dice; found: cohort"):
        read_scores(written(scores.drop(columns=["dice", "subject", "truth_ml"]), tmp_path / "scores.csv"))


def test_an_older_table_with_fewer_scores_is_read_and_lacks_only_them(scores, tmp_path):
    read = read_scores(written(scores.drop(columns=["hd95_mm", "truth_ml"]), tmp_path / "scores.csv"))
    assert read[["hd95_mm", "truth_ml"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(
        read.drop(columns=["hd95_mm", "truth_ml"]), scores.drop(columns=["hd95_mm", "truth_ml"])
    )


@pytest.mark.parametrize("text", ["", "\n\n", '"a,b\n"c', "\x00\x01"])
def test_what_is_no_table_is_refused(text, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"scores\.csv"):
        read_scores(path)


def test_an_empty_table_is_refused(scores, tmp_path):
    with pytest.raises(InputError, match="no rows"):
        read_scores(written(scores.head(0), tmp_path / "scores.csv"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv: no such file"):
        read_scores(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("column", "bad"),
    [("dice", "1.2"), ("dice", ""), ("dice", "high"), ("n", "1.5"), ("n", "all"), ("draw", "0"), ("hd95_mm", "-1"),
     ("assd_mm", "inf"), ("truth_ml", ""), ("subject", ""), ("n", "")],
)  # fmt: skip
def test_a_bad_value_is_named_with_its_column(column, bad, scores, tmp_path):
    frame = scores.astype(str)
    frame.loc[4, column] = bad
    with pytest.raises(InputError, match=rf"(?s)scores\.csv.*{column}: .*1 "):
        read_scores(written(frame, tmp_path / "scores.csv"))


def test_all_bad_columns_are_named_at_once(scores, tmp_path):
    with pytest.raises(InputError, match=r"(?s)draw: .*dice: "):
        read_scores(written(scores.assign(dice=2.0, draw=-1), tmp_path / "scores.csv"))


def test_a_repeated_row_is_refused(scores, tmp_path):
    with pytest.raises(InputError, match="1 rows are repeated, such as cohort liver, method scratch"):
        read_scores(written(pd.concat([scores, scores.head(1)]), tmp_path / "scores.csv"))


def test_collected_tables_do_not_depend_on_the_order_of_files(scores, tmp_path):
    runs = scores.groupby(["cohort", "method", "n", "draw"])
    paths = [written(run, tmp_path / f"run{index}.csv") for index, (_, run) in enumerate(runs)]
    first, second = collect(paths), collect(paths[::-1])
    pd.testing.assert_frame_equal(first, second)
    assert len(first) == len(scores)
    assert first.index.tolist() == list(range(len(scores)))


def test_all_missing_runs_are_named_at_once(scores, tmp_path):
    there = written(scores, tmp_path / "there.csv")
    with pytest.raises(InputError, match=r"(?s)one\.csv.*two\.csv"):
        collect([tmp_path / "one.csv", there, tmp_path / "two.csv"])


def test_nothing_to_collect_is_refused():
    with pytest.raises(InputError, match="no runs"):
        collect([])


def test_of_two_runs_of_one_name_the_first_counts(scores, tmp_path):
    one, other = written(scores, tmp_path / "one.csv"), written(scores.assign(dice=0.5), tmp_path / "other.csv")
    pd.testing.assert_frame_equal(collect([one, other]), collect([one]))


def test_selection_names_what_is_absent_and_what_is_there(scores, settings):
    titles, runs = settings().titles, settings().runs
    with pytest.raises(
        InputError, match=r"(?s)no cohort prostate; found: liver.*no method scratch; found: contrastive"
    ):
        select(scores[(scores["cohort"] == "liver") & (scores["method"] != "scratch")], titles, runs)
    with pytest.raises(InputError, match="no method regression on cohort liver"):
        select(scores[(scores["cohort"] != "liver") | (scores["method"] != "regression")], titles, runs)


def test_selection_leaves_out_what_has_no_title(table, settings, methods):
    fewer = {name: methods[name] for name in ("scratch", "supervised")}
    assert set(select(table(), settings(methods=fewer).titles, settings().runs)["method"]) == set(fewer)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("method == 'contrastive' and n == 8 and draw == 2", "liver, contrastive, N = 8, draw 2: no scores"),
        ("draw == 3", "liver, scratch, N = 1, draw 3: no scores"),
        ("method == 'scratch' and n == 1 and draw == 1 and subject == 's04'", "N = 1, draw 1: no score of s04"),
        ("n == 4", "liver, scratch, N = 4, draw 1: no scores"),
    ],
)
def test_nothing_is_shown_of_a_part_of_a_study(scores, settings, missing, message):
    scores = scores[scores["cohort"] == "liver"]
    part = scores.drop(scores.query(missing).index)
    whole = settings(cohorts={"liver": settings().titles.cohorts["liver"]})
    with pytest.raises(InputError, match="the study is incomplete") as refusal:
        select(part, whole.titles, whole.runs)
    assert message in str(refusal.value)
    assert len(select(scores, whole.titles, whole.runs)) == len(scores)


# -------------------------------------------------------------------------------------------------------- folds
def in_folds(scores, folder, pools=(5, 6, 5), draws=2):
    """Tables of a cohort whose six subjects are tested in three folds, scratch with N = 1 and with all labels."""
    rows = scores[(scores["cohort"] == "liver") & (scores["method"] == "scratch") & (scores["n"] == 1)]
    paths = []
    for fold, pool in enumerate(pools, 1):
        for labels, n in (("1", 1), ("all", pool)):
            for draw in range(1, draws + 1):
                own = rows[(rows["draw"] == draw) & rows["subject"].isin([f"s{fold - 1:02d}", f"s{fold + 2:02d}"])]
                path = folder / f"liver-fold{fold}/finetuned/scratch/n{labels}/draw{draw}/scores.csv"
                path.parent.mkdir(parents=True)
                paths.append(written(own.assign(n=n, fold=fold), path))
    return paths


def test_folds_become_one_cohort_in_which_every_draw_tests_every_subject_once(scores, tmp_path):
    joined = collect(in_folds(scores, tmp_path))
    assert set(joined["n"]) == {1, 6}
    for _, run in joined.groupby(["n", "draw"]):
        assert run["subject"].tolist() == [f"s{number:02d}" for number in range(6)]
        assert run["fold"].tolist() == [1, 2, 3, 1, 2, 3]
    one = joined[joined["n"] == 1].drop(columns="fold").reset_index(drop=True)
    whole = scores[(scores["cohort"] == "liver") & (scores["method"] == "scratch") & (scores["n"] == 1)]
    pd.testing.assert_frame_equal(one, whole[whole["draw"] <= 2].reset_index(drop=True))


def test_the_statistics_of_joined_folds_are_those_of_a_cohort_without_any(scores, tmp_path):
    joined = collect(in_folds(scores, tmp_path))
    whole = scores[(scores["cohort"] == "liver") & (scores["method"] == "scratch") & (scores["n"] == 1)]
    ours = summarise(joined[joined["n"] == 1], Intervals(resamples=200))
    assert ours == summarise(whole[whole["draw"] <= 2], Intervals(resamples=200))
    assert (ours.draws, ours.subjects) == (2, 6)


def test_beside_folds_other_cohorts_have_an_empty_one_and_are_read_as_they_were_written(scores, tmp_path):
    other = tmp_path / "prostate/finetuned/scratch/n1/draw1/scores.csv"
    other.parent.mkdir(parents=True)
    written(scores[(scores["cohort"] == "prostate") & (scores["n"] == 1) & (scores["draw"] == 1)], other)
    joined = collect([*in_folds(scores, tmp_path), other])
    assert joined.loc[joined["cohort"] == "prostate", "fold"].isna().all()
    assert fold_of_subject(joined[joined["cohort"] == "liver"], "s04") == 2
    assert fold_of_subject(joined[joined["cohort"] == "prostate"], "s04") is None
    pd.testing.assert_frame_equal(read_scores(written(joined, tmp_path / "scores.csv")), joined)


def test_a_fold_that_is_none_is_named(scores, tmp_path):
    path = written(scores.assign(fold=[0, "x", *[""] * (len(scores) - 2)]), tmp_path / "scores.csv")
    with pytest.raises(InputError, match="fold: 2 bad values such as '0'; accepted: whole numbers from 1, or empty"):
        read_scores(path)
