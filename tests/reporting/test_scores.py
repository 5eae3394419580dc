import numpy as np
import pandas as pd
import pytest

from fewlabel.errors import InputError
from fewlabel.reporting.scores import COLUMNS, collect, read_scores, select


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
    assert tuple(read_scores(written(scores.assign(fold=1), tmp_path / "scores.csv")).columns) == COLUMNS


def test_missing_columns_are_named_with_the_file(scores, tmp_path):
    with pytest.raises(InputError, match=r"scores\.csv: no column dice, truth_ml; found: cohort"):
        read_scores(written(scores.drop(columns=["dice", "truth_ml"]), tmp_path / "scores.csv"))


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
    with pytest.raises(InputError, match="1 rows are there twice, such as cohort liver, method scratch"):
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
    with pytest.raises(InputError, match="those of a part of the study") as refusal:
        select(part, whole.titles, whole.runs)
    assert message in str(refusal.value)
    assert len(select(scores, whole.titles, whole.runs)) == len(scores)
