"""Every command with input that is none of its kind ends with a message, never with a traceback."""

import inspect
import sys
from pathlib import Path
from types import UnionType

import pytest
import typer

from fewlabel.cli import main
from fewlabel.config import jobs
from fewlabel.config.loading.load import load

ROOT = Path(__file__).parents[2]
COMMANDS = typer.main.get_command(main.app).commands
ASIDE = {
    "calibrate": "measures for a minute",
    "destreaking": "measures for minutes, and reads no file",
    "doctor": "looks at the machine, not at files",
    "freeze": "copies the whole workflow",
    "record": "is told of the whole study, by another model",
    "report": "starts Snakemake",
    "watch": "does not end by itself",
}
"""Commands that are not tried, and why."""
MODULES = (
    jobs,
    jobs,
    jobs,
    jobs,
    jobs,
    jobs,
    jobs,
    jobs,
)
BINARY = bytes(range(256)) * 12


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
    found = {}
    known = {"cohort": "c", "method": "regression", "draw": 1, "n": 1, "fingerprint": "x"}
    for module in MODULES:
        for name, function in vars(module).items():
            if name.endswith("_settings") and inspect.isfunction(function):
                signature = inspect.signature(function)
                kind = signature.return_annotation
                model = kind.__args__[0] if isinstance(kind, UnionType) else kind
                arguments = [known[key] for key in list(signature.parameters)[1:] if key in known]
                found[model] = lambda function=function, arguments=arguments: function(experiment(), *arguments)
    return found


BUILDERS = builders()


def told(name, path, out):
    """The arguments of a command: sound settings, this path for all that is read, others for what is written."""
    arguments = [name]
    for option in COMMANDS[name].params:
        kind = option.type_descriptor
        parse = getattr(kind.parameter_info, "parser", None)
        flag = [] if option.param_type_name == "argument" else [option.opts[0]]
        if parse is not None:
            model = next(cell.cell_contents for cell in parse.__closure__ if isinstance(cell.cell_contents, type))
            if model not in BUILDERS:
                assert not option.required, f"{name}: no settings of {model.__name__}"
                continue
            settings = BUILDERS[model]()
            arguments += [*flag, jobs.canonical(settings)]
        elif "Path" in str(kind.annotation):
            written = "Written" in (option.help or "") or option.name in ("output", "to", "state", "out")
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
    monkeypatch.setattr(sys, "argv", ["fewlabel", *told(name, path, tmp_path / "out")])
    with pytest.raises(SystemExit) as end:
        main.main()
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert end.value.code in (0, 1, 2)


def test_what_is_left_aside_exists():
    assert set(ASIDE) < set(COMMANDS)
