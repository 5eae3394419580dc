"""The model card of a finetuned network: data, training, scores, use and limits.

After Mitchell et al., Model Cards for Model Reporting, FAT* 2019, doi:10.1145/3287560.3287596.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from fewlabel.config.cohort import Cohort
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.titles import cohort_title, titles
from fewlabel.config.jobs.training import FinetuneSettings, finetune_settings, finetuning, pretrained_as
from fewlabel.config.loading.load import load
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import pretraining_stages
from fewlabel.config.study_layout import EXPERIMENT, LAYOUT, WEIGHTS, Run
from fewlabel.config.training import Finetuning, Training
from fewlabel.data.labelled_pool import labelled_count
from fewlabel.data.subjects.licences import NOT_STATED, terms
from fewlabel.reporting.cohort_text import channels_text, classes_text, context_text, loss_text, processing_text
from fewlabel.reporting.results.folder import Results
from fewlabel.reporting.results.run_facts import Facts
from fewlabel.reporting.statistics.classes import CLASS, class_title, one_class, views
from fewlabel.reporting.statistics.scores import FOLD
from fewlabel.reporting.statistics.summary import summarise
from fewlabel.reporting.tables.formats import markdown_cell
from fewlabel.reporting.tables.table import between, bootstrap_note, classes_note, distance
from fewlabel.utils.errors import InputError

CARD = "MODEL_CARD.md"
SOFTWARE = ("torch", "numpy", "nibabel", "scipy", "simpleitk")
"""Packages whose versions a card lists, since scores depend on them."""

USE = (
    f"`fewlabel predict {WEIGHTS} image.nii.gz -o mask.nii.gz` writes {{mask}} on the image's grid. Images "
    "should resemble the volumes above: the same contrast and body part. `fewlabel export` writes ONNX and a MONAI "
    "bundle."
)
MASKS = ("a mask (1 inside)", "a label map with the values of the classes above")


def chosen_run(results: Results, requested: str) -> Run:
    """The finetuning named `cohort/method/N/draw`, such as `liver-fold2/supervised/all/1`. Raises InputError."""
    runs = [run for run in map(Run.parse, results.runs) if run.kind == "finetuned"]
    by_name = {f"{run.part}/{run.method}/{run.n}/{run.draw}": run for run in runs}
    if requested in by_name:
        return by_name[requested]
    parts = zip(
        ("cohorts", "methods", "N", "draws"), zip(*(key.split("/") for key in by_name), strict=True), strict=True
    )
    present = "; ".join(f"{name}: {', '.join(dict.fromkeys(values))}" for name, values in parts)
    raise InputError(
        f"{requested!r}: no such finetuning of {results.folder.name}; accepted: cohort/method/N/draw; {present}"
    )


def model_card(results: Results, run: Run) -> str:
    """The model card in Markdown, without ids of subjects. Raises InputError: no experiment, or no scores."""
    experiment = load(results.experiment, [results.folder / EXPERIMENT])
    facts = results.runs[str(run)]
    cohort = experiment.cohorts[run.cohort]
    names = titles(experiment)
    name = f"{names.cohorts[run.cohort].title}, {names.methods[run.method].title}, N = {run.n}, draw {run.draw}"
    own, alike = _scores(results, run)
    parts = {
        "Data": _data(results, run, cohort, facts),
        "Training": _recipe(results, run, experiment, facts),
        "Scores": _score_lines(own, alike, experiment, run),
        "Use": USE.format(mask=MASKS[bool(cohort.source.classes)]),
        "Limits": "\n".join(f"- {line}" for line in _limits(own, cohort, run, experiment)),
    }
    body = "\n\n".join(f"## {heading}\n{text}" for heading, text in parts.items())
    return f"# Model card: {markdown_cell(name)}\n\nA 2D U-Net of the study `{experiment.study}`.\n\n{body}\n"


# ----------------------------------------------------------------------------------------------------------- sections
def _table(rows: Mapping[str, str]) -> str:
    lines = [f"| {name} | {markdown_cell(value)} |" for name, value in rows.items() if value]
    return "\n".join(["| | |", "|---|---|", *lines])


def _data(results: Results, run: Run, cohort: Cohort, facts: Facts) -> str:
    owed = terms(cohort)
    roles = results.tables.get(LAYOUT.roles(run.part), pd.DataFrame({"role": []}))["role"].value_counts()
    counts = [f"{count} {role}" for role in ("pool", "unlabelled", "test", "withheld") if (count := roles.get(role))]
    return _table(
        {
            "volumes": cohort.source.description,
            "classes (label values)": classes_text(cohort.source),
            "channels": channels_text(cohort.source),
            "licence of the volumes": owed.licence,
            "cite": owed.citation or "not stated",
            "subjects of the study": ", ".join(counts),
            f"labelled {cohort.count} that this network was trained on": str(labelled_count({"subjects": [], **facts}))
            or str(run.n),
            "test fold": f"{run.fold} of {cohort.folds}" if run.fold is not None else "",
        }
    )


def _recipe(results: Results, run: Run, experiment: Experiment, facts: Facts) -> str:
    method, cohort = experiment.methods[run.method], experiment.cohorts[run.cohort]
    start = pretrained_as(experiment, run.method)
    rows = {"start": "at random" if start is None else f"pretrained without labels ({method.pretext})"}
    if start is not None and isinstance(method, PretrainedBase):
        rows |= {
            f"pretraining, {key.replace('_', ' ')}": _training(of) for key, of in pretraining_stages(method).items()
        }
        earlier = results.runs.get(str(Run(run.part, start)), {})
        rows["pretraining took"] = _took(earlier)
    rows["finetuning"] = _training(finetuning(experiment, run.method))
    rows["finetuning took"] = _took(facts)
    grid = cohort.grid
    rows |= {
        "network": f"U-Net, widths {', '.join(map(str, experiment.network.widths))}, "
        + _channels_of(finetune_settings(experiment, run.part, run.method, run.n or 1, run.draw or 1)),
        "network's input": context_text(experiment.network.context),
        "slices": f"{grid.plane}, {grid.matrix[0]} x {grid.matrix[1]} (rows x columns) of {grid.spacing_mm:g} mm, "
        + ("distance as it is" if grid.slice_mm is None else f"{grid.slice_mm:g} mm apart"),
        "intensities": f"percentiles {grid.percentiles[0]:g} and {grid.percentiles[1]:g} of the volume become 0 and 1"
        + ("" if cohort.bias_correction is None else ", after N4 bias correction"),
        "post-processing": processing_text(experiment),
        "seed": str(experiment.seed),
        "software": _software(facts),
        "machine": " ".join(str(facts[key]) for key in ("device", "precision") if key in facts),
    }
    return _table(rows) + f"\n\nAll settings: `{EXPERIMENT}` of the study, and the metadata of `{WEIGHTS}`."


def _channels_of(settings: FinetuneSettings) -> str:
    """Channels of a network: into it and out of it."""
    if settings.outputs == 1:
        return f"{'one channel' if settings.inputs == 1 else f'{settings.inputs} channels'} in, one out"
    channels = "1 channel" if settings.inputs == 1 else f"{settings.inputs} channels"
    return f"{channels} in, {settings.outputs} out (softmax over background and classes)"


def _training(training: Training) -> str:
    """A training's budget as text."""
    batch = getattr(training, "batch", None)
    parts = [
        f"{training.steps} steps",
        *([f"batches of {batch}"] if batch is not None else []),
        f"learning rate {training.learning_rate:g} ({training.schedule}, warm-up {training.warmup} steps)",
        f"weight decay {training.weight_decay:g}",
    ]
    if isinstance(training, Finetuning):
        parts += [f"{loss_text(training)}, last weights", f"augmentation {training.augmentation}"]
    return ", ".join(parts)


def _took(facts: Facts) -> str:
    time = facts.get("time")
    seconds = time.get("seconds") if isinstance(time, dict) else None
    return f"{seconds:.0f} s" if isinstance(seconds, int | float) else ""


def _software(facts: Facts) -> str:
    software: dict[str, Any] = facts.get("software", {})
    packages = software.get("packages", {})
    versions = {"fewlabel": software.get("fewlabel"), "Python": software.get("python")}
    versions |= {name: packages.get(name) for name in SOFTWARE}
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def _scores(results: Results, run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores of this network, and of all draws (and test folds) of its method at its N."""
    scores = results.scores[results.scores["cohort"] == run.cohort]
    n = scores["n"].max() if run.n == "all" else run.n
    alike = scores[(scores["method"] == run.method) & (scores["n"] == n)]
    own = alike[alike["draw"] == run.draw]
    if run.fold is not None and FOLD in own:
        own = own[own[FOLD] == run.fold]
    if own.empty:
        raise InputError(
            f"{results.folder}: no scores of {run}; to fix: run `snakemake` with the experiment to its end"
        )
    return own, alike


def _score_lines(own: pd.DataFrame, alike: pd.DataFrame, experiment: Experiment, run: Run) -> str:
    intervals = experiment.intervals
    level = f"{intervals.level * 100:g} % interval"
    head = ["", "networks", f"{_tested(experiment.cohorts[run.cohort])} subjects", "mean Dice", level,
            "lowest subject", "median HD95, mm"]  # fmt: skip
    every = f"all draws of this method at N = {run.n}"
    rows = [
        _score_row(f"{name}{f', {class_title(view)}' if view else ''}", one_class(scores, view), intervals)
        for view in views(own)
        for name, scores in (("this network", own), (every, alike))
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    note = f"Dice of whole volumes on their native grids, 0 to 1. {bootstrap_note(intervals)}"
    note += " HD95 is undefined if one of the two masks is empty; such scores are left out."
    note = " ".join([note, *classes_note(pd.DataFrame({CLASS: views(own)}))])
    return "\n".join(lines) + f"\n\n{note} The first row describes one network, the second its recipe."


def _score_row(name: str, scores: pd.DataFrame, intervals: Intervals) -> list[str]:
    summary = summarise(scores, intervals)
    trained = scores[["draw", *([FOLD] if FOLD in scores else [])]].drop_duplicates()
    return [
        name,
        str(len(trained)),
        str(summary.subjects),
        f"{summary.mean:.3f}",
        between(summary.low, summary.high, 3),
        f"{scores['dice'].min():.3f}",
        distance(scores["hd95_mm"].median(), int(scores["hd95_mm"].isna().sum()), len(scores)),
    ]


def _tested(cohort: Cohort) -> str:
    return "test" if cohort.validation is None else "validation"


def _limits(own: pd.DataFrame, cohort: Cohort, run: Run, experiment: Experiment) -> Iterator[str]:
    yield "For research only, not for clinical use: this is no medical device, and no authority has tested it."
    where = markdown_cell(cohort_title(experiment, run.cohort))
    yield (
        f"Tested only on {own['subject'].nunique()} subjects of the same cohort ({where}): not on other scanners, "
        "sites, sequences, field strengths, ages or diseases, and not against a second reader."
    )
    if cohort.source.made_by_code:
        yield "Trained and tested on synthetic volumes: its behaviour on images of people is unknown."
    if cohort.validation is not None:
        yield "Scored on pool subjects, which were used to choose recipes: the scores are optimistic."
    steps = finetuning(experiment, run.method).steps
    yield (
        f"Trained for a fixed budget ({steps} finetuning steps) without early stopping; more steps or labels may "
        "improve it. The study compares recipes and does not search for the best network."
    )
    if run.n != "all":
        yield f"Trained on {run.n} labelled {cohort.count[:-1]}(s): other draws give other networks (second row)."
    yield "Its output is a mask without uncertainty, and may contain a target in images that have none."
    yield (
        "Selection bias: if this network was chosen by its score on these test subjects, that score is optimistic. "
        "State the selection rule if you publish it."
    )
    if terms(cohort).licence == NOT_STATED:
        yield "The licence of the volumes is not stated: ask their owner before you share this network."
