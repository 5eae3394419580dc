"""Settings of the jobs that check a cohort's volumes and show them."""

from pydantic import Field

from fewlabel.config.base import Recipe, Settings
from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import ContactSheet
from fewlabel.config.jobs.base import RECIPES
from fewlabel.config.jobs.titles import titles
from fewlabel.config.sources.registry import Source


class QualitySettings(Settings):
    """The quality table of a cohort."""

    cohort: str
    title: str
    source: Source
    grid: Grid
    recipe: Recipe = RECIPES["quality"]

    @property
    def classes(self) -> list[str]:
        """Names of the classes; empty: one target without a name."""
        return list(self.source.classes)

    @property
    def channel(self) -> str | None:
        """The first of several channels, which is shown; None: there is one."""
        return next(iter(self.source.channel_names), None)


class ContactSheetSettings(Settings):
    """The contact sheet of a cohort."""

    cohort: str
    title: str
    grid: Grid
    classes: list[str] = Field([], exclude_if=lambda value: not value)
    """Their names; empty: one target without a name."""
    channel: str | None = Field(None, exclude_if=lambda value: value is None)
    """The first of several channels, which is shown; none: there is one."""
    figure: ContactSheet


# ------------------------------------------------------------------------------------------- from an experiment
def quality_settings(experiment: Experiment, cohort: str) -> QualitySettings:
    """Settings of a cohort's quality table."""
    chosen, title = experiment.cohorts[cohort], titles(experiment).cohorts[cohort].title
    return QualitySettings(cohort=cohort, title=title, source=chosen.source, grid=chosen.grid)


def contact_sheet_settings(experiment: Experiment, cohort: str) -> ContactSheetSettings:
    """Settings of a cohort's contact sheet."""
    source = experiment.cohorts[cohort].source
    return ContactSheetSettings(
        cohort=cohort,
        title=titles(experiment).cohorts[cohort].title,
        grid=experiment.cohorts[cohort].grid,
        classes=list(source.classes),
        channel=next(iter(source.channel_names), None),
        figure=experiment.figures.contact_sheets,
    )
