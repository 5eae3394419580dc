"""What each job that draws one of the further figures is told: see `fewlabel.reporting_jobs`."""

from fewlabel.experiment import Experiment
from fewlabel.figure_settings import Differences, Intervals, LabelEfficiency, LearningCurves, PairedSubjects
from fewlabel.jobs import CollectSettings, collect_settings, finetuning, label_counts, pretrainings, run_folders
from fewlabel.reporting_jobs import Titles, titles
from fewlabel.settings import Settings, Share, Steps, Trainings


class EfficiencySettings(Settings):
    """The label-efficiency figure."""

    titles: Titles
    runs: CollectSettings
    """All that the figure must show: it is not drawn of a part."""
    intervals: Intervals
    reference: str | None
    """Whose score at its largest N is 100 %; None: no method is trained on all labels."""
    figure: LabelEfficiency


class PairedSettings(Settings):
    """The figure of subjects in pairs."""

    titles: Titles
    runs: CollectSettings
    """All that the figure must show: it is not drawn of a part."""
    intervals: Intervals
    control: str | None
    """None: no method starts at random."""
    methods: list[str]
    """Compared with it, in their order."""
    left_out: list[str]
    """Those that could be, too."""
    figure: PairedSubjects


class DifferenceTableSettings(Settings):
    """Table 3."""

    titles: Titles
    runs: CollectSettings
    """All that the table must show: it is not made of a part."""
    intervals: Intervals
    control: str | None
    """None: no method starts at random."""
    methods: list[str]
    """Compared with it, in their order: all that share an N with it."""


class DifferencesSettings(Settings):
    """The figure of table 3."""

    compared: DifferenceTableSettings
    figure: Differences


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


class HistoriesSettings(Settings):
    """The table of all histories."""

    runs: CollectSettings
    pretrained: list[str]
    """Methods that have a pretraining, one on each cohort."""


class LearningSettings(Settings):
    """The figure of learning curves."""

    titles: Titles
    trainings: Trainings
    """How many there are."""
    figure: LearningCurves


# ------------------------------------------------------------------------------------------- from an experiment
def histories_settings(experiment: Experiment) -> HistoriesSettings:
    """Settings of the table of histories."""
    return HistoriesSettings(runs=collect_settings(experiment), pretrained=pretrainings(experiment))


def training_folders(settings: HistoriesSettings) -> list[str]:
    """Where the files of each training lie, beneath the study's results."""
    pretrainings = [f"{part}/pretrained/{method}" for part in settings.runs.parts for method in settings.pretrained]
    return [*pretrainings, *run_folders(settings.runs)]


def learning_settings(experiment: Experiment) -> LearningSettings:
    """Settings of the figure of learning curves."""
    return LearningSettings(
        titles=titles(experiment),
        trainings=len(training_folders(histories_settings(experiment))),
        figure=experiment.figures.learning_curves,
    )


def efficiency_settings(experiment: Experiment) -> EfficiencySettings:
    """Settings of the label-efficiency figure."""
    known = titles(experiment)
    benchmarks = [name for name, method in known.methods.items() if method.benchmark]
    whole = [
        name
        for name, method in known.methods.items()
        if method.pretext == "none" and "all" in label_counts(experiment, name)
    ]
    named = experiment.figures.label_efficiency.reference
    return EfficiencySettings(
        titles=known,
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        reference=named or next(iter([*benchmarks, *whole]), None),
        figure=experiment.figures.label_efficiency,
    )


def compared(experiment: Experiment) -> tuple[str | None, list[str]]:
    """The control, and the methods that share an N with it, in their order; None and no methods without a control."""
    known = titles(experiment)
    random = [name for name, method in known.methods.items() if method.pretext == "none" and not method.benchmark]
    control = experiment.figures.paired_subjects.control or next(iter(random), None)
    counts = {name: set(label_counts(experiment, name)) for name in known.methods}
    return control, [
        name for name in known.methods if control is not None and name != control and counts[name] & counts[control]
    ]


def difference_table_settings(experiment: Experiment) -> DifferenceTableSettings:
    """Settings of table 3."""
    control, others = compared(experiment)
    return DifferenceTableSettings(
        titles=titles(experiment),
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        control=control,
        methods=others,
    )


def differences_settings(experiment: Experiment) -> DifferencesSettings:
    """Settings of the figure of table 3."""
    return DifferencesSettings(compared=difference_table_settings(experiment), figure=experiment.figures.differences)


def labels_table_settings(experiment: Experiment) -> LabelsTableSettings:
    """Settings of table 4."""
    figure, (control, _) = efficiency_settings(experiment), compared(experiment)
    methods = [name for name, method in figure.titles.methods.items() if not method.benchmark]
    shown = [*methods, *([figure.reference] if figure.reference else [])]
    return LabelsTableSettings(
        titles=figure.titles,
        runs=figure.runs,
        intervals=figure.intervals,
        reference=figure.reference,
        shares=experiment.figures.label_efficiency.levels,
        control=control,
        methods=methods,
        steps={name: finetuning(experiment, name).steps for name in dict.fromkeys(shown)},
    )


def paired_settings(experiment: Experiment) -> PairedSettings:
    """Settings of the figure of subjects in pairs."""
    known, figure = titles(experiment), experiment.figures.paired_subjects
    control, others = compared(experiment)
    chosen = figure.methods or others[: figure.most]
    return PairedSettings(
        titles=known,
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        control=control,
        methods=[name for name in chosen if name != control],
        left_out=[] if figure.methods else others[figure.most :],
        figure=figure,
    )
