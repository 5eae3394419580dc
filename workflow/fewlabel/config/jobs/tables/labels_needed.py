"""Settings of table 4: labelled subjects that each method needs."""

from fewlabel.config.base import Settings, Share, Steps
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.comparisons import benchmark_method, compared
from fewlabel.config.jobs.grid import CollectSettings, collect_settings
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
from fewlabel.config.jobs.titles import Titles, titles
from fewlabel.config.jobs.training import finetuning


class LabelsTableSettings(Settings):
    """Table 4."""

    titles: Titles
    runs: CollectSettings
    """All that the table must show: it is not made of a part."""
    intervals: Intervals
    reference: str | None
    """Whose score at its largest N is 100 %; None: no method is trained on all labels."""
    shares: list[Share]
    """Of it, each asked for."""
    control: str | None
    """Against which labels are saved; None: no method starts at random."""
    methods: list[str]
    """All that are no benchmark, in their order."""
    steps: dict[str, Steps]
    """Of finetuning, of these methods and of the reference: where they differ, labels are not all that separates."""


def labels_table_settings(experiment: Experiment) -> LabelsTableSettings:
    """Settings of table 4."""
    known, reference, (control, _) = titles(experiment), benchmark_method(experiment), compared(experiment)
    methods = [name for name, method in known.methods.items() if not method.benchmark]
    shown = [*methods, *([reference] if reference else [])]
    return LabelsTableSettings(
        titles=known,
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        reference=reference,
        shares=experiment.figures.label_efficiency.levels,
        control=control,
        methods=methods,
        steps={name: finetuning(experiment, name).steps for name in dict.fromkeys(shown)},
    )


SPECIFICATION = FigureSpecification(
    kind="table",
    name="labels_needed",
    title="Table 4: labels needed",
    summary="Labelled subjects that each method needs for shares of the benchmark's score, and labels saved.",
    settings_class=LabelsTableSettings,
    settings=labels_table_settings,
    inputs=from_scores,
    implementation="fewlabel.reporting.tables.labels_needed:tabulate",
    stem="table4_labels",
)
