"""Settings of figure 1: what the pretexts ask of a network, and what it answers."""

from fewlabel.config.base import Seed, Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Pretexts
from fewlabel.config.folds import part_of
from fewlabel.config.jobs.specification import FigureSpecification, Inputs, store_inputs
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, titles
from fewlabel.config.jobs.training import pretrained_as
from fewlabel.config.study_layout import LAYOUT, Run


class PretextsSettings(Settings):
    """Figure 1."""

    cohort: str
    title: CohortTitle
    methods: dict[str, MethodTitle]
    """All of the study, for their colours."""
    regression: str | None
    """The method on the left of the paper's figure; none: the study has none."""
    contrastive: str | None
    """The method on its right; none: the study has none."""
    seed: Seed
    figure: Pretexts


def pretexts_settings(experiment: Experiment) -> PretextsSettings | None:
    """Settings of figure 1; none where nothing is pretrained."""
    figure, known = experiment.figures.pretexts, titles(experiment)
    firsts = {method.pretext: name for name, method in reversed(experiment.methods.items())}
    regression = figure.regression or firsts.get("regression")
    contrastive = figure.contrastive or firsts.get("contrastive")
    if regression is None and contrastive is None:
        return None
    # A method that shares another's pretraining has no files of its own.
    regression, contrastive = (pretrained_as(experiment, name) if name else None for name in (regression, contrastive))
    cohort = figure.cohort or next(iter(experiment.cohorts))
    return PretextsSettings(
        cohort=cohort,
        title=known.cohorts[cohort],
        methods=known.methods,
        regression=regression,
        contrastive=contrastive,
        seed=experiment.seed,
        figure=figure,
    )


def shown_part(cohort: str, title: CohortTitle) -> str:
    """Whose pretrainings are shown: the cohort's, or those of its first fold."""
    return part_of(cohort, None if title.folds is None else 1)


def pretexts_labels(settings: PretextsSettings) -> dict[str, str]:
    """What the report says of figure 1: its cohort, and whose networks it asks."""
    shown = [settings.methods[name].title for name in (settings.regression, settings.contrastive) if name]
    return {"cohort": settings.title.title, "method": ", ".join(shown)}


def pretexts_inputs(experiment: Experiment) -> Inputs:
    """The cohort's slices, the roles of its subjects, and the networks that are asked."""
    settings = pretexts_settings(experiment)
    if settings is None:
        return Inputs()
    part = shown_part(settings.cohort, settings.title)
    methods = [method for method in (settings.regression, settings.contrastive) if method]
    networks = [LAYOUT.pretext(Run(part, method)) for method in methods]
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
