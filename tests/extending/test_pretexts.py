"""A pretext of an installed package: trained, planned, described and shown like the built-in ones."""

import json

import pandas as pd
import pytest
import yaml

from helpers import preloaded
from helpers.studies import ROOT

ROTATION = {"rotation": {"pretext": "rotation", "rotation_stage": {"steps": 3, "batch": 4, "hidden": 8}}}


def python(code, env):
    """What a program prints as JSON."""
    process = preloaded.run(code, program="python-c", env=env)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_a_study_pretrains_finetunes_and_scores_with_it(study):
    pretrained = study.results / "prostate_phantom" / "pretrained" / "rotation"
    history = pd.read_csv(pretrained / "history.csv")
    assert history["stage"].tolist() == ["rotation_stage"] * 3
    # An untrained classifier of four angles: log 4, about.
    assert history["loss"].iloc[0] == pytest.approx(1.386, abs=0.7)
    facts = json.loads((pretrained / "run.json").read_text())
    assert facts["settings"]["method"]["pretext"] == "rotation" and facts["decoder_stages"] == 0
    assert facts["software"]["packages"]["fewlabel-toys"] == "0.1"
    finetuned = study.results / "prostate_phantom" / "finetuned" / "rotation" / "n1" / "draw1"
    start = json.loads((finetuned / "run.json").read_text())["initialisation"]
    assert start["loaded"] and all(name.startswith("encoder.") for name in start["loaded"])
    scores = pd.read_csv(study.results / "scores.csv")
    assert set(scores["method"]) == {"scratch", "rotation"} and scores["dice"].between(0, 1).all()


def test_captions_diagram_record_and_report_describe_it(study):
    report = (study.results / "report.html").read_text()
    assert "encoder 3 steps of 4 slices, each turned by a random angle" in report
    crate = json.loads((study.results / "provenance" / "ro-crate-metadata.json").read_text())
    assert any(entity.get("name") == "steps: rotation_stage" for entity in crate["@graph"])
    assert (study.results / "figures" / "figure2_scheme.pdf").exists()


def test_figure_1_shows_its_picture_in_its_colour(study, toys):
    assert (study.results / "figures" / "figure1_pretexts.png").stat().st_size > 5000
    drawn = """
import json
from pathlib import Path
from fewlabel.config.jobs.figures.pretexts import pretexts_settings
from fewlabel.reporting.images.pretexts import draw
from fewlabel.reporting.results.folder import read_experiment
results = Path({results!r})
settings = pretexts_settings(read_experiment(results))
figure = draw(results, settings)
panels = [axes for part in figure.subfigs for axes in part.axes]
print(json.dumps([settings.shown, [axes.get_title(loc="left") for axes in panels], figure.subfigs[0].get_suptitle(),
                  figure.subfigs[0]._suptitle.get_color()]))
"""
    shown, titles, head, colour = python(drawn.format(results=str(study.results)), toys)
    assert shown == {"rotation": "rotation"} and head.startswith("rotation: predict the rotation · ")
    assert [title.split(":")[0] for title in titles] == ["0°", "90°", "180°", "270°"] and colour == "#56b4e9"


def test_its_network_predicts(study, toys, tmp_path):
    weights = study.results / "prostate_phantom" / "finetuned" / "rotation" / "n1" / "draw1" / "weights.safetensors"
    image = next((study.results / "prostate_phantom" / "native").rglob("images/*.nii.gz"))
    process = preloaded.run("predict", weights, image, "--output", tmp_path / "mask.nii.gz", env=toys)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "mask.nii.gz").exists()


def test_a_finished_study_does_not_run_again(study):
    process = study.run("--dry-run")
    assert "Nothing to be done" in process.stdout + process.stderr


def test_plans_and_diagram_count_one_encoder_and_its_head(toys, tmp_path):
    overlay = tmp_path / "experiment.yaml"
    overlay.write_text(yaml.safe_dump({"methods": {"rotation": {"pretext": "rotation"}}}))
    code = f"""
import json
from pathlib import Path
from fewlabel.config.loading.load import load_files
from fewlabel.config.jobs.figures.method_diagram import method_diagram_settings
from fewlabel.operations.planning.step_work import step_work
from fewlabel.operations.planning.training_steps import pretraining_steps
from fewlabel.reporting.images.method_diagram_steps import steps
experiment = load_files([Path({str(ROOT / "config.yaml")!r}), Path({str(overlay)!r})])
(found,) = pretraining_steps(experiment, "prostate_phantom", "rotation")
shown = experiment.model_copy(update={{"methods": {{"rotation": experiment.methods["rotation"]}}}})
first, last = steps(method_diagram_settings(shown), "rotation")
print(json.dumps([
    found.step.model_dump(mode="json", exclude_none=True), step_work(found.step).parameters, found.count,
    [first.title, first.loss, first.hands_on, *first.notes], [state.name for state in (*last.encoder, *last.decoder)],
]))
"""
    step, parameters, count, diagram, states = python(code, toys)
    code = """
import json
from fewlabel_toys.training.rotation import Rotation
from fewlabel.training.network import UNet
widths, (rows, columns) = {widths}, {matrix}
side = 2 ** (len(widths) - 1)
objective = Rotation(UNet(widths), widths[-1] * (rows // side) * (columns // side), 64)
print(json.dumps(sum(value.numel() for value in objective.parameters())))
"""
    assert parameters == pytest.approx(python(code.format(**step), toys), rel=1e-3)  # but for the head's biases
    assert (step["stage"], step["views"], step["head"], count) == ("global", 1, [64, 4], 10_000)
    budget = "10,000 steps of 12 slices"
    assert diagram == ["Predict the rotation", "cross-entropy loss", "encoder", "4 angles, equally likely",
                       "head: fully connected, 64 and 4, then dropped", budget]  # fmt: skip
    assert states.count("GIVEN") == len(step["widths"]) and states.count("RANDOM") == len(step["widths"]) - 1


def refusal(folder, env, change):
    """What `fewlabel validate` says of the default experiment with a change."""
    overlay = folder / "experiment.yaml"
    overlay.write_text(yaml.safe_dump(change))
    process = preloaded.run("validate", overlay, env=env)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    return process.stderr


def test_settings_that_do_not_fit_it_are_refused_with_their_place(toys, tmp_path):
    oblong = {"cohorts": {"prostate_phantom": {"grid": {"matrix": [32, 64]}}}, "methods": ROTATION}
    text = refusal(tmp_path, toys, oblong)
    assert "experiment.yaml:9: methods.rotation.pretext: 32 x 64 slices of prostate_phantom cannot be turned" in text
    mistyped = {"methods": {"rotation": {"pretext": "rotation", "rotation_stage": {"hiden": 8}}}}
    assert "rotation_stage.hiden: unknown key; did you mean 'hidden'?" in refusal(tmp_path, toys, mistyped)
    text = refusal(tmp_path, toys, {"methods": {"rotation": {"pretext": "rotatoin"}}})
    assert "did you mean 'rotation'?; accepted: none, regression, contrastive, joint, rotation, or one of" in text


def test_without_the_package_the_message_says_that_one_may_be_missing(tmp_path):
    text = refusal(tmp_path, preloaded.NONE, {"methods": ROTATION})
    assert "unknown pretext 'rotation'; accepted: none, regression, contrastive, joint, or one of an installed" in text


def test_a_job_without_the_package_names_the_pretext_and_what_to_do(study):
    facts = json.loads((study.results / "prostate_phantom" / "pretrained" / "rotation" / "run.json").read_text())
    command = ["pretrain", "--settings", json.dumps(facts["settings"])]
    for name in ("store", "roles", "weights", "history", "run"):
        command += [f"--{name}", study.folder / name]
    process = preloaded.run(*command, env={"COLUMNS": "500"})
    assert process.returncode != 0 and "Traceback" not in process.stderr
    assert "method: Input tag 'rotation'" in process.stderr and "to fix: install the package" in process.stderr


SPECIFICATION = """
from typing import Literal
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.specification import Pretext, PretextStage, StageOutline
from fewlabel.config.training import Training

class Method(PretrainedBase):
    pretext: Literal["{name}"]
    {stage}: Training = Training(augmentation="none")

def outline(method):
    return StageOutline(task="Guess", input="slice", loss="guess", caption="nothing")

P = Pretext(settings=Method, stages={{"{key}": PretextStage(title="Guess", loss="guess", outline=outline)}},
    implementation="{implementation}")
"""
FITS = {"name": "guess", "stage": "guess_stage", "key": "guess_stage", "implementation": "guessing.impl:STAGES"}
REFUSED = {
    "another name": ({"name": "other"}, 'has no field `pretext: Literal["guess"]`; accepted: the name of the entry'),
    "no such field": ({"key": "gess_stage"}, "stage 'gess_stage' is no field of Method; accepted: labels, finetuning"),
    "a taken stage": ({"stage": "training", "key": "training"}, "stage 'training' has a name that is taken"),
    "no module": ({"implementation": "guessing.absent:STAGES"}, "`implementation` is 'guessing.absent:STAGES'; accep"),
    "no attribute": ({"implementation": "guessing.impl"}, "`implementation` is 'guessing.impl'; accepted: 'module:at"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_specification_that_does_not_fit_is_refused_by_workflow_and_commands(installed, tmp_path, case):
    changes, message = REFUSED[case]
    entry = {"fewlabel.pretexts": {"guess": "guessing.spec:P"}}
    env = installed("guessing", entry, spec=SPECIFICATION.format(**{**FITS, **changes}), impl="STAGES = {}")
    text = refusal(tmp_path, env, {})
    assert "guessing 1.2, entry point 'guess' in 'fewlabel.pretexts' (guessing.spec:P): " in text
    assert message in text and "to fix: install a version of guessing that fits" in text


def test_a_specification_without_a_part_names_the_part(installed, tmp_path):
    text = SPECIFICATION.format(**FITS).replace("settings=Method, ", "")
    env = installed("guessing", {"fewlabel.pretexts": {"guess": "guessing.spec:P"}}, spec=text)
    assert "missing 1 required keyword-only argument: 'settings'" in refusal(tmp_path, env, {})


def test_an_implementation_without_a_stage_is_refused_before_training(installed):
    entry = {"fewlabel.pretexts": {"guess": "guessing.spec:P"}}
    env = installed("guessing", entry, spec=SPECIFICATION.format(**FITS), impl="STAGES = {}")
    code = """
import json
from fewlabel.config.pretexts.registry import PRETEXTS
from fewlabel.training.pretexts.base import stage_implementations
try:
    stage_implementations(PRETEXTS["guess"].settings(pretext="guess"))
except ValueError as error:
    print(json.dumps(str(error)))
"""
    assert python(code, env).startswith(
        "pretext guess: its implementation 'guessing.impl:STAGES' has no stage 'guess_stage'; accepted: a mapping"
    )
