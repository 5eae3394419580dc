from pathlib import Path

import pytest

from fewlabel.config.loading.load import load, load_files
from fewlabel.utils.errors import InputError

ROOT = Path(__file__).parents[3]
PUBLISHED = sorted((ROOT / "results/published").glob("*/experiment.yaml"))


def written(folder, **texts):
    """Files over `config.yaml`, in this order."""
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return [ROOT / "config.yaml", *(folder / f"{name}.yaml" for name in texts)]


@pytest.mark.parametrize(
    ("key", "older"),
    [
        ("control", {"paired_subjects": {"control": "scratch"}}),
        ("benchmark", {"label_efficiency": {"reference": "scratch"}}),
    ],
)
def test_older_places_of_control_and_benchmark_go_on_working_with_a_note(key, older, capsys):
    methods = {"scratch": {"pretext": "none"}, "other": {"pretext": "none"}}
    load(settings(methods=methods, **{key: "scratch"}))
    assert capsys.readouterr().err == ""
    load(settings(methods=methods, figures=older))
    assert f"scratch is read as `{key}: scratch`" in capsys.readouterr().err
    with pytest.raises(InputError, match="'scratch', but the study names 'other'; to fix: leave it out"):
        load(settings(methods=methods, figures=older, **{key: "other"}))


def settings(**changes):
    cohorts = {"a": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 9}}}
    return {"cohorts": cohorts, **changes}


def test_an_older_name_goes_on_working_with_a_note(tmp_path, capsys):
    experiment = load_files(written(tmp_path, mine="figures: {scheme: {dpi: 99, table: false}}"))
    assert experiment.figures.method_diagram.dpi == 99 and not experiment.figures.method_diagram.table
    assert capsys.readouterr().err == (
        "note: figures.scheme is read as figures.method_diagram, its name in new experiment files\n"
    )


def test_errors_name_the_key_as_written(tmp_path):
    with pytest.raises(InputError, match=r"mine.yaml:2: figures.scheme.dpi: input should be .* \(got 1\)"):
        load_files(written(tmp_path, mine="figures:\n  scheme: {dpi: 1}"))
    with pytest.raises(InputError, match=r"mine.yaml:1: figures.scheme.width: unknown key; did you mean 'width_in'"):
        load_files(written(tmp_path, mine="figures: {scheme: {width: 9}}"))


def test_a_new_name_is_laid_over_the_older_one_of_an_earlier_file(tmp_path):
    files = written(
        tmp_path, old="figures: {scheme: {dpi: 99, width_in: 9}}", new="figures: {method_diagram: {dpi: 88}}"
    )
    diagram = load_files(files).figures.method_diagram
    assert (diagram.dpi, diagram.width_in) == (88, 9)


@pytest.mark.parametrize(
    "texts",
    [
        {"new": "figures: {method_diagram: {dpi: 88}}", "old": "figures: {scheme: {dpi: 99}}"},
        {"old": "figures: {method_diagram: {dpi: 88}, scheme: {dpi: 99}}"},
    ],
)
def test_an_older_name_with_or_behind_the_new_one_is_refused(tmp_path, texts):
    with pytest.raises(InputError, match=r"old.yaml:1: figures.scheme: an older name of figures.method_diagram"):
        load_files(written(tmp_path, **texts))


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda path: path.parent.name)
def test_records_of_older_studies_are_read_without_a_note(file, capsys):
    load_files([file])
    assert "scheme" not in capsys.readouterr().err
