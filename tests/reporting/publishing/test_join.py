"""Published studies joined: the whole equals the study that one run would have published, or is refused."""

import hashlib
import json
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.reporting.publishing.join import join
from fewlabel.reporting.publishing.model_card import CARD, WEIGHTS, chosen_run, model_card
from fewlabel.reporting.publishing.publish import publish
from fewlabel.reporting.results.folder import read_experiment, read_results
from fewlabel.utils.errors import InputError
from helpers.made_weights import FOLDERS, ONE, TWO, add_weights

SCRATCH, REGRESSION = {"pretext": "none"}, {"pretext": "regression"}


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def published(study, tmp_path):
    """Publish a study of changed settings under a name; its runs are those of `whole`, as one machine makes them."""
    whole = study(tmp_path / "results" / "whole", labels=[1, 2, 3], facts=OUTPUTS)

    def make(name, source=whole, anonymise=False, **change):
        folder = study(tmp_path / "results" / name, facts=OUTPUTS, **{"labels": [1, 2, 3], **change})
        for path in [*folder.rglob("run.json"), *folder.rglob("*/scores.csv")]:
            shutil.copyfile(source / path.relative_to(folder), path)
        runs = pd.concat(
            pd.read_csv(path, keep_default_na=False) for path in folder.glob("*/finetuned/*/*/*/scores.csv")
        )
        runs.sort_values(["cohort", "method", "n", "draw", "subject"]).to_csv(folder / "scores.csv", index=False)
        to = tmp_path / "published" / name
        publish(folder, to, anonymise=anonymise)
        return to

    return make


OUTPUTS = {"outputs": {"weights.safetensors": "ab" * 32}, "precision": "bf16"}


def same(one, other):
    """Two published studies, but for their names, with the same content."""
    ours, theirs = read_results(one), read_results(other)
    pd.testing.assert_frame_equal(ours.scores, theirs.scores)
    assert ours.runs == theirs.runs and ours.stores == theirs.stores and ours.tables.keys() == theirs.tables.keys()
    assert all(table.equals(theirs.tables[name]) for name, table in ours.tables.items())
    assert (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes()
    experiments = [read_experiment(folder).model_dump(mode="json") | {"study": ""} for folder in (one, other)]
    assert experiments[0] == experiments[1]


@pytest.mark.parametrize(
    "changes",
    [
        [{"labels": [1, 3]}, {"labels": [2]}],
        [{"labels": [3]}, {"labels": [1]}, {"labels": [2, 3]}],
        [{"methods": {"scratch": SCRATCH}}, {"methods": {"regression": REGRESSION}}],
    ],
)
def test_parts_joined_are_what_the_whole_study_publishes(published, tmp_path, changes):
    whole = published("one")
    free = {"checkpoint_every": 5}  # changes no result
    parts = [published(f"part{index}", **change, **(free if index else {})) for index, change in enumerate(changes)]
    to = tmp_path / "published" / "joined"
    done = join(parts, to)
    same(whole, to)
    assert done.runs == 2 * 3 * 2 + 1 and done.size == sum(map(len, content(to).values()))
    files = content(to)
    listed = dict(line.split("  ")[::-1] for line in files.pop("SHA256SUMS").decode().splitlines())
    assert listed == {name: hashlib.sha256(text).hexdigest() for name, text in files.items()}
    text = files["README.md"].decode()
    assert all(part.name in text for part in parts)
    assert ("are bit-identical" in text) == ("labels" in changes[0])
    assert "Trainings ran in" not in text


def test_labels_of_a_methods_own_are_joined_too(published, study, tmp_path):
    upper = {"pretext": "none", "labels": [3]}
    both = {"scratch": SCRATCH, "upper": upper}
    whole = study(tmp_path / "results" / "own", methods=both, labels=[1, 2], facts=OUTPUTS)
    few = published("few", source=whole, methods=both, labels=[2])
    more = published("more", source=whole, methods={"scratch": SCRATCH}, labels=[1])
    to = tmp_path / "published" / "joined"
    join([few, more], to)
    experiment = read_experiment(to)
    assert experiment.labels == [1, 2]
    assert {name: method.labels for name, method in experiment.methods.items()} == {"scratch": None, "upper": [3]}


def test_of_a_run_that_several_have_that_of_the_first_counts(published, study, tmp_path):
    other = study(
        tmp_path / "results" / "other",
        seed=5,
        labels=[1, 2, 3],
        facts={"outputs": {"weights.safetensors": "c"}, "precision": "f32"},
    )
    first, second = published("first", labels=[1, 2]), published("second", source=other, labels=[2, 3])
    to = tmp_path / "published" / "joined"
    join([first, second], to)
    scores, ours, theirs = (read_results(folder).scores.set_index(["method", "n", "draw", "subject"])["dice"]
                            for folder in (to, first, second))  # fmt: skip
    for n, expected in ((1, ours), (2, ours), (3, theirs)):
        assert scores.xs(n, level="n").equals(expected.xs(n, level="n"))
    assert not ours.xs(2, level="n").equals(theirs.xs(2, level="n"))
    runs = read_results(to).runs
    weights = {run: facts["outputs"]["weights.safetensors"] for run, facts in runs.items()}
    assert weights["knee/pretrained/regression"] == weights["knee/finetuned/scratch/n2/draw1"] == "ab" * 32
    assert weights["knee/finetuned/scratch/n3/draw1"] == "c"
    text = (to / "README.md").read_text()
    assert "their weights differ by machine" in text and "Trainings ran in bf16 and f32." in text


def test_the_joined_study_may_take_the_place_of_a_part_and_of_nothing_else_unasked(published, tmp_path):
    one, two = published("part_a", labels=[1, 3]), published("part_b", labels=[2])
    before = content(one)
    with pytest.raises(InputError, match="already published; to fix: use --replace"):
        join([one, two], one)
    with pytest.raises(InputError, match=r"inside .* or contains it"):
        join([one, two], one / "within", replace_old=True)
    assert content(one) == before
    join([one, two], one, replace_old=True)
    assert read_experiment(one).labels == [1, 2, 3]


def test_weights_of_a_run_go_along_from_the_part_that_it_is_taken_from(study, tmp_path):
    few = add_weights(study(tmp_path / "results" / "few", labels=[1, 2], facts=OUTPUTS), note="few")
    more = add_weights(study(tmp_path / "results" / "more", labels=[1, 2, 3], facts=OUTPUTS), note="more")
    parts = [tmp_path / "published" / name for name in ("few", "more")]
    publish(few, parts[0], weights=[ONE])
    publish(more, parts[1], weights=[ONE, TWO])
    (parts[0] / FOLDERS[TWO]).mkdir(parents=True)
    shutil.copyfile(few / FOLDERS[TWO] / WEIGHTS, parts[0] / FOLDERS[TWO] / WEIGHTS)  # not published: in no sum
    to = tmp_path / "published" / "joined"
    said = CliRunner().invoke(app, ["join", *map(str, parts), "--to", str(to)])
    # Both runs are taken from `few`, which published the weights of one.
    name = f"{FOLDERS[ONE]}/{WEIGHTS}"
    assert said.exit_code == 0 and f"{name}: " in said.output
    files = content(to)
    assert files[name] == (few / name).read_bytes()
    assert [each for each in files if each.endswith((WEIGHTS, CARD))] == [f"{FOLDERS[ONE]}/{CARD}", name]
    results = read_results(to)
    card = files[f"{FOLDERS[ONE]}/{CARD}"].decode()
    assert card == model_card(results, chosen_run(results, ONE)) and "of the study `joined`" in card
    assert FOLDERS[ONE] in files["README.md"].decode() and b"masks or weights" not in files["README.md"]
    sums = dict(line.split("  ")[::-1] for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def spoil_scores(folder):
    lines = (folder / "scores.csv").read_text().splitlines(keepends=True)
    (folder / "scores.csv").write_text("".join(lines[:-3]))


def spoil_runs(folder):
    (folder / "runs.json").write_text((folder / "runs.json").read_text()[:100])


def take_sums(folder):
    (folder / "SHA256SUMS").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_scores, r"part_b: 1 file not matching SHA256SUMS; to fix: restore them(.*\n)*.* scores\.csv"),
        (spoil_runs, r"not matching SHA256SUMS(.*\n)*.* runs\.json"),
        (take_sums, r"not a published study; accepted: results/published/<study>"),
        (shutil.rmtree, "no such folder"),
    ],
)
def test_a_part_that_is_not_whole_is_refused(published, tmp_path, spoil, message):
    one, two = published("part_a", labels=[1, 3]), published("part_b", labels=[2])
    spoil(two)
    with pytest.raises(InputError, match=message):
        join([one, two], tmp_path / "published" / "joined")
    assert not (tmp_path / "published" / "joined").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"network": {"widths": [4, 8, 16]}},
            r"part_a and .*other: network\.widths: \[4, 8\] and \[4, 8, 16\]; accepted",
        ),
        ({"finetuning": {"warmup": 7}}, r"finetuning\.warmup: \d+ and 7; accepted: equal"),
        (
            {"methods": {"regression": {**REGRESSION, "corrupted": 0.5}}},
            r"methods\.regression\.corrupted: 0\.25 and 0\.5",
        ),
    ],
)
def test_studies_of_other_settings_are_refused_with_the_setting(published, study, tmp_path, change, message):
    one = published("part_a", labels=[1, 3])
    publish(study(tmp_path / "results" / "other", labels=[2], **change), tmp_path / "published" / "other")
    with pytest.raises(InputError, match=message):
        join([one, tmp_path / "published" / "other"], tmp_path / "published" / "joined")


def republish(folder, name, change):
    """A published file changed on purpose, with its hash."""
    text = change((folder / name).read_text())
    (folder / name).write_text(text)
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    lines = [line for line in sums if not line.endswith(f"  {name}")]
    lines.append(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}")
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "knee/splits/draw2.csv",
            lambda text: text.replace("ann", "cid"),
            r"draw2\.csv: other subjects or another order",
        ),
        ("knee/slices/store.json", lambda text: text.replace("ab", "cd"), "knee: other slices"),
        (
            "runs.json",
            lambda text: text.replace('"anonymised": false', '"anonymised": true'),
            "only one has codes for subjects",
        ),
    ],
)
def test_other_subjects_or_slices_are_refused(published, tmp_path, name, change, message):
    one, two = published("part_a", labels=[1, 3]), published("part_b", labels=[2])
    republish(two, name, change)
    with pytest.raises(InputError, match=message):
        join([one, two], tmp_path / "published" / "joined")


def test_a_grid_that_is_not_whole_is_refused_with_what_is_missing(published, tmp_path):
    one = published("part_a", labels=[1, 3])
    two = published("part_b", labels=[2], draws=1)
    with pytest.raises(InputError, match=r"13 runs, of which 2 are in none(.*\n)*.*knee/finetuned/regression/n2/draw2"):
        join([one, two], tmp_path / "published" / "joined")
    with pytest.raises(InputError, match="1 studies to join; accepted: at least two"):
        join([one], tmp_path / "published" / "joined")


def test_runs_made_with_other_settings_than_are_said_are_refused(published, tmp_path):
    one, two = published("part_a", labels=[1, 3]), published("part_b", labels=[2])

    def other(text):
        facts = json.loads(text)
        facts["groups"]["knee/finetuned/scratch"]["same"]["settings"]["finetuning"]["steps"] = 77
        return json.dumps(facts)

    republish(two, "runs.json", other)
    with pytest.raises(
        InputError, match=r"settings other than their experiment's(.*\n)*.*knee/finetuned/scratch/n2/draw1"
    ):
        join([one, two], tmp_path / "published" / "joined")
