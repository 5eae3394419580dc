"""What each job that draws pretexts is told: see `fewlabel.config.jobs.figures.titles`."""

from fewlabel.config.base import Seed, Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import LocalSimilarity, Pretexts
from fewlabel.config.folds import part_of
from fewlabel.config.jobs.figures.titles import CohortTitle, MethodTitle, titles
from fewlabel.config.jobs.training import pretrained_as
from fewlabel.config.pretexts.contrastive import ContrastiveMethod


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


class LocalSimilaritySettings(Settings):
    """The similarity of a point's local representation with that of every other place."""

    cohort: str
    title: CohortTitle
    method: str
    method_title: MethodTitle
    figure: LocalSimilarity


# ------------------------------------------------------------------------------------------- from an experiment
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


def shown_part(settings: PretextsSettings | LocalSimilaritySettings) -> str:
    """Whose pretrainings are shown: the cohort's, or those of its first fold."""
    return part_of(settings.cohort, None if settings.title.folds is None else 1)


def pretexts_labels(settings: PretextsSettings) -> dict[str, str]:
    """What the report says of figure 1: its cohort, and whose networks it asks."""
    shown = [settings.methods[name].title for name in (settings.regression, settings.contrastive) if name]
    return {"cohort": settings.title.title, "method": ", ".join(shown)}


def local_similarity_settings(experiment: Experiment) -> LocalSimilaritySettings | None:
    """Settings of the map of similarities; none where no method has a local stage."""
    figure, known = experiment.figures.local_similarity, titles(experiment)
    local = [
        name
        for name, method in experiment.methods.items()
        if isinstance(method, ContrastiveMethod) and method.local_stage is not None
    ]
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
        figure=figure,
    )
