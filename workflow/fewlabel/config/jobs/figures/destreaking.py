"""Settings of the jobs that measure de-streaking methods and show the measures."""

from collections.abc import Mapping

from fewlabel.config.base import Number, Recipe, Settings, Subjects
from fewlabel.config.cohort import Cohort
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Destreaking
from fewlabel.config.jobs.base import RECIPES
from fewlabel.config.jobs.specification import FigureSpecification, Inputs
from fewlabel.config.sources.phantom import PhantomSource

NO_SOURCE = "no_source"
"""Name of the image without arms."""
MEASURES, IMAGES = "destreaking.csv", "destreaking.safetensors"
"""Files in the folder of a study: the measures, and the images of the figure."""


class MeasureSettings(Settings):
    """The measurement."""

    source: PhantomSource
    """A radially acquired phantom; the signal of its arms is each of `strengths` in turn."""
    subjects: Subjects
    """Number of subjects: the first of the source."""
    strengths: list[Number]
    shown: Number
    """The strength whose images are kept."""
    recipe: Recipe = RECIPES["destreaking"]


class DestreakingSettings(Settings):
    """The table and the figure of the measures."""

    pixel_mm: Number
    coils: Subjects
    spokes: Subjects
    figure: Destreaking


# ------------------------------------------------------------------------------------------- from an experiment
def radial_phantoms(cohorts: Mapping[str, Cohort]) -> dict[str, PhantomSource]:
    """Sources of the cohorts that are phantoms and acquired radially, in their order."""
    sources = {name: cohort.source for name, cohort in cohorts.items()}
    return {name: each for name, each in sources.items() if isinstance(each, PhantomSource) and each.radial is not None}


def measure_settings(experiment: Experiment) -> MeasureSettings | None:
    """Settings of the measurement; None if `figures.destreaking` is not set."""
    figure = experiment.figures.destreaking
    if figure is None:
        return None
    source = radial_phantoms(experiment.cohorts)[measured_cohort(experiment, figure)]
    sizes = {"pixel_mm": figure.pixel_mm or source.pixel_mm, "slice_mm": figure.slice_mm or source.slice_mm}
    # Other subjects of the cohort do not change the measured ones.
    made = source.model_copy(update={**sizes, "labelled": figure.subjects, "unlabelled": 0})
    return MeasureSettings(source=made, subjects=figure.subjects, strengths=figure.strengths, shown=shown(figure))


def destreaking_settings(experiment: Experiment) -> DestreakingSettings | None:
    """Settings of table and figure; None if `figures.destreaking` is not set."""
    measured, figure = measure_settings(experiment), experiment.figures.destreaking
    if measured is None or figure is None or measured.source.radial is None:
        return None
    return DestreakingSettings(
        pixel_mm=measured.source.pixel_mm,
        coils=measured.source.radial.coils,
        spokes=measured.source.radial.spokes,
        figure=figure,
    )


def measured_files(experiment: Experiment) -> tuple[str, ...]:
    """Files of the measurement in the study's folder; none without a measurement."""
    return () if experiment.figures.destreaking is None else (MEASURES, IMAGES)


def shown(figure: Destreaking) -> float:
    """The strength whose images are shown."""
    ordered = sorted(figure.strengths)
    return ordered[len(ordered) // 2] if figure.shown is None else figure.shown


def measured_cohort(experiment: Experiment, figure: Destreaking) -> str:
    """The cohort whose phantoms are measured."""
    return figure.cohort or next(iter(radial_phantoms(experiment.cohorts)))


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="destreaking",
    title="De-streaking methods",
    summary="A slice of a phantom after each method of de-streaking, and the measures over the arms' signal.",
    settings_class=DestreakingSettings,
    settings=destreaking_settings,
    inputs=lambda experiment: Inputs([MEASURES, IMAGES]),
    implementation="fewlabel.reporting.figures.destreaking:draw",
)
