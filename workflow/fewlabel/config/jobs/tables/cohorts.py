"""Settings of table 1: the subjects of each cohort."""

from pydantic import Field

from fewlabel.config.base import LabelCount, Settings
from fewlabel.config.cohort import Cohort
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.specification import FigureSpecification, from_subjects
from fewlabel.config.jobs.titles import Titles, titles


class CohortTableSettings(Settings):
    """Table 1."""

    titles: Titles
    cohorts: dict[str, Cohort]
    labels: list[LabelCount]
    context: int = Field(1, ge=1, le=15, exclude_if=lambda value: value == 1)
    """Neighbouring slices that the network sees."""


def cohort_table_settings(experiment: Experiment) -> CohortTableSettings:
    """Settings of table 1."""
    return CohortTableSettings(
        titles=titles(experiment),
        cohorts=experiment.cohorts,
        labels=experiment.labels,
        context=experiment.network.context,
    )


SPECIFICATION = FigureSpecification(
    kind="table",
    name="cohorts",
    title="Table 1: cohorts",
    summary="The subjects of each cohort and what they are used for.",
    settings_class=CohortTableSettings,
    settings=cohort_table_settings,
    inputs=from_subjects,
    implementation="fewlabel.reporting.tables.cohorts:tabulate",
    stem="table1_cohorts",
)
