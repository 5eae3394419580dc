"""Experiment files that nobody meant: read within bounds, told in one line each with file, line and cure."""

import cProfile
import pstats
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fewlabel.config.loading.load import load, validated
from fewlabel.config.loading.messages import Explainer
from fewlabel.config.loading.yaml_files import DEEPEST, MOST_BYTES, merge, read_config, read_experiment, read_file
from fewlabel.utils.errors import InputError

ROOT = Path(__file__).parents[3]
BOMB = b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b",".join([b"*a%d" % (level - 1)] * 10)) for level in range(1, 11)
)
MERGED = b"a0: &a0 {x: 1}\n" + b"".join(
    b"a%d: &a%d {<<: [%s]}\n" % (level, level, b",".join([b"*a%d" % (level - 1)] * 10)) for level in range(1, 11)
)


def written(folder, content, name="mine.yaml"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_file(path)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"draws: 2\nstudy: caf\xe9\n", ":2", "not UTF-8 (byte 0xe9), perhaps Latin-1; to fix: save it as UTF-8"),
        ("draws: 2\n".encode("utf-16"), "", "UTF-16 or UTF-32 text; to fix: save it as UTF-8"),
        ("draws: 2\n".encode("utf-16-le"), "", "UTF-16 or UTF-32 text"),
        (b"draws: 2\n\tlabels: [1]\n", ":2", "to fix: indent with spaces, not with tabs"),
        (b"draws: 2\nstudy: a\x07b\n", ":2", "not YAML: a control character (#x07)"),
        (b"draws: 2\nstudy: 'a\n", ":3", "not YAML: "),
        (b"draws: 2\n x: 3\n", ":2", "not YAML: "),
        (b"draws: 2\n---\ndraws: 3\n", ":2", "not YAML: expected a single document"),
        (b"draws: 2\nstudy: *name\n", ":2", "undefined alias 'name'"),
        (b"study: !!python/object/apply:os.system [x]\n", ":1", "could not determine a constructor"),
        (b"draws: 2\n? [a]\n: b\n", ":2", "found unhashable key"),
        (b"draws: 2\na: &a [*a]\n", ":2", "*a refers to itself"),
        (b"methods: &m {x: {y: *m}}\n", ":1", "*m refers to itself"),
        (b"a: " + b"[" * 3000 + b"]" * 3000, ":1", f"nested too deep; accepted: {DEEPEST} levels"),
        (b'{"a": ' + b"[" * 3000 + b"]" * 3000 + b"}", "", f"nested too deep; accepted: {DEEPEST} levels"),
        (b"\n".join(b" " * level + b"a:" for level in range(100)), ":", "nested too deep"),
        (BOMB, ":", "more than 50,000 values; values of aliases count at each use"),
        (MERGED, ":", "more than 50,000 values"),
        (b"seed: 1\ndraws: " + b"9" * 5000, ":2", "not a valid number or date"),
        (b'{"seed": 1,\n"draws": ' + b"9" * 5000 + b"}", ":2", "not a valid number or date"),
        (b"study: 2024-02-31\n", ":1", "2024-02-31: not a valid number or date"),
        (b"", "", "contains no settings"),
        (b"- a\n", "", "contains no settings"),
        (b"# " + b"x" * MOST_BYTES, "", "larger than 1,000,000 bytes"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line_with_file_and_line(tmp_path, content, place, message):
    path = written(tmp_path, content)
    line = refusal(path)
    assert line.startswith(f"{path}{place}") and message in line, line


def test_what_is_no_file_is_told_with_all_others_at_once(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    paths = [tmp_path / "folder.yaml", tmp_path / "gone.yaml", written(tmp_path, b"a: [")]
    with pytest.raises(InputError) as caught:
        read_config(paths)
    folder, gone, broken = str(caught.value).splitlines()
    assert "folder.yaml: a folder; accepted: an experiment file" in folder
    assert gone.endswith("gone.yaml: no such experiment file") and "mine.yaml:1: not YAML" in broken


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.one_of(st.binary(max_size=60), st.text("ab:-[]{}&*!<?|>\"'#%@,.0179_e \t\n", max_size=60).map(str.encode)))
def test_whatever_stands_in_a_file_it_is_read_or_refused(tmp_path, content):
    path = written(tmp_path, content)
    try:
        merge([read_file(path)])
    except InputError as error:
        assert str(error).startswith(str(path)) and len(str(error).splitlines()) == 1


def test_aliases_and_merge_keys_within_bounds_are_taken(tmp_path):
    text = "methods:\n  a: &a {pretext: none, labels: [1]}\n  b: *a\n  c:\n    <<: *a\n    labels: [2]\n"
    file = read_file(written(tmp_path, text))
    a = {"pretext": "none", "labels": [1]}
    assert file.content["methods"] == {"a": a, "b": a, "c": {**a, "labels": [2]}}
    assert file.find(("methods", "c", "labels")).line == 6
    assert file.find(("methods", "c", "pretext")).line == 2
    assert file.repeated == []


def test_what_an_overlay_changes_of_one_alias_leaves_the_other(tmp_path):
    first = read_file(written(tmp_path, "methods:\n  a: &a {pretext: none}\n  b: *a\n", "one.yaml"))
    second = read_file(written(tmp_path, "methods: {a: {title: A}}\n", "two.yaml"))
    assert merge([first, second])["methods"] == {"a": {"pretext": "none", "title": "A"}, "b": {"pretext": "none"}}
    assert first.content["methods"]["a"] == {"pretext": "none"}


def test_json_is_read_as_json_with_lines(tmp_path):
    file = read_file(written(tmp_path, '{\n\t"finetuning": {\n\t\t"learning_rate": 1e-3}, "seed": 1,\n"seed": 2\n}'))
    assert file.content == {"finetuning": {"learning_rate": 0.001}, "seed": 2}
    assert file.find(("finetuning", "learning_rate")).line == 3
    assert [line.partition(":4: ")[2] for line in file.repeated] == [
        "seed: set here and in line 3; to fix: keep one of the two"
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    assert read_file(written(tmp_path, b"\xef\xbb\xbfdraws: 2\n")).content == {"draws": 2}


# ------------------------------------------------------------------------------------------------------- messages
def reported(folder, text):
    path = written(folder, text)
    with pytest.raises(InputError) as caught:
        files = read_experiment([path])
        validated(merge(files), files)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


COHORT = "cohorts:\n  liver_phantom:\n"
GOT_NUMBER = 'input should be text (got {0}, which YAML reads as the number {1}); put text in quotes: "{0}"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "cohorts:\n  no:\n    source: {kind: nifti, folder: x}\n",
            ['2: cohorts.no: input should be text (got no, which YAML reads as false); put names in quotes: "no"'],
        ),
        (
            f"{COHORT}    test:\n    - abdomen_001\n    - 010\n    - 1:30\n",
            [
                f"5: cohorts.liver_phantom.test.1: {GOT_NUMBER.format('010', 8)}",
                f"6: cohorts.liver_phantom.test.2: {GOT_NUMBER.format('1:30', 90)}",
            ],
        ),
        (
            f"{COHORT}    test: 0\n",
            ["3: cohorts.liver_phantom.test: input should be greater than or equal to 1 or a list (got 0)"],
        ),
        (
            f"{COHORT}    test: some\n",
            ["3: cohorts.liver_phantom.test: input should be a whole number or a list (got 'some')"],
        ),
        ("labels: [some]\n", ["1: labels.0: input should be a whole number or 'all' (got 'some')"]),
        ("methods: {1: {pretext: none}}\n", ['1: methods.1: input should be text (got 1, which YAML reads as the number'
                                            ' 1); put names in quotes: "1"']),
        (
            "study: 2024-01-01\n",
            ["1: study: input should be text (got 2024-01-01, which YAML reads as a date (2024-01-01)); put text in "
             'quotes: "2024-01-01"'],
        ),
        ("draws: 0x\n", ["1: draws: input should be a whole number (got '0x')"]),
        ("draws: ''\n", ["1: draws: input should be a whole number (got '')"]),
        ("cohorts: {liver_phantom: {grid: }}\n",
         ["1: cohorts.liver_phantom.grid: input should be a mapping of keys (`key: value`) (got nothing)"]),
        ("methods: {A b: {pretext: none}}\n",
         ["1: methods.A b: input should be a name: small letters, digits and _, the first a letter (got 'A b')"]),
        ("methods: {new: {pretext: no}}\n",
         ["1: methods.new.pretext: unknown pretext 'no'; did you mean 'none'?; accepted: none, regression, "
          "contrastive, joint, or one of an installed package"]),
        ("cohorts: {new: {source: {folder: x}}}\n",
         ["1: cohorts.new.source.kind: missing; accepted: phantom, nifti, decathlon, metaimage, chaos, radial"]),
        ("cohorts: {liver_phantom: {grid: {matrix: [64]}}}\n",
         ["1: cohorts.liver_phantom.grid.matrix.1: missing; the list is too short"]),
        (f"draws: {'9' * 400}\n",
         [f"1: draws: input should be less than or equal to 1000 (got {'9' * 40}… (400 characters))"]),
        ("finetuning: {learning_rate: .nan}\n",
         ["1: finetuning.learning_rate: input should be a finite number (got .nan, which YAML reads as the number "
          "nan)"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_the_value_as_it_is_written(tmp_path, text, expected):
    assert reported(tmp_path, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cohorts: {no: {source: {kind: nifti, folder: x}}, liver_phantom: {test: [1, 2.5, {}], grid: 3, flip: no}}",
        "labels: {}\nmethods: {new: 3, scratch: {pretext: no, finetuning: no, labels: [some, no]}}",
        "cohorts: {liver_phantom: {bias_correction: {threshold: some}, test: []}}\nfigures: {label_curves: no}",
        "augmentations: {mine: {flip: [no], scale: 3}}\nnetwork: {widths: 8}\nintervals: []",
    ],
)
def test_no_word_of_pydantics_reaches_a_message(tmp_path, text):
    for line in reported(tmp_path, text):
        assert not any(word in line for word in ("constrained", "list[", "literal[", "function-", "dict[", "tuple[")), (
            line
        )
        assert not any(word in line for word in ("valid dictionary", "tag", "Input", "instance of")), line


def test_nan_of_a_file_is_not_blamed_on_the_command_line(tmp_path):
    path = written(tmp_path, "a: {b: [.nan, 1]}\n")
    explainer = Explainer({"a": {"b": [float("nan"), 1]}}, [read_file(path)])
    assert explainer.where(("a", "b")) == f"{path}:1: a.b"
    assert explainer.where(("a", "b", 0)) == f"{path}:1: a.b.0"
    assert Explainer({"a": {"b": [1, 1]}}, [read_file(path)]).where(("a", "b", 0)) == "--config: a.b.0"


# ------------------------------------------------------------------------------------------------------- defaults
def test_overlays_lie_on_config_yaml_and_never_twice(tmp_path):
    overlay = written(tmp_path, "study: mine\ndraws: 7\n")
    defaults = ROOT / "config.yaml"
    alone = read_experiment([overlay])
    for paths in (
        [defaults, overlay],
        [overlay, defaults],
        [Path(defaults.parent, "experiments/../config.yaml"), overlay],
    ):
        files = read_experiment(paths)
        assert len(files) == 2 and merge(files) == merge(alone)
    assert merge(alone)["draws"] == 7 and merge(alone)["labels"] == merge(read_experiment([defaults]))["labels"]
    assert [file.path for file in read_experiment([])] == [defaults]


def test_a_finished_study_stands_alone_and_overlays_lie_on_it(tmp_path):
    study = ROOT / "results/published/demo/experiment.yaml"
    assert merge(read_experiment([study])) == read_config([study])
    both = merge(read_experiment([study, written(tmp_path, "draws: 7\n")]))
    assert both == {**read_config([study]), "draws": 7}


def test_without_config_yaml_files_stand_for_themselves(tmp_path):
    overlay = written(tmp_path, "draws: 7\n")
    assert merge(read_experiment([overlay], [tmp_path])) == {"draws": 7}


# ----------------------------------------------------------------------------------------------------------- cost
def calls(folder, mistakes):
    """How many function calls it takes to tell so many mistakes."""
    text = "methods:\n" + "".join(f"  m{index}: {{pretext: none, wrong: {index}}}\n" for index in range(mistakes))
    path = written(folder, text, f"{mistakes}.yaml")
    config = read_config([ROOT / "config.yaml", path])
    profile = cProfile.Profile()
    with pytest.raises(InputError) as caught, profile:
        load(config, [ROOT / "config.yaml", path])
    assert len(str(caught.value).splitlines()) == mistakes
    return pstats.Stats(profile).total_calls


def test_n_mistakes_cost_n_times_as_much_as_one(tmp_path):
    calls(tmp_path, 10)  # builds the models
    few, many = calls(tmp_path, 100), calls(tmp_path, 400)
    assert many < 5 * few
