"""A figure of an installed package: drawn, planned, recorded and shown like the built-in ones."""

import json

import pytest
from PIL import Image

from helpers import preloaded
from helpers.studies import ROOT

SPECIFICATION = """
from pathlib import Path
from fewlabel.config.base import Settings
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
FIGURE = FigureSpecification(
    kind="figure", name={name!r}, title="T", summary="S.", settings_class=Settings, stem={stem!r},
    settings=lambda experiment: Settings(), inputs=from_scores, implementation="second.figure:draw",
    caption=Path({caption!r}),
)
def draw(results, settings):
    return "no figure"
"""


def draw(name, folder, env):
    files = ["--results", folder, "--png", folder / "a.png", "--pdf", folder / "a.pdf"]
    return preloaded.run("figure", name, "--settings", "{}", *files, env=env)


def test_report_and_record_have_it_and_its_caption(study):
    for ending in ("png", "pdf"):
        assert (study.results / "figures" / f"volumes.{ending}").stat().st_size > 1000
    report = (study.results / "report.html").read_text()
    assert "Predicted against true volume of the target in ml, a point for each run and test subject" in report
    page = (study.results / "index.html").read_text()
    assert 'id="volumes"' in page and "Predicted against true volume of the target in ml, a point for each run" in page
    crate = json.loads((study.results / "provenance" / "ro-crate-metadata.json").read_text())["@graph"]
    tools = [each for each in crate if each["@type"] == "SoftwareApplication"]
    (tool,) = [each for each in tools if each["name"] == "fewlabel figure volumes"]
    assert tool["description"] == "Predicted against true volume of the target, a panel a cohort, a colour a method."
    assert any(entity["@id"] == "figures/volumes.png" for entity in crate)


def test_targets_and_plans_have_it(study, toys):
    process = study.run("--dry-run", "--forcerun", "figure_volumes", "--", "figures")
    assert "Volumes (log: " in process.stdout + process.stderr, process.stderr
    code = """
import json
from pathlib import Path
from fewlabel.config.loading.load import load_files
from fewlabel.operations.planning.tasks import reports
print(json.dumps(reports(load_files([Path("config.yaml")]))))
"""
    process = preloaded.run(code, program="python-c", env=toys, cwd=ROOT)
    assert json.loads(process.stdout)["figure_volumes"] == "figures/volumes.png", process.stderr


def test_its_options_are_set_in_the_experiment_file(study):
    with Image.open(study.results / "figures" / "volumes.png") as image:
        assert image.size == (2 * 2 * 60, 2 * 60)  # two cohorts, panels of 2 inches


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{panel_in: 40}", "figures.volumes.panel_in: input should be less than or equal to 12 (got 40)"),
        ("{panel: 4}", "figures.volumes.panel: unknown key; did you mean 'panel_in'?; accepted here: panel_in, dpi"),
        ("3", "figures.volumes: input should be a mapping of keys (`key: value`) (got 3)"),
    ],
)
def test_its_options_are_checked_like_built_in_ones(options, message, toys, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"figures:\n  volumes: {options}\n")
    process = preloaded.run("validate", file, env=toys)
    assert process.returncode == 1
    assert process.stderr == f"problem  {file}:2: {message}\n"


def test_a_study_that_sets_none_can_be_read_without_the_package(toys, tmp_path):
    file = tmp_path / "experiment.yaml"
    process = preloaded.run("validate", ROOT / "config.yaml", env=toys)
    assert process.returncode == 0, process.stderr
    file.write_text(process.stdout)
    assert preloaded.run("validate", file).returncode == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("str", "options <class 'str'>; accepted: a subclass of fewlabel.config.base.Settings"),
        ("type('O', (Settings,), {'__annotations__': {'size': int}})", "options without a default: size; accepted"),
    ],
)
def test_options_that_do_not_fit_are_named(options, message, installed, tmp_path):
    text = SPECIFICATION.format(name="mine", stem="", caption=__file__).replace("kind=", f"options={options}, kind=")
    env = installed("second", {"fewlabel.figures": {"mine": "second.figure:FIGURE"}}, figure=text)
    process = draw("mine", tmp_path, env)
    assert process.returncode == 1 and message in process.stderr and "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("name", "stem", "caption", "message"),
    [
        ("other", "", __file__, "name 'other'; accepted: the name of the entry point"),
        ("mine", "figure2_scheme", __file__, "stem 'figure2_scheme'; accepted: a name of its own"),
        ("mine", "a/b", __file__, "stem 'a/b'; accepted: a name of its own"),
        ("mine", "", "none.rst", "caption none.rst: no such file; accepted: the absolute path"),
    ],
)
def test_a_specification_that_does_not_fit_is_named_with_its_package(
    name, stem, caption, message, installed, toys, tmp_path
):
    text = SPECIFICATION.format(name=name, stem=stem, caption=caption)
    env = installed("second", {"fewlabel.figures": {"mine": "second.figure:FIGURE"}}, figure=text)
    process = draw("mine", tmp_path, env)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert process.stderr.startswith("fewlabel: second 1.2, entry point 'mine' in 'fewlabel.figures'")
    assert message in process.stderr and "pip uninstall second" in process.stderr


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        ("second.figure:draw", "second.figure:draw returned str; accepted: matplotlib.figure.Figure"),
        ("second.absent:draw", "cannot be imported (No module named 'second.absent')"),
    ],
)
def test_an_implementation_that_does_not_fit_is_named(implementation, message, installed, tmp_path):
    text = SPECIFICATION.format(name="mine", stem="", caption=__file__).replace("second.figure:draw", implementation)
    env = installed("second", {"fewlabel.figures": {"mine": "second.figure:FIGURE"}}, figure=text)
    process = draw("mine", tmp_path, env)
    assert process.returncode == 1 and "Traceback" not in process.stderr and message in process.stderr


def test_a_name_that_is_none_is_refused_with_those_there_are(toys, tmp_path):
    process = draw("dice", tmp_path, toys)
    assert process.returncode == 1
    assert "figure 'dice': there is none; accepted: destreaking, differences, gallery" in process.stderr
    assert "volumes" in process.stderr
