"""A study that has trainings keeps its test set and the order of its draws; what would change them is refused."""

import shutil

import pandas as pd
import pytest

from fewlabel.cli import data
from fewlabel.config.folds import part_of
from fewlabel.config.jobs.data import DrawSettings, SplitSettings
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.existing_split import has_trainings, read_existing_split
from fewlabel.data.moved_subjects import moved_problems, redrawn
from fewlabel.data.splits import split_roles
from fewlabel.utils.errors import InputError

HASH = SplitSettings(cohort="c", test=3, seed=1, drawing="hash")
OLD = SplitSettings(cohort="c", test=3, seed=1)
FOLDS = SplitSettings(cohort="c", test=[], folds=2, seed=1, drawing="hash")


def subjects_of(count, without=()):
    names = [f"s{i:02d}" for i in range(count) if f"s{i:02d}" not in without]
    return pd.DataFrame({"subject": names, "patient": names, "labelled": 1, "use": "auto"})


def split_into(study, subjects, split, part="c", trained=True):
    """Run `fewlabel split` and `draw` as the workflow does, and leave a training behind."""
    listed, source = study / "subjects.csv", study / "source.json"
    study.mkdir(parents=True, exist_ok=True)
    subjects.to_csv(listed, index=False)
    source.write_text("{}")
    folder = study / part / "splits"
    data.split(split, listed, source, folder / "roles.csv", folder / "source.json")
    settings = DrawSettings(cohort=part, seed=split.seed, draw=1, drawing=split.drawing)
    data.draw(settings, folder / "roles.csv", folder / "draw1.csv")
    if trained:
        weights = study / part / "finetuned" / "scratch" / "n1" / "draw1" / "weights.safetensors"
        weights.parent.mkdir(parents=True, exist_ok=True)
        weights.touch()
    return folder


def whom(folder):
    roles = read_subjects(folder / "roles.csv")
    return set(roles.loc[roles["role"] == "test", "subject"])


def newcomer(split, subjects):
    """A number of subjects at which a new study would test others than at that of `subjects`."""
    few = split_roles(subjects, split)
    before = set(few.loc[few["role"] == "test", "subject"])
    for count in range(len(subjects) + 1, 200):
        more = split_roles(subjects_of(count), split)
        if set(more.loc[more["role"] == "test", "subject"]) != before:
            return subjects_of(count)
    raise AssertionError("no such number")


@pytest.mark.parametrize("drawing", ["hash", "permutation"])
def test_nothing_moves_where_nothing_changed(tmp_path, drawing):
    split = HASH.model_copy(update={"drawing": drawing})
    split_into(tmp_path, subjects_of(9), split)
    assert moved_problems(subjects_of(9), "c", split, tmp_path, 2) == []


def test_added_subjects_that_a_new_study_would_test_are_not_tested(tmp_path):
    folder = split_into(tmp_path, subjects_of(9), HASH)
    before, order = whom(folder), read_subjects(folder / "draw1.csv")["subject"].tolist()
    more = newcomer(HASH, subjects_of(9))
    assert moved_problems(more, "c", HASH, tmp_path, 2) == []
    split_into(tmp_path, more, HASH)
    assert whom(folder) == before
    after = read_subjects(folder / "draw1.csv")["subject"].tolist()
    assert len(after) > len(order) and [name for name in after if name in order] == order
    # Another study, or the same one where it is asked for, tests them.
    assert whom(split_into(tmp_path / "other", more, HASH)) != before
    redraw = HASH.model_copy(update={"redraw": True})
    assert moved_problems(more, "c", redraw, tmp_path, 2) == []
    split_into(tmp_path, more, redraw)
    assert whom(folder) == whom(tmp_path / "other" / "c" / "splits")
    # And from then on it keeps these.
    assert moved_problems(more, "c", HASH, tmp_path, 2) == []


@pytest.mark.parametrize(
    ("split", "subjects", "said"),
    [
        (HASH, "gone", "missing: {tested}"),
        (HASH, "unlabelled", "no longer tested: {tested}"),
        (HASH, "train", "no longer tested: {tested}"),
        (HASH, "test", "newly tested: {pool}"),
        (HASH.model_copy(update={"test": 4}), "same", "newly tested: "),
        (HASH.model_copy(update={"test": 2}), "same", "no longer tested: "),
        (HASH.model_copy(update={"seed": 2}), "same", "no longer tested: "),
        (HASH.model_copy(update={"validation": 2}), "same", "no longer tested: "),
        (HASH.model_copy(update={"test": [], "folds": 2}), "same", "newly tested: "),
    ],
)
def test_another_test_set_is_refused_by_name_with_what_to_do(tmp_path, split, subjects, said):
    folder = split_into(tmp_path, subjects_of(9), HASH)
    one, pool = min(whom(folder)), min(set(subjects_of(9)["subject"]) - whom(folder))
    table = subjects_of(9, without=[one] if subjects == "gone" else [])
    if subjects == "unlabelled":
        table.loc[table["subject"] == one, ["labelled", "use"]] = [0, "unlabelled"]
    elif subjects in ("train", "test"):
        table.loc[table["subject"] == (one if subjects == "train" else pool), "use"] = subjects
    before = (folder / "roles.csv").read_bytes()
    (problem,) = moved_problems(table, "c", split, tmp_path, 2)
    assert said.format(tested=one, pool=pool) in problem
    assert problem.startswith("cohorts.c: subjects differ from those that") and "--config redraw=true" in problem
    assert (folder / "roles.csv").read_bytes() == before
    # A study without trainings has nothing to keep.
    (tmp_path / "c" / "finetuned").rename(tmp_path / "gone")
    assert moved_problems(table, "c", split, tmp_path, 2) == []


def test_a_study_of_before_is_told_how_to_go_on(tmp_path):
    split_into(tmp_path, subjects_of(9), OLD)
    # Earlier versions did not write down what a split was made with.
    (tmp_path / "c" / "splits" / "split.json").unlink()
    assert moved_problems(subjects_of(9), "c", OLD, tmp_path, 2) == []
    (problem,) = moved_problems(subjects_of(9), "c", HASH, tmp_path, 2)
    assert "set `drawing: permutation` in its experiment" in problem
    (problem,) = moved_problems(newcomer(OLD, subjects_of(9)), "c", OLD, tmp_path, 2)
    assert "drawing: permutation" not in problem and "no longer tested" in problem


def test_a_permutation_that_would_reorder_draws_of_the_same_test_set_is_refused(tmp_path):
    listed = OLD.model_copy(update={"test": ["s00", "s01"]})
    folder = split_into(tmp_path, subjects_of(9), listed)
    (problem,) = moved_problems(subjects_of(14), "c", listed, tmp_path, 2)
    assert "changed order of labelled subjects: draw 1;" in problem and "--config redraw=true" in problem
    assert moved_problems(subjects_of(14), "c", listed.model_copy(update={"drawing": "hash"}), tmp_path, 2) != []
    (folder / "draw1.csv").unlink()
    assert moved_problems(subjects_of(14), "c", listed, tmp_path, 2) == []


def test_a_cohort_split_like_another_keeps_the_test_set_of_that_one(tmp_path):
    folder = split_into(tmp_path, subjects_of(9), HASH)
    more = newcomer(HASH, subjects_of(9))
    assert moved_problems(more, "d", HASH, tmp_path, 2) == []
    assert whom(split_into(tmp_path, more, HASH, part="d")) == whom(folder)


@pytest.mark.parametrize("record", [True, False])
def test_folds_grow_and_nobody_changes_folds(tmp_path, record):
    few, more = subjects_of(9), subjects_of(13)
    parts = {f"c-fold{fold}": FOLDS.model_copy(update={"fold": fold}) for fold in (1, 2)}
    before = {part: whom(split_into(tmp_path, few, split, part)) for part, split in parts.items()}
    if record:
        split_into(tmp_path, few, FOLDS, trained=False)
    assert has_trainings(tmp_path, "c") and moved_problems(more, "c", FOLDS, tmp_path, 1) == []
    after = {part: whom(split_into(tmp_path, more, split, part)) for part, split in parts.items()}
    assert all(before[part] < after[part] for part in parts) and {len(names) for names in after.values()} == {6, 7}
    roles = split_roles(more, FOLDS, read_existing_split(tmp_path, "c", 2)).set_index("subject")["fold"]
    assert all(set(roles.index[roles == fold]) == after[f"c-fold{fold}"] for fold in (1, 2))
    assert moved_problems(more, "c", FOLDS, tmp_path, 1) == []

    one = min(before["c-fold1"])
    (problem,) = moved_problems(subjects_of(13, without=[one]), "c", FOLDS, tmp_path, 1)
    assert f"missing: {one}" in problem
    # The folds of another seed are others, too.
    (problem,) = moved_problems(more, "c", FOLDS.model_copy(update={"seed": 2}), tmp_path, 1)
    assert "in other folds: " in problem


@pytest.mark.parametrize("split", [HASH, FOLDS])
def test_lost_roles_are_made_again_as_they_were(tmp_path, split):
    folder = split_into(tmp_path, subjects_of(9), split)
    more = newcomer(HASH, subjects_of(9))
    split_into(tmp_path, more, split)
    grown = (folder / "roles.csv").read_bytes()
    (folder / "roles.csv").unlink()
    assert moved_problems(more, "c", split, tmp_path, 1) == []
    split_into(tmp_path, more, split)
    assert (folder / "roles.csv").read_bytes() == grown


@pytest.mark.parametrize("text", ["", "subject,patient\ns1,p1\n", '"', "subject,role,labelled,fold\ns1,test,1,x\n"])
def test_a_damaged_table_of_roles_is_named_with_what_to_do(tmp_path, text):
    folder = split_into(tmp_path, subjects_of(9), HASH)
    (folder / "roles.csv").write_text(text)
    with pytest.raises(InputError, match=r"roles\.csv"):
        moved_problems(subjects_of(9), "c", HASH, tmp_path, 2)
    # Earlier versions recorded no hash.
    (folder / ".roles.csv.sha256").unlink()
    with pytest.raises(InputError, match=r"splits/roles.csv: .*restore it, or remove its folder"):
        moved_problems(subjects_of(9), "c", HASH, tmp_path, 2)


@pytest.mark.parametrize("split", [HASH, FOLDS])
def test_a_deleted_splits_folder_does_not_change_the_test_set(tmp_path, split):
    folds = [None] if split.folds is None else [1, 2]
    split_into(tmp_path, subjects_of(9), split)
    whole = split_roles(subjects_of(9), split)
    for fold in folds:
        tested = whole[whole["role"] == "test"] if fold is None else whole[whole["fold"] == fold]
        run = tmp_path / part_of("c", fold) / "finetuned" / "scratch" / "n1" / "draw1"
        run.mkdir(parents=True, exist_ok=True)
        tested.assign(dice=0.5)[["subject", "dice"]].to_csv(run / "scores.csv", index=False)
    shutil.rmtree(tmp_path / "c" / "splits")
    assert moved_problems(subjects_of(9), "c", split, tmp_path, 1) == []
    (problem,) = moved_problems(newcomer(split, subjects_of(9)), "c", split, tmp_path, 1)
    assert "no longer tested: s" in problem or "in other folds: s" in problem or "newly tested: s" in problem


def test_a_requested_draw_names_whom_it_moves(tmp_path):
    split_into(tmp_path, subjects_of(9), HASH)
    more, asked = newcomer(HASH, subjects_of(9)), HASH.model_copy(update={"redraw": True})
    assert redrawn(more, "c", HASH, tmp_path) == []
    assert redrawn(subjects_of(9), "c", asked, tmp_path) == []
    (note,) = redrawn(more, "c", asked, tmp_path)
    assert note.startswith("cohorts.c: redraw: no longer tested: s") and "newly tested: s" in note
