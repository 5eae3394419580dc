"""Settings of the method diagram (figure 2)."""

from collections.abc import Iterable

from pydantic import Field

from fewlabel.config.base import Draw, LabelCount, Settings, Subjects
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import MethodDiagram
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.jobs.specification import FigureSpecification, from_subjects
from fewlabel.config.jobs.tables.cohorts import CohortTableSettings, cohort_table_settings
from fewlabel.config.jobs.titles import Titles, titles
from fewlabel.config.jobs.training import finetuning
from fewlabel.config.pretexts.registry import Method
from fewlabel.config.training import Finetuning, Network


class MethodDiagramSettings(Settings):
    """Figure 2."""

    titles: Titles
    network: Network
    methods: dict[str, Method]
    """Those that are drawn, in their order."""
    finetuning: dict[str, Finetuning]
    """Of each of them, resolved."""
    labels: dict[str, list[LabelCount]]
    draws: Draw
    classes: list[Subjects] = Field([], exclude_if=lambda value: not value)
    """Numbers of classes of the cohorts, if any has several."""
    channels: list[Subjects] = Field([], exclude_if=lambda value: not value)
    """Numbers of channels of the cohorts, if any has several."""
    table: CohortTableSettings | None
    """Beneath it; none: without it."""
    figure: MethodDiagram


def diagram_methods(experiment: Experiment) -> list[str]:
    """Methods of figure 2: those in its settings, else the first of each pretext, of no pretext and benchmark."""
    known = titles(experiment).methods
    firsts = {(method.pretext, method.benchmark): name for name, method in reversed(known.items())}
    return experiment.figures.method_diagram.methods or [name for name in known if name in firsts.values()]


def method_diagram_settings(experiment: Experiment) -> MethodDiagramSettings:
    """Settings of figure 2."""
    shown, sources = diagram_methods(experiment), [cohort.source for cohort in experiment.cohorts.values()]
    return MethodDiagramSettings(
        titles=titles(experiment),
        network=experiment.network,
        methods={name: experiment.methods[name] for name in shown},
        finetuning={name: finetuning(experiment, name) for name in shown},
        labels={name: label_counts(experiment, name) for name in shown},
        draws=experiment.draws,
        classes=_several(max(1, len(source.classes)) for source in sources),
        channels=_several(max(1, len(source.channel_names)) for source in sources),
        table=cohort_table_settings(experiment) if experiment.figures.method_diagram.table else None,
        figure=experiment.figures.method_diagram,
    )


def _several(counts: Iterable[int]) -> list[int]:
    """The different numbers, the smallest first; none if all are 1."""
    different = sorted(set(counts))
    return [] if different == [1] else different


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="method_diagram",
    title="Figure 2: the two steps",
    summary="The two steps as the experiment sets them, with the cohorts below.",
    settings_class=MethodDiagramSettings,
    settings=method_diagram_settings,
    inputs=from_subjects,
    implementation="fewlabel.reporting.images.method_diagram:draw",
    stem="figure2_scheme",
)
