"""Which methods of a study are compared with which."""

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.jobs.titles import titles


def compared(experiment: Experiment) -> tuple[str | None, list[str]]:
    """The control, and the methods that share an N with it, in their order; None and no methods without a control."""
    known = titles(experiment)
    random = [name for name, method in known.methods.items() if method.pretext == "none" and not method.benchmark]
    named = experiment.control or experiment.figures.paired_subjects.control
    control = named or next(iter(random), None)
    counts = {name: set(label_counts(experiment, name)) for name in known.methods}
    return control, [
        name for name in known.methods if control is not None and name != control and counts[name] & counts[control]
    ]


def benchmark_method(experiment: Experiment) -> str | None:
    """The method whose score at its largest N is 100 %; None: no method is trained on all labels."""
    known = titles(experiment).methods
    benchmarks = [name for name, method in known.items() if method.benchmark]
    whole = [
        name for name, method in known.items() if method.pretext == "none" and "all" in label_counts(experiment, name)
    ]
    named = experiment.benchmark or experiment.figures.label_efficiency.reference
    return named or next(iter([*benchmarks, *whole]), None)
