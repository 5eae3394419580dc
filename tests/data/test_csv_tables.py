"""CSV tables are read as they were written: names stay names, and what is no table is refused."""

import numpy as np
import pandas as pd
import pytest

from fewlabel.data.csv_tables import numbers, read_csv_table, whole_from_1
from helpers.refusals import error_of


@pytest.fixture
def table(tmp_path):
    (tmp_path / "t.csv").write_text("subject,n,dice\n007,1,0.5\nNA,2,\nnull,3,x\n")
    return tmp_path / "t.csv"


def test_names_that_look_like_numbers_or_missing_values_stay(table):
    assert read_csv_table(table)["subject"].tolist() == ["007", "NA", "null"]
    assert read_csv_table(table)["dice"].tolist() == ["0.5", "", "x"]


def test_columns_have_the_kinds_that_are_asked_for_and_may_be_empty_where_it_is_said(table):
    found = read_csv_table(table, kinds={"subject": str, "n": int}, may_be_empty=["dice"])
    assert found["n"].dtype.kind == "i" and found["subject"][0] == "007"
    assert found["dice"].isna().tolist() == [False, True, False]


def test_a_missing_column_is_named_with_those_there_are(table):
    message = error_of(read_csv_table, table, ["subject", "draw", "hd95_mm"], "to fix: do it")
    assert message.endswith("t.csv: no column draw, hd95_mm; found: subject, n, dice; to fix: do it")
    assert "no such file" in error_of(read_csv_table, table.with_name("none.csv"))


def test_what_is_no_number_is_nan(table):
    np.testing.assert_array_equal(numbers(read_csv_table(table), ["dice"])["dice"], [0.5, np.nan, np.nan])


def test_whole_numbers_from_1():
    values = pd.Series([1, 2.0, 1.5, 0, -1, np.nan])
    assert whole_from_1(values).tolist() == [True, True, False, False, False, False]
