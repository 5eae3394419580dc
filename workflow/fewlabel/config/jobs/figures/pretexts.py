"""Settings of figure 1: what the pretexts ask of a network, and what it answers."""

from pydantic import Field

from fewlabel.config.base import Seed, Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Pretexts
from fewlabel.config.folds import part_of
from fewlabel.config.jobs.specification import FigureSpecification, Inputs, store_inputs
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, shown_input, titles
from fewlabel.config.jobs.training import pretrained_as
from fewlabel.config.pretexts.registry import PRETEXTS
from fewlabel.config.study_layout import LAYOUT, Run


class PretextsSettings(Settings):
    """Figure 1."""

    cohort: str
    title: CohortTitle
    methods: dict[str, MethodTitle]
    """All of the study, for their colours."""
    shown: dict[str, str]
    """The method whose pretraining is shown, of each pretext that has a picture."""
    seed: Seed
    shown_input: str = Field("", exclude_if=lambda value: not value)
    """What is shown of the network's input; empty: all of it."""
    figure: Pretexts


def pretexts_settings(experiment: Experiment) -> PretextsSettings | None:
    """Settings of figure 1; none where no pretext of the study has a picture."""
    figure, known = experiment.figures.pretexts, titles(experiment)
    firsts = {method.pretext: name for name, method in reversed(experiment.methods.items())}
    chosen = {**firsts, **{key: name for key in firsts if (name := getattr(figure, key, None))}}
    # A method that shares another's pretraining has no files of its own.
    pictures = (name for name, pretext in PRETEXTS.items() if pretext.picture and name in chosen)
    shown = {name: method for name in pictures if (method := pretrained_as(experiment, chosen[name]))}
    if not shown:
        return None
    cohort = figure.cohort or next(iter(experiment.cohorts))
    return PretextsSettings(
        cohort=cohort,
        title=known.cohorts[cohort],
        methods=known.methods,
        shown=shown,
        seed=experiment.seed,
        shown_input=shown_input(experiment, cohort),
        figure=figure,
    )


def shown_part(cohort: str, title: CohortTitle) -> str:
    """Whose pretrainings are shown: the cohort's, or those of its first fold."""
    return part_of(cohort, None if title.folds is None else 1)


def pretexts_labels(settings: PretextsSettings) -> dict[str, str]:
    """What the report says of figure 1: its cohort, and whose networks it asks."""
    shown = [settings.methods[name].title for name in settings.shown.values()]
    return {"cohort": settings.title.title, "method": ", ".join(shown)}


def pretexts_inputs(experiment: Experiment) -> Inputs:
    """The cohort's slices, the roles of its subjects, and the networks that are asked."""
    settings = pretexts_settings(experiment)
    if settings is None:
        return Inputs()
    part = shown_part(settings.cohort, settings.title)
    networks = [LAYOUT.pretext(Run(part, method)) for method in settings.shown.values()]
    return store_inputs(settings.cohort, LAYOUT.roles(part), *networks)


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="pretexts",
    title="Figure 1: the pretexts",
    summary="What the pretexts ask of a network and what it answers, on slices of one cohort.",
    settings_class=PretextsSettings,
    settings=pretexts_settings,
    inputs=pretexts_inputs,
    implementation="fewlabel.reporting.images.pretexts:draw",
    stem="figure1_pretexts",
    labels=pretexts_labels,
    needs_volumes=True,
)
