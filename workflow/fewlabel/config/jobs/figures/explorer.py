"""Settings of the job that makes the explorer page."""

from fewlabel.config.base import Settings
from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Explorer, Figures, Intervals
from fewlabel.config.jobs.comparisons import compared
from fewlabel.config.jobs.grid import CollectSettings, collect_settings
from fewlabel.config.jobs.titles import Titles, titles
from fewlabel.config.portable import placeless
from fewlabel.config.sources.registry import Source


class Images(Settings):
    """Where a cohort's volumes come from, and how they are sliced."""

    source: Source
    grid: Grid


class ExplorerSettings(Settings):
    """The page to explore."""

    titles: Titles
    runs: CollectSettings
    intervals: Intervals
    control: str | None
    """What the other methods are compared with; None: no method starts at random."""
    images: dict[str, Images]
    """Of each cohort; its folder is read, and never shown."""
    experiment: Experiment
    """What the page shows of it: no place on this machine, and no settings of other figures."""
    page: Explorer


def explorer_settings(experiment: Experiment) -> ExplorerSettings:
    """Settings of the page to explore."""
    known = titles(experiment)
    shown = Experiment.model_validate(placeless(experiment.model_dump(mode="json")))
    return ExplorerSettings(
        titles=known,
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        control=compared(experiment)[0],
        images={name: Images(source=cohort.source, grid=cohort.grid) for name, cohort in experiment.cohorts.items()},
        experiment=shown.model_copy(update={"figures": Figures(explorer=experiment.figures.explorer)}),
        page=experiment.figures.explorer,
    )
