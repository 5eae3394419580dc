"""Results of a small study with odd texts, and their record."""

import getpass
import hashlib
import json
import socket
from pathlib import Path

from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.provenance import provenance_settings

ROOT = Path(__file__).parents[2]


NASTY = [
    "<script>alert('x')</script>",
    'a "quoted" b',
    "Müller 木 😀",
    "../../etc/passwd",
    "a b#c?d%e",
    "line\nbreak",
    "\ud800",
]


EXPERIMENT = Experiment.model_validate(
    {
        "study": "small",
        "data_root": "/home/somebody/data",
        "cohorts": {
            "liver": {"source": {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}, "title": NASTY[0]},
            "own": {"source": {"kind": "nifti", "folder": "/home/somebody/own cohort"}, "title": NASTY[2]},
        },
        "methods": {
            "scratch": {"pretext": "none"},
            "regression": {"pretext": "regression"},
        },
        "labels": [1, 2],
        "draws": 2,
    }
)  # fmt: skip


RUNS, PRETRAININGS = 2 * 2 * 2 * 2, 2


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def text_of(path):
    """What lies at a place of the results: its own path, as far as the file must not be read."""
    if path.endswith("store.json"):
        return json.dumps({"of": path})
    if path.endswith("/history.csv"):
        return f"stage,step,loss,learning_rate,of\nfinetune,1,0.5,0.001,{path}\n"
    if "finetuned" in path and path.endswith("/scores.csv"):
        cohort, _, method, n, draw, _ = path.split("/")
        row = f"{cohort},{method},{n[1:]},{draw[4:]},s1,0.5,1.0,1.0,10.0,10.0"
        return f"cohort,method,n,draw,subject,dice,hd95_mm,assd_mm,truth_ml,predicted_ml\n{row}\n"
    return path


def digest_of(path):
    return digest(text_of(path))


def facts(folder, inputs, **changes):
    return {
        "kind": "finetune",
        "settings": {"labels": 1, "seed": 3914},
        "settings_sha256": digest("settings"),
        "recipe": 1,
        "subjects": ["s1", *NASTY],
        "device": "cuda",
        "deterministic": False,
        "steps": {"finetune": 200},
        "software": {
            "fewlabel": "0.1.0",
            "commit": "c0ffee",
            "dirty": True,
            "python": "3.11.7",
            "packages": {"torch": "2.13.0", NASTY[0]: NASTY[4]},
        },
        "hardware": {"processor": "A processor", "cores": 2, "gpu": "A GPU", "host": socket.gethostname()},
        "time": {"started": "2026-11-24T15:00:00+00:00", "ended": "2026-11-24T15:00:12.5+00:00", "seconds": 12.3},
        "memory": {"peak_host_bytes": 123456, "user": getpass.getuser()},
        "inputs": inputs,
        "outputs": {name: digest_of(f"{folder}/{name}") for name in ("weights.safetensors", "history.csv")},
        "command": ["/home/somebody/bin/fewlabel"],
        **changes,
    }


def make_results(folder, reported=facts):
    """The results of a study as the rules leave them."""
    for cohort in EXPERIMENT.cohorts:
        names = ["slices/store.json", "slices/index.csv", "slices/subjects.csv", "splits/roles.csv"]
        names += ["splits/draw1.csv", "splits/draw2.csv", "fetched/abc/subjects.csv", "fetched/old/source.json"]
        for name in names:
            write(folder / cohort / name, text_of(f"{cohort}/{name}"))
        for name in ("splits/source.json", "fetched/abc/source.json"):
            write(folder / cohort / name, json.dumps({"fingerprint": f"of {cohort}", "folder": "/home/somebody"}))
        runs = [f"finetuned/{m}/n{n}/draw{d}" for m in EXPERIMENT.methods for n in (1, 2) for d in (1, 2)]
        for run in ["pretrained/regression", *runs]:
            place = f"{cohort}/{run}"
            inputs = {"slices/store.json": digest_of(f"{cohort}/slices/store.json")}
            if "finetuned/regression" in run:
                inputs["initial weights"] = digest_of(f"{cohort}/pretrained/regression/weights.safetensors")
            for name in ("weights.safetensors", "history.csv", "scores.csv"):
                write(folder / place / name, text_of(f"{place}/{name}"))
            write(folder / place / "run.json", json.dumps(reported(place, inputs)))
    for name in (
        "figures/differences.png",
        "figures/figure1_pretexts.png",
        "figures/figure2_scheme.png",
        "figures/figure3_label_curves.png",
        "figures/figure4_liver.png",
        "figures/gallery_own.png",
        *(f"tables/quality_{cohort}.csv" for cohort in EXPERIMENT.cohorts),
        *(f"figures/contact_sheet_{cohort}.png" for cohort in EXPERIMENT.cohorts),
        "figures/label_efficiency.png",
        "figures/learning_curves.png",
        "history.csv",
        "figures/paired_subjects.png",
        "tables/table1_cohorts.md",
        "tables/table2_dice.csv",
        "tables/table3_differences.csv",
        "tables/table4_labels.csv",
        "explorer.html",
        "scores.csv",
    ):
        write(folder / name, name)
    return folder


def make_crate(results, crate):
    settings = canonical(provenance_settings(EXPERIMENT))
    arguments = ["--settings", settings, "--results", results, "--workflow", ROOT, "--folder", crate]
    return CliRunner().invoke(app, ["provenance", *map(str, arguments)])


def entities(crate):
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    assert len({entity["@id"] for entity in graph}) == len(graph)
    return {entity["@id"]: entity for entity in graph}


def ids(value):
    return [item["@id"] for item in (value if isinstance(value, list) else [value])] if value else []


def bytes_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
