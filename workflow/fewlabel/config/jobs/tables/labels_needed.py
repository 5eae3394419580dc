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
    """All runs that must have scores."""
    intervals: Intervals
    reference: str | None
    """Method whose Dice at its largest N is 100 %; None: no method is trained on all labels."""
    shares: list[Share]
    """Shares of it that are looked up."""
    control: str | None
    """Method against which labels are saved; None: no method starts at random."""
    methods: list[str]
    """All methods but benchmarks, in their order."""
    steps: dict[str, Steps]
    """Steps of finetuning of these methods and of the reference; a note tells if they differ."""


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
