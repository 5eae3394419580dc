"""Settings of the maps of local similarity."""

from pydantic import Field

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import LocalSimilarity
from fewlabel.config.jobs.figures.pretexts import shown_part
from fewlabel.config.jobs.specification import FigureSpecification, Inputs, store_inputs
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, shown_input, titles
from fewlabel.config.jobs.training import pretrained_as
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import pretext_of, pretraining_stages
from fewlabel.config.study_layout import LAYOUT, Run


class LocalSimilaritySettings(Settings):
    """The similarity of a point's local representation with that of every other place."""

    cohort: str
    title: CohortTitle
    method: str
    method_title: MethodTitle
    stage: str
    """The method's local stage."""
    classes: list[str] = Field([], exclude_if=lambda value: not value)
    """Of several classes their names, in the order of their numbers."""
    shown_input: str = Field("", exclude_if=lambda value: not value)
    """What is shown of the network's input; empty: all of it."""
    figure: LocalSimilarity


def local_stages(experiment: Experiment) -> dict[str, str]:
    """The last local stage of each method that has one."""
    pretrained = {name: each for name, each in experiment.methods.items() if isinstance(each, PretrainedBase)}
    return {
        name: key
        for name, method in pretrained.items()
        for key in pretraining_stages(method)
        if pretext_of(method).stages[key].is_local
    }


def local_similarity_settings(experiment: Experiment) -> LocalSimilaritySettings | None:
    """Settings of the map of similarities; none where no method has a local stage."""
    figure, known = experiment.figures.local_similarity, titles(experiment)
    local = local_stages(experiment)
    chosen = figure.method or next(iter(local), None)
    method = pretrained_as(experiment, chosen) if chosen else None
    if method is None:
        return None
    cohort = figure.cohort or next(iter(experiment.cohorts))
    return LocalSimilaritySettings(
        cohort=cohort,
        title=known.cohorts[cohort],
        method=method,
        method_title=known.methods[method],
        stage=local[method],
        classes=classes if len(classes := list(experiment.cohorts[cohort].source.classes)) > 1 else [],
        shown_input=shown_input(experiment, cohort),
        figure=figure,
    )


def local_similarity_inputs(experiment: Experiment) -> Inputs:
    """The cohort's slices, the roles of its subjects, and the network that is asked."""
    settings = local_similarity_settings(experiment)
    if settings is None:
        return Inputs()
    part = shown_part(settings.cohort, settings.title)
    return store_inputs(settings.cohort, LAYOUT.roles(part), LAYOUT.pretext(Run(part, settings.method)))


def local_similarity_labels(settings: LocalSimilaritySettings) -> dict[str, str]:
    """Columns of the report's list: the cohort and the method."""
    return {"cohort": settings.title.title, "method": settings.method_title.title}


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="local_similarity",
    title="Similar places",
    summary="How alike a point's local representation is to that of every other place, before and after stage 2.",
    settings_class=LocalSimilaritySettings,
    settings=local_similarity_settings,
    inputs=local_similarity_inputs,
    implementation="fewlabel.reporting.images.local_similarity:draw",
    labels=local_similarity_labels,
    needs_volumes=True,
)
