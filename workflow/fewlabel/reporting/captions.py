"""Facts of a study for captions, in reStructuredText: budgets, draws, intervals, and choices that are not the paper's.

Captions use names, which the schema keeps plain, and no titles. Licences and citations, which a user may state, are
escaped.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sized

from fewlabel.config.base import EACH, MEAN
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import FigureOfClasses
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.jobs.titles import counted_units, named_draws
from fewlabel.config.jobs.training import finetuning
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import outlines
from fewlabel.config.pretexts.specification import budget
from fewlabel.data.subjects.licences import sentence
from fewlabel.reporting.cohort_text import classes_text, context_text, processing_text
from fewlabel.reporting.statistics.classes import class_title


def study_facts(experiment: Experiment) -> dict[str, str]:
    """Paragraphs for captions: `study`, `conditions`, `choices` and `terms`.

    With cohorts of several classes also `dice_of_<figure>`: of which Dice a figure is. With published Dice of cohorts
    also `published_of_label_curves`: which points of figure 3 are of others.
    """
    return {
        "study": _study(experiment),
        "conditions": _conditions(experiment),
        "choices": _choices(experiment),
        "terms": _terms(experiment),
        **_dice_of_figures(experiment),
        **_published(experiment),
    }


def _published(experiment: Experiment) -> dict[str, str]:
    if not any(cohort.published for cohort in experiment.cohorts.values()):
        return {}
    text = "Diamonds, for all labels triangles at the right margin, are Dice that others published (table 2 names them)"
    if any(cohort.stands_for for cohort in experiment.cohorts.values()):
        text += ", and numbers of the paper (Umapathy et al., ISMRM 2022, 3914) on its own cohorts"
    return {"published_of_label_curves": f"{text}."}


def _dice_of_figures(experiment: Experiment) -> dict[str, str]:
    """What figures show of cohorts with several classes."""
    several = {name: cohort.source.classes for name, cohort in experiment.cohorts.items()}
    several = {name: classes for name, classes in several.items() if len(classes) > 1}
    options = {figure: getattr(experiment.figures, figure) for figure in type(experiment.figures).model_fields}
    return {
        f"dice_of_{figure}": _dice_of(own.classes, several)
        for figure, own in options.items()
        if several and isinstance(own, FigureOfClasses)
    }


def _dice_of(shown: str, several: Mapping[str, Mapping[str, object]]) -> str:
    if shown == EACH:
        return " ".join(
            f"``{name}`` has a panel for the mean of its classes and for each class, on one scale." for name in several
        )
    if shown == MEAN:
        return " ".join(
            f"Dice of ``{name}`` is the mean of its {len(classes)} classes." for name, classes in several.items()
        )
    return f"Dice is that of {class_title(shown)}; cohorts without this class are left out."


def _study(experiment: Experiment) -> str:
    return (
        f"Study ``{experiment.study}``: how few labelled volumes does a network need? "
        f"{_count(experiment.cohorts, 'cohort')} ({_names(experiment.cohorts)}), "
        f"{_count(experiment.methods, 'method')} ({_names(experiment.methods)})."
    )


def _conditions(experiment: Experiment) -> str:
    pretrained = [
        f"``{name}`` {text}"
        for name, method in experiment.methods.items()
        if (text := _pretraining(method)) is not None
    ]
    budgets: dict[str, list[str]] = {}
    for name in experiment.methods:
        budgets.setdefault(budget(finetuning(experiment, name)), []).append(name)
    finetuned = [f"{_names(names)} {text}" for text, names in budgets.items()]
    labels = {name: label_counts(experiment, name) for name in experiment.methods}
    counts = dict.fromkeys(str(n) for each in labels.values() for n in each)
    intervals = experiment.intervals
    counted = counted_units(cohort.count for cohort in experiment.cohorts.values())
    sentences = [
        f"Pretraining: {'; '.join(pretrained)}." if pretrained else "No method is pretrained.",
        f"Finetuning: {'; '.join(finetuned)}. The last weights are evaluated; no checkpoint is selected.",
        f"N = {', '.join(counts)}; {_count(range(experiment.draws), 'draw')} of labelled {counted}. Draws are the same "
        f"for all methods, and the {counted} of a smaller N are among those of a larger one.",
        *_patients(experiment),
        f"Intervals: {100 * intervals.level:g} %, by bootstrap over draws and test subjects "
        f"({intervals.resamples} resamples).",
        f"Network widths {', '.join(map(str, experiment.network.widths))}; seed {experiment.seed}.",
        *_inputs(experiment),
        *_preprocessing(experiment),
        *_cross_validated(experiment),
        *_chosen_on(experiment),
    ]
    return " ".join(sentences)


def _patients(experiment: Experiment) -> Iterator[str]:
    """Cohorts whose N counts patients, and draws that are not random."""
    for name, cohort in experiment.cohorts.items():
        if cohort.count == "patients":
            yield f"N of ``{name}`` counts patients, each with all labelled volumes."
        if text := named_draws(f"``{name}``", cohort):
            yield text


def _chosen_on(experiment: Experiment) -> Iterator[str]:
    inner = [f"``{name}`` {cohort.validation}" for name, cohort in experiment.cohorts.items() if cohort.validation]
    if inner:
        yield f"Scores are of subjects of the pool ({', '.join(inner)}), for choosing recipes, not of test subjects."


def _cross_validated(experiment: Experiment) -> Iterator[str]:
    for name, cohort in experiment.cohorts.items():
        if cohort.folds is not None:
            yield (
                f"``{name}`` is cross-validated in {cohort.folds} test folds: every labelled subject is tested once, "
                "by networks that were trained on no volume of that patient. A draw joins that draw of every fold; "
                "N = all is the size of the largest fold's pool."
            )


def _inputs(experiment: Experiment) -> Iterator[str]:
    """Classes, channels, loss and post-processing, where they are not the plain ones."""
    for name, cohort in experiment.cohorts.items():
        if classes := classes_text(cohort.source):
            several = "; scores are by class, and their mean" if len(cohort.source.classes) > 1 else ""
            yield f"``{name}`` has {_count(cohort.source.classes, 'class', 'es')}: {classes}{several}."
        if channels := cohort.source.channel_names:
            yield f"The network sees {_count(channels, 'channel')} of ``{name}``: {_names(channels)}."
    if context := context_text(experiment.network.context):
        yield f"The network sees {context}."
    by_loss: dict[str, list[str]] = {}
    for name in experiment.methods:
        by_loss.setdefault(finetuning(experiment, name).loss, []).append(name)
    if names := by_loss.get("dice_cross_entropy"):
        yield f"Loss: Dice + cross entropy{'' if len(by_loss) == 1 else f' for {_names(names)}, else Dice'}."
    if processing := processing_text(experiment):
        yield f"Predictions of all methods are processed alike before they are scored: {processing}."


def _preprocessing(experiment: Experiment) -> Iterator[str]:
    """Preprocessing that only some cohorts have."""
    corrected = [name for name, cohort in experiment.cohorts.items() if cohort.bias_correction is not None]
    if corrected:
        yield f"Bias fields are corrected by N4 in {_names(corrected)}."
    for name, cohort in experiment.cohorts.items():
        if cohort.grid.slice_mm is not None:
            yield f"Slices of ``{name}`` are resampled to a distance of {cohort.grid.slice_mm:g} mm."


def _choices(experiment: Experiment) -> str:
    sentences = [
        "These choices are ours, since the paper does not state them: budgets and learning rates, network widths, "
        "matrix sizes, draws, share and distribution of the corruption, and augmentation. Added are the control from "
        "random initialisation at every N and the intervals. No test subject is used for pretraining."
    ]
    stand_ins = [name for name, cohort in experiment.cohorts.items() if cohort.stands_for is not None]
    if stand_ins:
        sentences.append(f"{_names(stand_ins)} stand for the paper's cohorts, of which the paper's numbers are.")
    return " ".join(sentences)


def _terms(experiment: Experiment) -> str:
    sentences = [sentence(name, cohort) for name, cohort in experiment.cohorts.items()]
    stated = [plain_text(text) for text in sentences if text is not None]
    return " ".join(["Data.", *stated]) if stated else "All volumes are synthetic."


def plain_text(text: str) -> str:
    """The text with all characters escaped that could be markup."""
    return re.sub(r"([^A-Za-z0-9\s])", r"\\\1", text)


def _pretraining(method: object) -> str | None:
    if not isinstance(method, PretrainedBase):
        return None
    seen = f" on {method.pretraining_subjects} subjects" if method.pretraining_subjects else ""
    stages = ", then ".join(stage.caption for stage in outlines(method).values())
    return f"{stages}{seen}{'; only the encoder is transferred' if method.transfer else ''}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"``{name}``" for name in names)


def _count(things: Sized, name: str, ending: str = "s") -> str:
    number = len(things)
    return f"{number} {name}{'' if number == 1 else ending}"
