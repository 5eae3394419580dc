"""Every command: its help, and that unreadable input ends with a message, never with a traceback."""

import inspect
import re
import shlex
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from pkgutil import walk_packages
from types import UnionType

import pytest
import typer

from fewlabel.cli import commands, main
from fewlabel.cli.common import Panel
from fewlabel.config import jobs
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.loading.load import load

ROOT = Path(__file__).parents[2]
COMMANDS = typer.main.get_command(commands.app).commands
ASIDE = {
    "calibrate": "measures for a minute",
    "destreaking": "measures for minutes, and reads no file",
    "doctor": "looks at the machine, not at files",
    "record": "gets the settings of the whole study, by another model",
    "report": "starts Snakemake",
    "snapshot": "copies the whole workflow",
    "watch": "does not end by itself",
}
"""Commands that are not tried, and why."""
BINARY = bytes(range(256)) * 12


def test_each_command_is_found_in_its_module_alone():
    modules = {name: command.callback.__module__ for name, command in COMMANDS.items()}
    assert {name: f"fewlabel.cli.{module}" for module, names in main.COMMANDS.items() for name in names} == modules


def experiment():
    return load(
        {
            "cohorts": {
                "c": {"source": {"kind": "phantom", "anatomy": "abdomen", "labelled": 6, "radial": {}}, "test": 2}
            },
            "figures": {"destreaking": {}},
            "methods": {
                "scratch": {"pretext": "none"},
                "regression": {"pretext": "regression"},
                "contrastive": {"pretext": "contrastive"},
            },
            "labels": [1, 2],
        }
    )


def builders():
    """How settings of each kind are made of an experiment, by their model."""
    made = {}
    known = {"cohort": "c", "method": "regression", "draw": 1, "n": 1, "fingerprint": "x"}
    modules = [import_module(found.name) for found in walk_packages(jobs.__path__, f"{jobs.__name__}.")]
    for name, function in (item for module in modules for item in vars(module).items()):
        if name.endswith("_settings") and inspect.isfunction(function):
            signature = inspect.signature(function)
            kind = signature.return_annotation
            model = kind.__args__[0] if isinstance(kind, UnionType) else kind
            arguments = [known[key] for key in list(signature.parameters)[1:] if key in known]
            made[model] = lambda function=function, arguments=arguments: function(experiment(), *arguments)
    return made


BUILDERS = {**builders(), Experiment: experiment}


def model_of(option):
    """The settings model that an option parses; None for other options."""
    parse = getattr(option.type_descriptor.parameter_info, "parser", None)
    return parse and next(cell.cell_contents for cell in parse.__closure__ if isinstance(cell.cell_contents, type))


def arguments_of(name, path, out):
    """The arguments of a command: valid settings, this path as every input, others as outputs."""
    arguments = [name]
    for option in COMMANDS[name].params:
        flag = [] if option.param_type_name == "argument" else [option.opts[0]]
        if (model := model_of(option)) is not None:
            if model not in BUILDERS:
                assert not option.required, f"{name}: no settings of {model.__name__}"
                continue
            settings = BUILDERS[model]()
            arguments += [*flag, canonical(settings)]
        elif "Path" in str(option.type_descriptor.annotation):
            written = "utput file" in (option.help or "") or option.name in ("output", "to", "state", "out")
            arguments += [*flag, str(out / option.name if written else path)]
        elif option.required:
            arguments += [*flag, "1"]
    return arguments


@pytest.fixture(params=["binary", "folder", "nested", "empty", "loop", "other encoding"])
def path(request, tmp_path):
    """Something that no command reads."""
    place = tmp_path / "given"
    if request.param == "folder":
        place.mkdir()
    elif request.param == "loop":
        place.symlink_to("given")
    else:
        content = {"binary": BINARY, "nested": b"[" * 100_000, "empty": b"", "other encoding": "ü,ö\n".encode("utf-16")}
        place.write_bytes(content[request.param])
    return place


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - set(ASIDE)))
def test_no_input_ends_a_command_with_a_traceback(name, path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["fewlabel", *arguments_of(name, path, tmp_path / "out")])
    with pytest.raises(SystemExit) as end:
        main.main()
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert end.value.code in (0, 1, 2)


def test_what_is_left_aside_exists():
    assert set(ASIDE) < set(COMMANDS)


VERBS = (
    "Assign Check Compare Copy Draw Estimate Export Find Join List Measure Pretrain Print Resample Segment Show "
    "Shuffle Train Write"
)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_panel_a_docstring_that_starts_with_a_verb_and_an_example(name):
    command = COMMANDS[name]
    assert command.rich_help_panel in list(Panel)
    assert command.help.split()[0] in VERBS.split(" "), "a verb that is not listed yet? add it"
    assert command.epilog.startswith(f"Example: fewlabel {name}")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_example_of_every_command_parses(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = COMMANDS[name].epilog.removeprefix("Example: fewlabel ").removeprefix(name)
    for option in COMMANDS[name].params:
        if "settings.json" in line and option.name == "settings":
            model = model_of(option)
            settings = BUILDERS[model]() if model in BUILDERS else experiment()
            Path("settings.json").write_text(canonical(settings))
    context = COMMANDS[name].make_context(name, shlex.split(line))
    assert not context.args


def test_help_lists_all_commands_in_panels_steps_of_the_workflow_last(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["fewlabel", "--help"])
    with pytest.raises(SystemExit):
        main.main()
    said = capsys.readouterr().out
    places = [said.index(panel) for panel in Panel]
    assert places == sorted(places)
    assert all(re.search(rf"^\W*{name} ", said, re.M) for name in COMMANDS)


def test_the_version_is_that_of_the_package(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["fewlabel", "--version"])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 0
    assert capsys.readouterr().out.split()[:2] == ["fewlabel", version("fewlabel")]


def test_a_settings_file_that_is_missing_or_wrong_is_named(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("wrong.json").write_text("[1, 2]")
    for file in ("none.json", "wrong.json"):
        monkeypatch.setattr(sys, "argv", ["fewlabel", *arguments_of("draw", tmp_path, tmp_path), "--settings", file])
        with pytest.raises(SystemExit) as end:
            main.main()
        assert end.value.code in (1, 2)
        assert file in capsys.readouterr().err
