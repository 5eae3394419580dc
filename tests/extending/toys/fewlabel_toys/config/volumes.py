"""The figure of volumes: predicted against true volume of the target, a point a score."""

from pathlib import Path

from pydantic import Field

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
from fewlabel.config.jobs.titles import Titles, titles


class Volumes(Settings):
    """Options in an experiment file, `figures: {volumes: …}`; each has a default."""

    panel_in: float = Field(2.8, gt=1, le=12)
    """Width and height of a panel."""
    dpi: int = Field(150, ge=50, le=1200)


class VolumesSettings(Settings):
    """All that the figure depends on: it is drawn again if one of these changes."""

    titles: Titles
    figure: Volumes


def volumes_settings(experiment: Experiment) -> VolumesSettings | None:
    """Settings of a study; None: it has no such figure."""
    return VolumesSettings(titles=titles(experiment), figure=experiment.figures.volumes)


VOLUMES = FigureSpecification(
    kind="figure",
    name="volumes",
    title="Volumes",
    summary="Predicted against true volume of the target, a panel a cohort, a colour a method.",
    settings_class=VolumesSettings,
    settings=volumes_settings,
    inputs=from_scores,
    implementation="fewlabel_toys.reporting.volumes:draw",
    options=Volumes,
    caption=Path(__file__).with_name("volumes.rst"),
)
