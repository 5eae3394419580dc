import io

import numpy as np
import pandas as pd
import pytest

from fewlabel.config.cohort import Cohort
from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.tables.cohorts import CohortTableSettings
from fewlabel.config.jobs.tables.dice import DiceTableSettings
from fewlabel.config.jobs.titles import CohortTitle
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.reporting.tables.cohort_facts import diagonals, read_facts
from fewlabel.reporting.tables.cohorts import cohort_table
from fewlabel.reporting.tables.dice import dice_table
from fewlabel.reporting.tables.formats import as_markdown, save
from fewlabel.reporting.tables.table import Section, Table
from fewlabel.utils.atomic_files import visible
from fewlabel.utils.errors import InputError

ROLES = ["test", "test", "pool", "pool", "pool", "unlabelled", "withheld"]


def write_cohort(folder):
    names = [f"s{index}" for index in range(len(ROLES))]
    split = pd.DataFrame({"subject": names, "patient": names, "labelled": 1, "role": ROLES})
    facts = pd.DataFrame(
        {"subject": [*names, "excluded"], "patient": "p", "labelled": 1, "slices": [10, 11, 20, 21, 22, 30, 99, 99],
         "rows": [256, 320] * 4, "columns": 256, "slice_mm": 5.0, "row_mm": 1.5, "column_mm": 1.25,
         "target_ml": [1000.0, 1100, 1200, 1300, 1400, np.nan, 9999, 9999], "affine": "a", "shape": "s"}
    )  # fmt: skip
    split.to_csv(folder / "roles.csv", index=False)
    facts.to_csv(folder / "subjects.csv", index=False)
    return folder / "roles.csv", folder / "subjects.csv"


@pytest.fixture
def facts(tmp_path):
    return read_facts(*write_cohort(tmp_path))


@pytest.fixture
def cohort_settings(settings):
    phantom = PhantomSource(kind="phantom", anatomy="abdomen", labelled=5)
    cohorts = {"liver": Cohort(source=phantom), "prostate": Cohort(source=DecathlonSource(kind="decathlon"))}
    return CohortTableSettings(titles=settings().titles, cohorts=cohorts, labels=[1, 2, "all"])


@pytest.fixture
def dice_settings(settings):
    of = settings()
    intervals = Intervals(resamples=100)
    return DiceTableSettings(titles=of.titles, runs=of.runs, intervals=intervals, paper=["liver", "prostate"])


def test_facts_are_joined_by_subject_and_excluded_ones_left_out(facts):
    assert facts["subject"].tolist() == [f"s{index}" for index in range(7)]
    assert facts["role"].tolist() == ROLES
    assert facts["target_ml"].isna().tolist() == [False] * 5 + [True, False]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("roles.csv", "withheld", "spare", r"roles\.csv: role spare unknown; accepted: test, pool"),
        ("roles.csv", "role", "part", r"roles\.csv: no column role; found: subject"),
        ("subjects.csv", "s3,", "t3,", r"subjects\.csv: no row for subject s3"),
        ("subjects.csv", "s3,", "s2,", r"subjects\.csv: subject s2 twice"),
        ("subjects.csv", ",20,", ",many,", r"subjects\.csv: slices: not a number for subject s2"),
    ],
)
def test_bad_facts_are_named(name, old, new, message, tmp_path):
    paths = write_cohort(tmp_path)
    path = tmp_path / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        read_facts(*paths)


def test_missing_and_empty_files_are_named(tmp_path):
    roles, subjects = write_cohort(tmp_path)
    subjects.write_text("")
    with pytest.raises(InputError, match=r"subjects\.csv: not a CSV table"):
        read_facts(roles, subjects)
    with pytest.raises(InputError, match=r"no\.csv: no such file"):
        read_facts(tmp_path / "no.csv", subjects)


def test_table_1_counts_subjects_and_slices_by_their_use(facts, cohort_settings):
    row = cohort_table({"liver": facts, "prostate": facts}, cohort_settings).rows.iloc[0]
    assert (row["pretraining_subjects"], row["pretraining_slices"]) == (4, 20 + 21 + 22 + 30)
    assert (row["pool_subjects"], row["pool_slices"]) == (3, 63)
    assert (row["test_subjects"], row["test_slices"]) == (2, 21)
    assert (row["withheld_subjects"], row["subjects"]) == (1, 7)
    assert (row["slices_min"], row["slices_max"]) == (10, 30)  # withheld subjects are used nowhere
    assert (row["target_ml_min"], row["target_ml_median"], row["target_ml_max"]) == (1000, 1200, 1400)
    assert (row["paper_subjects"], row["paper_labelled"]) == (138, 31)


def test_table_1_reads_as_markdown_with_the_paper_beside(facts, cohort_settings):
    text = as_markdown(cohort_table({"liver": facts, "prostate": facts}, cohort_settings))
    lines = {
        line.split("|")[1].strip(): [part.strip() for part in line.split("|")[2:-1]]
        for line in text.splitlines()
        if "|" in line
    }
    assert lines[""] == ["Liver, phantom", "Prostate, phantom"]
    assert lines["finetuning: N"][0] == "1, 2, all (3)"
    assert lines["native matrix"][0] == "256 to 320 x 256"
    assert lines["working matrix"][0] == "192 x 192"
    assert lines["target volume, ml: median (range)"][0] == "1200.0 (1000.0 to 1400.0)"
    note = "Cohorts of the paper: liver 138 subjects, 31 of them labelled; prostate 48 subjects, 32 of them labelled."
    assert note in text


def test_table_1_shows_classes_channels_and_neighbouring_slices(tmp_path, settings):
    roles, subjects = write_cohort(tmp_path)
    facts = pd.read_csv(subjects)
    facts.assign(ml_left_lobe=facts["target_ml"] / 4, ml_vessel=facts["target_ml"] * 3 / 4).to_csv(
        subjects, index=False
    )
    classes = {"left_lobe": [1, 3], "vessel": [2]}
    source = NiftiSource(kind="nifti", folder="mine", classes=classes, channels={"t2w": 0, "adc": 1})
    plain = Cohort(source=DecathlonSource(kind="decathlon"))
    given = CohortTableSettings(
        titles=settings().titles,
        cohorts={"liver": plain, "prostate": Cohort(source=source, count="patients")},
        labels=[1, 2],
        context=3,
    )
    (tmp_path / "plain").mkdir()
    table = cohort_table(
        {"liver": read_facts(*write_cohort(tmp_path / "plain")), "prostate": read_facts(roles, subjects)}, given
    )
    row = table.rows.iloc[1]
    assert (row["classes"], row["channels"], row["context"]) == ("left lobe (1 + 3), vessel (2)", "t2w, adc", 3)
    assert (row["ml_vessel_min"], row["ml_vessel_median"], row["ml_vessel_max"]) == (750, 900, 1050)
    heads = table.sections[0].body.set_index("")
    assert heads.loc["classes (label values)"].tolist() == ["-", "left lobe (1 + 3), vessel (2)"]
    assert heads.loc["channels"].tolist() == ["-", "t2w, adc"]
    assert heads.loc["network's input"].tolist() == ["3 neighbouring slices as channels"] * 2
    assert heads.loc["left lobe, ml: median (range)"].tolist() == ["-", "300.0 (250.0 to 350.0)"]
    order = list(heads.index)
    assert order.index("target volume, ml: median (range)") < order.index("left lobe, ml: median (range)")
    assert any("N of Prostate, phantom counts patients" in note for note in table.notes)


def test_table_1_of_cohorts_of_one_title_that_stand_for_none(facts, cohort_settings, settings):
    cohorts = dict.fromkeys(("liver", "prostate"), CohortTitle(title="a|b", stands_for=None))
    changed = cohort_settings.model_copy(update={"titles": settings(cohorts).titles})
    table = cohort_table({"liver": facts, "prostate": facts.assign(target_ml=np.nan)}, changed)
    assert "Umapathy" not in as_markdown(table)
    assert r"a\|b (prostate)" in as_markdown(table)
    assert table.rows["paper_subjects"].isna().all()


def test_a_source_is_told_without_its_path():
    folder = NiftiSource(kind="nifti", folder="/data/of/mine/chaos", labels=[1, 2])
    assert folder.description == "NIfTI folder chaos, label 1 + 2"
    assert "Task05_Prostate, channel 0" in DecathlonSource(kind="decathlon").description


def test_table_2_has_a_row_for_each_cell_in_the_order_of_the_experiment(scores, dice_settings):
    rows = dice_table(scores.sample(frac=1, random_state=1), dice_settings).rows
    assert rows["cohort"].drop_duplicates().tolist() == ["liver", "prostate"]
    assert rows["method"].drop_duplicates().tolist() == ["scratch", "regression", "contrastive", "supervised"]
    assert rows["n"].tolist()[:5] == [1, 2, 4, 8, 1]
    one = scores[(scores["cohort"] == "liver") & (scores["method"] == "regression") & (scores["n"] == 4)]
    row = rows[(rows["cohort"] == "liver") & (rows["method"] == "regression") & (rows["n"] == 4)].iloc[0]
    assert row["dice_mean"] == pytest.approx(one["dice"].mean())
    assert row["hd95_mm_median"] == pytest.approx(one["hd95_mm"].median())
    assert row["dice_low"] < row["dice_mean"] < row["dice_high"]
    assert (row["draws"], row["test_subjects"], row["paper_dice"]) == (3, 6, 0.81)


def test_table_2_quotes_the_paper_where_it_has_a_number_and_notes_what_it_leaves_open(scores, dice_settings):
    table = dice_table(scores, dice_settings)
    quoted = table.rows.dropna(subset="paper_dice").set_index(["cohort", "method", "n"])["paper_dice"].to_dict()
    assert quoted == {
        ("liver", "regression", 4): 0.81,
        ("liver", "contrastive", 4): 0.81,
        ("liver", "supervised", 12): 0.86,
        ("prostate", "regression", 4): 0.74,
        ("prostate", "contrastive", 4): 0.74,
        ("prostate", "contrastive", 8): 0.85,
        ("prostate", "supervised", 12): 0.85,
    }
    assert as_markdown(table).count("0.81†") == 2
    assert "does not say whether regression or contrastive" in as_markdown(table)
    assert "## Prostate, phantom" in as_markdown(table)


def test_table_2_leaves_undefined_distances_out_and_says_so(scores, dice_settings):
    empty = (scores["cohort"] == "liver") & (scores["method"] == "scratch") & (scores["n"] == 1)
    table = dice_table(scores.assign(hd95_mm=scores["hd95_mm"].mask(empty)), dice_settings)
    first = table.rows.iloc[0]
    assert np.isnan(first["hd95_mm_median"])
    assert first["hd95_undefined"] == 18
    shown = " ".join(as_markdown(table).split())
    assert "| - | 18 of 18 |" in shown and "| 0 |" in shown
    assert "Their HD95 is undefined and left out of the median." in shown


def test_an_undefined_distance_without_a_target_is_no_miss(scores, dice_settings):
    cell = (scores["cohort"] == "liver") & (scores["method"] == "scratch") & (scores["n"] == 1)
    bare = cell & (scores["subject"] == "s00")
    changed = scores.assign(
        hd95_mm=scores["hd95_mm"].mask(cell & (scores["subject"] <= "s01")), truth_ml=scores["truth_ml"].mask(bare, 0.0)
    )
    table = dice_table(changed, dice_settings)
    assert table.rows.loc[0, ["hd95_undefined", "misses", "scores"]].tolist() == [6, 3, 18]
    assert "HD95 is also undefined in 3 scores of subjects without the target" in " ".join(table.notes)


def test_the_paper_has_a_column_where_it_has_numbers_alone(scores, dice_settings):
    table = dice_table(scores, dice_settings.model_copy(update={"paper": ["prostate"]}))
    assert ["paper" in section.body for section in table.sections] == [False, True]
    assert "paper_dice" in table.rows


@pytest.mark.parametrize(
    ("draws", "subjects", "expected"),
    [
        (3, 6, []),
        (
            2,
            6,
            ["Too few draws of labelled subjects for a conclusion: 2 in Liver, phantom, Prostate, phantom. From two"],
        ),
        (1, 5, ["Too few test subjects for a conclusion: 5 in Liver", "Too few draws of labelled subjects for a c"]),
    ],
)
def test_too_few_draws_or_test_subjects_are_the_first_thing_said(
    table, settings, dice_settings, draws, subjects, expected
):
    few = dice_table(
        table(draws=draws, subjects=subjects), dice_settings.model_copy(update={"runs": settings(draws=draws).runs})
    )
    assert [note[: len(start)] for note, start in zip(few.notes, expected, strict=False)] == expected
    assert sum("Too few" in note for note in few.notes) == len(expected)


def test_a_method_that_misses_subjects_shows_how_many_beside_its_distance(scores, settings, dice_settings):
    """Ten of twelve subjects missed: the two that were found look better than a method that found all."""
    liver = (scores["cohort"] == "liver") & (scores["n"] == 4) & (scores["draw"] < 3)
    misses = liver & (scores["method"] == "scratch") & ~((scores["draw"] == 1) & (scores["subject"] <= "s01"))
    finds = liver & (scores["method"] == "regression")
    known = scores.assign(hd95_mm=np.where(misses, np.nan, np.where(liver & ~finds, 4.0, np.where(finds, 6.0, 5.0))))
    known = known[known["draw"] < 3]
    table = dice_table(known, dice_settings.model_copy(update={"runs": settings(draws=2).runs}))
    rows = table.rows.set_index(["cohort", "method", "n"])
    assert rows.loc[("liver", "scratch", 4), ["hd95_mm_median", "hd95_undefined", "scores"]].tolist() == [4.0, 10, 12]
    assert rows.loc[("liver", "regression", 4), ["hd95_mm_median", "hd95_undefined", "scores"]].tolist() == [6.0, 0, 12]
    shown = " ".join(as_markdown(table).split())
    assert "| 4.0 | 10 of 12 |" in shown and "| 6.0 | 0 |" in shown
    lengths = dict.fromkeys(zip(known["cohort"], known["subject"], strict=True), 500.0)
    punished = dice_settings.model_copy(update={"runs": settings(draws=2).runs, "hd95_missing": "diagonal"})
    table = dice_table(known, punished, lengths)
    rows = table.rows.set_index(["cohort", "method", "n"])
    assert rows.loc[("liver", "scratch", 4), ["hd95_mm_median", "hd95_undefined"]].tolist() == [500.0, 10]
    assert "undefined and set to the diagonal of the volume" in as_markdown(table)
    with pytest.raises(InputError, match="the volume size is unknown for 12 subjects, such as s00 of liver"):
        dice_table(known, punished)


def test_the_diagonal_is_that_of_the_native_volume(tmp_path):
    row = "ann,3,4,12,1,1,1,"
    path = tmp_path / "knee/slices/subjects.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"subject,slices,rows,columns,slice_mm,row_mm,column_mm,target_ml\n{row}\nbob,1,3,4,0,2,2,5\n")
    assert diagonals(tmp_path, ["knee"]) == {("knee", "ann"): 13.0, ("knee", "bob"): 10.0}


def test_table_2_without_an_interval_shows_none(table, settings, dice_settings):
    single = dice_table(table(draws=1, subjects=1), dice_settings.model_copy(update={"runs": settings(draws=1).runs}))
    assert single.rows["dice_low"].isna().all()
    assert "nan" not in as_markdown(single).lower().replace("nan,", "")


def names(folder):
    return [folder / f"table.{end}" for end in ("csv", "md", "tex", "html")]


def test_a_saved_table_is_read_back_and_holds_plain_numbers(scores, dice_settings, tmp_path):
    table = dice_table(scores, dice_settings)
    save(table, *names(tmp_path / "new"))
    text = (tmp_path / "new" / "table.csv").read_text()
    read = pd.read_csv(io.StringIO(text))
    assert read["dice_mean"].to_numpy() == pytest.approx(table.rows["dice_mean"].to_numpy(), abs=1e-6)
    assert "†" not in text
    assert (tmp_path / "new" / "table.md").read_text(encoding="utf-8") == as_markdown(table)
    assert visible(tmp_path / "new", "*") == sorted(names(tmp_path / "new"))


def test_a_table_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "table.csv").write_text("before")
    body = pd.DataFrame({"a": ["1"], "b": ["\ud800"]})
    with pytest.raises(UnicodeEncodeError):
        save(Table(pd.DataFrame({"a": [1]}), 1, "t", [Section("", body, numbers=True)], []), *names(tmp_path))
    assert (tmp_path / "table.csv").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
