"""A run of a thousand short jobs is a thousand starts: a command imports what it needs and no more."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import draw_settings
from fewlabel.config.jobs.figures.registry import report_items
from fewlabel.config.jobs.training import evaluate_settings
from fewlabel.config.loading.load import load_files
from fewlabel.data.store.slice_store import pack
from fewlabel.data.subjects.subject import Subject
from helpers.trainings import EXPERIMENT, command, read

HEAVY = {
    "torch",
    "pandas",
    "scipy.ndimage",
    "skimage",
    "nibabel",
    "matplotlib",
    "seaborn",
    "monai",
    "sympy",
    "rocrate",
    "jinja2",
}

TRAINING = "from fewlabel.training import finetune, pretrain; from fewlabel.data.store import slice_store"
NEEDED = {
    "from fewlabel.cli import main": set(),
    TRAINING: {"torch", "pandas"},
    "from fewlabel.inference import evaluate": {"torch", "pandas", "nibabel", "scipy.ndimage"},
}


@pytest.mark.parametrize("code", NEEDED)
def test_nothing_comes_along_that_is_not_needed(code):
    command = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) <= NEEDED[code]


# ---------------------------------------------------------------------------------------------------------- commands
PUBLISHED = Path(__file__).parents[1] / "results" / "published" / "demo"
SHORT = EXPERIMENT.model_copy(update={"finetuning": EXPERIMENT.finetuning.model_copy(update={"steps": 2})})
METHOD = EXPERIMENT.methods["regression"]
QUICK = EXPERIMENT.model_copy(
    update={
        "methods": {
            "regression": METHOD.model_copy(update={"training": METHOD.training.model_copy(update={"steps": 2})})
        }
    }
)
DRAWING = {"matplotlib", "matplotlib.pyplot", "seaborn", "plotly", "PIL", "jinja2"}
SLOW = {"torch", "pandas", "numpy", "scipy", "skimage", "nibabel", *DRAWING}
COMPILER = {"torch._dynamo", "torch._inductor", "sympy"}
UNUSED = {
    "record": SLOW,
    "draw": SLOW - {"pandas", "numpy"},
    "pretrain": {*COMPILER, "scipy", "skimage", "nibabel", "pydicom", *DRAWING},
    "finetune": {*COMPILER, "scipy", "skimage", "nibabel", "pydicom", *DRAWING},
    "evaluate": {*COMPILER, *DRAWING - {"PIL"}},
    "finetune and evaluate": {*COMPILER, *DRAWING - {"PIL"}},
    "evaluate, taken over": SLOW,
    "table cohorts": {"torch", "scipy", "skimage", "nibabel", "matplotlib", "seaborn", "plotly"},
    "table dice": {"torch", "scipy.ndimage", "scipy.stats", "skimage", "nibabel", "matplotlib", "seaborn", "plotly"},
    "figure label_curves": {"torch", "matplotlib.pyplot", "seaborn", "statsmodels", "plotly", "skimage", "nibabel"},
    "figure learning_curves": {"torch", "matplotlib.pyplot", "seaborn", "statsmodels", "plotly", "skimage", "nibabel"},
    "figure method_diagram": {"torch", "matplotlib.pyplot", "seaborn", "statsmodels", "plotly", "skimage", "nibabel"},
}
"""What each command must not import."""
LISTING = """
import atexit, sys
place = sys.argv.pop()
atexit.register(lambda: open(place, "w").write(" ".join(sys.modules)))
from fewlabel.cli.main import main
main()
"""


def modules(folder, arguments):
    """The modules that a command imported, in a process of its own."""
    place = folder / "modules.txt"
    subprocess.run([sys.executable, "-c", LISTING, *map(str, arguments), place], check=True, capture_output=True)
    return set(place.read_text().split())


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A tiny store with the tables that trainings read."""
    folder = tmp_path_factory.mktemp("inputs")
    names = list("abcd")
    pack(
        [Subject(name, name, True) for name in names],
        read,
        Grid(matrix=(32, 32), spacing_mm=1),
        folder / "slices",
        folder / "native",
    )
    table = pd.DataFrame({"subject": names, "patient": names, "labelled": 1, "role": ["pool", "pool", "test", "test"]})
    table.to_csv(folder / "roles.csv", index=False)
    table[:2].assign(rank=[1, 2]).to_csv(folder / "draw.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def commands(inputs, tmp_path_factory):
    """The arguments of each command, in an order in which each finds its inputs."""
    out = tmp_path_factory.mktemp("out")
    roles = ["--roles", inputs / "roles.csv", "--truth", inputs / "native/labels"]
    settings = canonical(evaluate_settings(SHORT, "c", "scratch", 1))
    evaluate = [
        *("evaluate", "--settings", settings, "--store", inputs / "slices/store.json", *roles),
        *(
            "--scores",
            out / "scores.csv",
            "--predictions",
            out / "predictions",
            "--weights",
            out / "weights.safetensors",
        ),
    ]
    scratch = command(inputs, out, "scratch", experiment=SHORT)
    draw = ["--settings", canonical(draw_settings(SHORT, "c", 1)), "--roles", inputs / "roles.csv"]
    return {
        "record": ["record", "--settings", canonical(SHORT), "--experiment", out / "experiment.yaml"],
        "draw": ["draw", *draw, "--order", out / "order.csv"],
        "pretrain": command(inputs, out / "pretrained", "regression", experiment=QUICK),
        "finetune": scratch,
        "evaluate": evaluate,
        "finetune and evaluate": [*scratch, "--evaluation", settings, *roles],
        "evaluate, taken over": evaluate,
        **dict(reporting(out)),
    }


def reporting(out):
    """Figures and tables of the published demo."""
    ends = {"figure": ("png", "pdf"), "table": ("csv", "markdown", "latex", "html")}
    for item in report_items(load_files([PUBLISHED / "experiment.yaml"])):
        files = [part for end in ends[item.specification.kind] for part in (f"--{end}", out / f"x.{end}")]
        yield (
            item.command,
            [*item.command.split(), "--settings", canonical(item.settings), "--results", PUBLISHED, *files],
        )


def test_commands_import_nothing_that_they_do_not_use(commands, tmp_path):
    found = {name: unused & modules(tmp_path, commands[name]) for name, unused in UNUSED.items()}
    assert {name: names for name, names in found.items() if names} == {}
