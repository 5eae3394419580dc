"""Settings of figures that contradict the rest of an experiment, with their places."""

from collections.abc import Iterable

from fewlabel.config.base import EACH, MEAN
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import FigureOfClasses, Figures
from fewlabel.config.jobs.figures.destreaking import radial_phantoms
from fewlabel.config.jobs.figures.gallery import gallery_problems
from fewlabel.config.jobs.figures.local_similarity import local_stages
from fewlabel.config.loading import older_keys
from fewlabel.config.loading.messages import nearest, unknown
from fewlabel.config.loading.yaml_files import Place


def figure_problems(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    """Names of methods, cohorts and classes that the experiment lacks, and cohorts or methods that do not fit."""
    yield from _figure_methods(experiment)
    yield from _figure_classes(experiment)
    yield from _figure_pretexts(experiment)
    yield from gallery_problems(experiment)
    yield from _destreaking(experiment)


def _drawn_methods(figures: Figures) -> dict[tuple[str, str], list[str]]:
    """The methods that settings of figures name, by figure and key."""
    one = {
        ("label_efficiency", "reference"): figures.label_efficiency.reference,
        ("paired_subjects", "control"): figures.paired_subjects.control,
        ("pretexts", "regression"): figures.pretexts.regression,
        ("pretexts", "contrastive"): figures.pretexts.contrastive,
        ("local_similarity", "method"): figures.local_similarity.method,
    }
    several = {
        ("method_diagram", "methods"): figures.method_diagram.methods,
        ("label_curves", "methods"): figures.label_curves.methods,
        ("paired_subjects", "methods"): figures.paired_subjects.methods,
    }
    return {place: [name] for place, name in one.items() if name} | {
        place: names or [] for place, names in several.items()
    }


def _figure_methods(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    methods = list(experiment.methods)
    for key in ("control", "benchmark"):
        name = getattr(experiment, key)
        if name is not None and name not in methods:
            yield (key,), unknown("method", name, methods)
    for place, (_, named, older) in older_keys.moved_roles(experiment).items():
        if named and older and named != older:
            yield place, f"{older!r}, but the study names {named!r}; to fix: leave it out"
    for place, names in _drawn_methods(experiment.figures).items():
        yield from ((("figures", *place), unknown("method", name, methods)) for name in names if name not in methods)


def _figure_classes(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    names = dict.fromkeys(name for cohort in experiment.cohorts.values() for name in cohort.source.classes)
    accepted = [MEAN, EACH, *names]
    for figure in type(experiment.figures).model_fields:
        options = getattr(experiment.figures, figure)
        if isinstance(options, FigureOfClasses) and options.classes not in accepted:
            yield ("figures", figure, "classes"), unknown("class", options.classes, accepted)


def _figure_pretexts(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    pretexts, local = experiment.figures.pretexts, experiment.figures.local_similarity
    names = list(experiment.cohorts)
    for figure, name in (("pretexts", pretexts.cohort), ("local_similarity", local.cohort)):
        if name is not None and name not in names:
            yield ("figures", figure, "cohort"), unknown("cohort", name, names)
    for key in ("regression", "contrastive"):
        name = getattr(pretexts, key)
        method = experiment.methods.get(name) if name else None
        if method is not None and method.pretext != key:
            yield ("figures", "pretexts", key), f"{name} is no {key} method (its pretext: {method.pretext})"
    if local.method in experiment.methods and local.method not in (stages := local_stages(experiment)):
        accepted = ", ".join(stages) or "none in this experiment"
        yield ("figures", "local_similarity", "method"), f"{local.method} has no local stage; accepted: {accepted}"


def _destreaking(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    figure, phantoms = experiment.figures.destreaking, list(radial_phantoms(experiment.cohorts))
    if figure is not None and not phantoms:
        yield ("figures", "destreaking"), "no cohort is a radially acquired phantom; to fix: set `source.radial` of one"
    elif figure is not None and figure.cohort is not None and figure.cohort not in phantoms:
        text = f"{figure.cohort!r} is no radially acquired phantom{nearest(figure.cohort, phantoms)}"
        yield ("figures", "destreaking", "cohort"), f"{text}; accepted: {', '.join(phantoms)}"
