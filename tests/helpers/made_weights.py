"""Weights of two finetunings of the made study (`make_study`)."""

import json

from fewlabel.config.study_layout import Run
from fewlabel.reporting.results.completeness import settings_of_run
from fewlabel.reporting.results.folder import read_experiment
from fewlabel.training.network import UNet
from fewlabel.training.weights import save_weights
from fewlabel.utils.atomic_files import sha256, write_text

ONE, TWO = "knee/regression/2/1", "knee/scratch/1/2"
FOLDERS = {ONE: "knee/finetuned/regression/n2/draw1", TWO: "knee/finetuned/scratch/n1/draw2"}


def add_weights(folder, **facts):
    """Weights of two runs, as a finetuning leaves them."""
    experiment = read_experiment(folder)
    cohort = experiment.cohorts["knee"]
    for run in FOLDERS.values():
        known = {
            "widths": experiment.network.widths,
            "settings": settings_of_run(experiment, Run.parse(run)),
            "prepared": {"grid": cohort.grid.model_dump(mode="json"), "bias_correction": None},
            "subjects": ["ann", "bob"],
        }
        weights = folder / run / "weights.safetensors"
        save_weights(weights, UNet([4, 8]).state_dict(), known | facts)
        reported = json.loads((folder / run / "run.json").read_text())
        outputs = {**reported.get("outputs", {}), weights.name: sha256(weights)}
        write_text(folder / run / "run.json", json.dumps({**reported, "outputs": outputs}))
    return folder
