"""What captions say of a study: budgets, draws, intervals, and which choices are not the paper's (reStructuredText).

Titles are not used: only names that the schema keeps plain become markup. Of licences and citations, which a user may
state, every sign that could be markup is escaped.
"""

import re
from collections.abc import Iterable, Iterator, Sized

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.jobs.training import finetuning
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import outlines
from fewlabel.config.pretexts.specification import budget
from fewlabel.data.subjects.licences import sentence


def study_facts(experiment: Experiment) -> dict[str, str]:
    """Paragraphs for captions: `study`, `conditions`, `choices` and `terms`."""
    return {
        "study": _study(experiment),
        "conditions": _conditions(experiment),
        "choices": _choices(experiment),
        "terms": _terms(experiment),
    }


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
    sentences = [
        f"Pretraining: {'; '.join(pretrained)}." if pretrained else "No method is pretrained.",
        f"Finetuning: {'; '.join(finetuned)}; the last weights count, none is chosen on any subject.",
        f"N = {', '.join(counts)}; {_count(range(experiment.draws), 'draw')} of labelled subjects, nested in N and "
        "shared by all methods.",
        f"Intervals: {100 * intervals.level:g} %, by bootstrap over draws and test subjects "
        f"({intervals.resamples} resamples).",
        f"Network widths {', '.join(map(str, experiment.network.widths))}; seed {experiment.seed}.",
        *_preprocessing(experiment),
        *_cross_validated(experiment),
        *_chosen_on(experiment),
    ]
    return " ".join(sentences)


def _chosen_on(experiment: Experiment) -> Iterator[str]:
    inner = [f"``{name}`` {cohort.validation}" for name, cohort in experiment.cohorts.items() if cohort.validation]
    if inner:
        yield f"For choosing recipes: subjects of the pool ({', '.join(inner)}) are scored, the test subjects are not."


def _cross_validated(experiment: Experiment) -> Iterator[str]:
    for name, cohort in experiment.cohorts.items():
        if cohort.folds is not None:
            yield (
                f"``{name}`` is cross-validated in {cohort.folds} test folds: every labelled subject is tested once, "
                "by networks whose pretraining and finetuning saw no volume of that patient; a draw is that draw of "
                "every fold, and N = all is the largest fold's pool."
            )


def _preprocessing(experiment: Experiment) -> Iterator[str]:
    """What is done to some cohorts' images beside what is done to all."""
    corrected = [name for name, cohort in experiment.cohorts.items() if cohort.bias_correction is not None]
    if corrected:
        yield f"Bias fields are corrected by N4 in {_names(corrected)}."
    for name, cohort in experiment.cohorts.items():
        if cohort.grid.slice_mm is not None:
            yield f"Slices of ``{name}`` are resampled to a distance of {cohort.grid.slice_mm:g} mm."


def _choices(experiment: Experiment) -> str:
    sentences = [
        "Not the paper's but ours: budgets and learning rates, network widths, matrix sizes, the draws, the share and "
        "the law of the corruption, what augmentation is, the control from random initialisation at every N, the "
        "intervals; and no test subject is pretrained on."
    ]
    stand_ins = [name for name, cohort in experiment.cohorts.items() if cohort.stands_for is not None]
    if stand_ins:
        sentences.append(f"The paper's numbers are of its own cohorts, for which {_names(stand_ins)} stand here.")
    return " ".join(sentences)


def _terms(experiment: Experiment) -> str:
    sentences = [sentence(name, cohort) for name, cohort in experiment.cohorts.items()]
    stated = [plain_text(text) for text in sentences if text is not None]
    return " ".join(["Data.", *stated]) if stated else "All volumes are made by code."


def plain_text(text: str) -> str:
    """Text that reStructuredText takes sign by sign."""
    return re.sub(r"([^A-Za-z0-9\s])", r"\\\1", text)


def _pretraining(method: object) -> str | None:
    if not isinstance(method, PretrainedBase):
        return None
    seen = f" on {method.pretraining_subjects} subjects" if method.pretraining_subjects else ""
    stages = ", then ".join(stage.caption for stage in outlines(method).values())
    return f"{stages}{seen}{', handing on the encoder alone' if method.transfer else ''}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"``{name}``" for name in names)


def _count(things: Sized, name: str) -> str:
    number = len(things)
    return f"{number} {name}{'' if number == 1 else 's'}"
