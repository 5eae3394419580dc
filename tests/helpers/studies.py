"""Tiny studies on phantoms, run as a user runs them: `snakemake` and its jobs, each in a process of its own."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml
from filelock import FileLock

from helpers import preloaded

ROOT = Path(__file__).parents[2]

TINY = {
    "study": "tiny",
    "cohorts": {
        "liver_phantom": {
            "source": {"labelled": 6, "unlabelled": 2, "pixel_mm": 8, "slice_mm": 16},
            "grid": {"matrix": [32, 32], "spacing_mm": 12},
            "test": 3,
        },
        "prostate_phantom": {
            "source": {"labelled": 5, "unlabelled": 1, "pixel_mm": 4, "slice_mm": 8},
            "grid": {"matrix": [32, 32], "spacing_mm": 5},
            "test": 2,
        },
    },
    "methods": {
        "regression": {"training": {"steps": 3, "batch": 4}},
        "contrastive": {
            "global_stage": {"steps": 3, "batch": 8, "head": [16, 8]},
            "local_stage": {"steps": 3, "batch": 4, "head": [8, 8], "decoder_stages": 1, "region_size": 2},
        },
        # It has a budget of its own.
        "supervised": {"finetuning": {"steps": 8}},
    },
    "labels": [1, 2],
    "draws": 2,
    "network": {"widths": [4, 8, 12]},
    "finetuning": {"steps": 4, "batch": 4, "warmup": 0},
    "intervals": {"resamples": 100},
    "figures": {
        figure: {"dpi": 60}
        for figure in (
            *(
                "method_diagram",
                "label_curves",
                "label_efficiency",
                "paired_subjects",
                "differences",
                "pretexts",
                "local_similarity",
            ),
            "contact_sheets",
        )
    },
}

MARKUP = (
    "O'Brien & <img src=x onerror=alert(1)></script> {x} [x](javascript:1) $HOME `touch pwned` "
    '"q" $(touch pwned) | \\ $a_{'
)
"""A title that would be code, were it ever read as a shell's, a page's or a format's."""


def merged(base, change):
    """`base` with `change` laid over it, mappings key by key."""
    result = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


HERE = ("--cores", "2")


class Study:
    """A folder in which experiments are run."""

    variables: Mapping[str, str] = preloaded.NONE
    """Environment variables of all its runs."""

    def __init__(self, folder, made_in=None):
        self.folder = folder
        self.made_in = made_in or folder
        """Where its jobs ran: a copy remembers it."""
        self.results = folder / "results" / "tiny"

    def copy_to(self, folder):
        """A copy in an empty folder, as finished as this one: with Snakemake's records and all dates."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        return Study(folder, self.made_in)

    def run(self, *arguments, change=None, env=None, here=HERE):
        """Run snakemake on the tiny experiment, changed, and return the finished process.

        Snakemake and the jobs are forked from a process that has imported them; see `helpers.preloaded`. With `here`
        empty, a profile says where it runs.
        """
        everything = {**self.variables, **(env or {})}
        call = self._call((*here, *arguments), change, everything, preloaded.commands(self.variables))
        return subprocess.run(**call, capture_output=True, text=True, check=False)

    def start(self, *arguments, change=None, env=None, here=HERE, commands=preloaded.BIN):
        """The same without waiting: a session of its own, of processes that can be killed; its output is in a file."""
        with self.output.open("w") as output:
            call = self._call((*here, *arguments), change, env, commands)
            # Ctrl-C must reach it even where the tests run in a shell's background, which ignores it.
            return subprocess.Popen(
                **call,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def output(self):
        """What the last one that was started says."""
        return self.folder / "output.txt"

    def _call(self, arguments, change, env, commands):
        overlay = self.folder / "experiment.yaml"
        overlay.write_text(yaml.safe_dump(merged(TINY, change or {})))
        command = [commands / "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", self.folder]
        command += ["--configfile", overlay, *arguments]
        environment = {**os.environ, **(env or {})}
        environment["PATH"] = os.pathsep.join([str(commands), str(preloaded.BIN), environment["PATH"]])
        return {"args": command, "cwd": self.folder, "env": environment}

    def said(self, *arguments, **options):
        """The exit code of such a run, and all that it said."""
        process = self.run(*arguments, **options)
        return process.returncode, process.stdout + process.stderr

    def planned(self, *arguments, change=None):
        """The jobs that a dry run plans: rule names with how often, and all job descriptions as one text.

        Targets are left out, and so are `record`, which writes down every change of the experiment, and `report` and
        `results_page`, which tell it.
        """
        code, text = self.said("--dry-run", *arguments, change=change)
        assert code == 0, text
        rows = [line.split() for line in text.partition("Job stats:")[2].splitlines()[3:]]
        counts = {row[0]: int(row[1]) for row in rows[: next((i for i, row in enumerate(rows) if not row), 0)]}
        dull = ("all", "total", "figures", "tables", "pictures", "record", "report", "results_page")
        return {rule: count for rule, count in counts.items() if rule not in dull}, text


def made_once(tmp_path_factory, name, make):
    """A study that one of all pytest-xdist workers makes, as a copy that is this worker's own.

    `make` runs it in a given folder and returns the finished process; where that failed, each worker says how.
    """
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"made_{name}"
    outcome = place.with_suffix(".outcome")
    with FileLock(place.with_suffix(".lock")):
        if not outcome.exists():
            place.mkdir(exist_ok=True)
            process = make(place)
            outcome.write_text(process.stdout + process.stderr if process.returncode else "")
    assert not outcome.read_text(), outcome.read_text()
    return Study(place).copy_to(tmp_path_factory.mktemp(name))
