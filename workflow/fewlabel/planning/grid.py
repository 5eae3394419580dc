"""The jobs of a study and what they wait for: the workflow's rules, with what each job costs."""

from collections.abc import Iterator
from pathlib import Path

from fewlabel import jobs
from fewlabel.experiment import Experiment
from fewlabel.planning.costs import BASE_BYTES, Costs
from fewlabel.planning.schedule import Place, Task

RULES = (
    *("fetch", "admit", "split", "draw", "prepare", "pretrain", "finetune", "evaluate"),
    *("collect", "record", "figure2_scheme", "figure3_label_curves", "table1_cohorts", "table2_dice", "crate"),
)
"""In the order in which a volume meets them."""
REPORTS = {
    "collect": "scores.csv",
    "record": "experiment.yaml",
    "figure2_scheme": "figures/figure2_scheme.png",
    "figure3_label_curves": "figures/figure3_label_curves.png",
    "table1_cohorts": "tables/table1_cohorts.csv",
    "table2_dice": "tables/table2_dice.csv",
    "crate": "provenance/ro-crate-metadata.json",
}
"""One job each a study, and a file that it makes."""
PREPARE_THREADS = 4
"""As the rule asks."""
PREPARE_BYTES = 300e6
"""Of each process that makes slices: an allowance. The demo's phantoms take 156 MB, larger volumes more."""


def study_tasks(costs: Costs, place: Place) -> list[Task]:
    """Every job of a study, each after those that it waits for.

    Args:
        costs: of each kind of job.
        place: of trainings and evaluations.
    """
    experiment = costs.experiment
    fetches = [
        Task(f"{cohort}/fetch", "fetch", costs.fetch(cohort), cohort=cohort, memory=PREPARE_BYTES)
        for cohort in experiment.cohorts
    ]
    admit = Task("admit", "admit", 0, tuple(task.name for task in fetches))
    tasks = [*fetches, admit]
    for cohort in experiment.cohorts:
        tasks += _cohort_tasks(costs, cohort)
        for method in experiment.methods:
            tasks += _method_tasks(costs, cohort, method, place)
    return [*tasks, *_report_tasks(costs)]


def _cohort_tasks(costs: Costs, cohort: str) -> Iterator[Task]:
    fetch, split = f"{cohort}/fetch", f"{cohort}/splits/roles.csv"
    yield Task(split, "split", costs.split(), (fetch,), cohort)
    for draw in range(1, costs.experiment.draws + 1):
        yield Task(f"{cohort}/splits/draw{draw}.csv", "draw", costs.table(), (split,), cohort)
    yield Task(
        f"{cohort}/slices/store.json",
        "prepare",
        costs.prepare(cohort),
        (fetch, "admit"),
        cohort,
        threads=PREPARE_THREADS,
        memory=PREPARE_BYTES,
        priority=20,
    )


def _method_tasks(costs: Costs, cohort: str, method: str, place: Place) -> Iterator[Task]:
    experiment = costs.experiment
    store, split = f"{cohort}/slices/store.json", f"{cohort}/splits/roles.csv"
    pretrained = f"{cohort}/pretrained/{method}"
    memory = costs.training_memory(cohort, method)
    start: tuple[str, ...] = ()
    if experiment.methods[method].pretext != "none":
        seconds = costs.pretrain(cohort, method)
        yield Task(pretrained, "pretrain", seconds, (store, split), cohort, method, 1, place, memory, priority=10)
        start = (pretrained,)
    finetuned, evaluated = costs.finetune(cohort, method), costs.evaluate(cohort)
    for labels in jobs.label_counts(experiment, method):
        for draw in range(1, experiment.draws + 1):
            run = f"{cohort}/finetuned/{method}/n{labels}/draw{draw}"
            needs = (store, f"{cohort}/splits/draw{draw}.csv", *start)
            yield Task(run, "finetune", finetuned, needs, cohort, method, 1, place, memory)
            scored = (f"{run}/scores.csv", "evaluate", evaluated, (run, store, split))
            yield Task(*scored, cohort, method, 1, place, memory=1.2 * BASE_BYTES)


def _report_tasks(costs: Costs) -> Iterator[Task]:
    experiment = costs.experiment
    runs = tuple(f"{run}/scores.csv" for run in jobs.run_folders(jobs.collect_settings(experiment)))
    cohorts = tuple(
        f"{cohort}/{name}" for cohort in experiment.cohorts for name in ("slices/store.json", "splits/roles.csv")
    )
    drawn = ("figure3_label_curves", "table2_dice")
    described = ("figure2_scheme", "table1_cohorts")
    needs = {"collect": runs, **dict.fromkeys(described, cohorts), "crate": (*described, *drawn)}
    for rule in REPORTS:
        seconds = costs.figure() if rule in (*drawn, "figure2_scheme", "crate") else costs.table()
        yield Task(rule, rule, seconds, ("collect",) if rule in drawn else needs.get(rule, ()))


def finished(experiment: Experiment, folder: Path) -> set[str]:
    """Names of the tasks whose results lie in a study's folder, made with the settings that the experiment has.

    Reports are finished once nothing that they are made of is missing.
    """
    from fewlabel.reporting.finished import is_finished_run

    runs = set(jobs.run_folders(jobs.collect_settings(experiment)))
    pretrained = {
        f"{cohort}/pretrained/{method}"
        for cohort in experiment.cohorts
        for method, recipe in experiment.methods.items()
        if recipe.pretext != "none"
    }
    found = {run for run in runs | pretrained if is_finished_run(folder, experiment, run)}
    found |= {f"{run}/scores.csv" for run in found & runs if (folder / run / "scores.csv").is_file()}
    for cohort in experiment.cohorts:
        draws = [f"{cohort}/splits/draw{draw}.csv" for draw in range(1, experiment.draws + 1)]
        tables = [f"{cohort}/splits/roles.csv", f"{cohort}/slices/store.json", *draws]
        found |= {name for name in tables if (folder / name).is_file()}
        if any((folder / cohort).glob("fetched/*/subjects.csv")):
            found.add(f"{cohort}/fetch")
    if (folder / "admitted.txt").is_file():
        found.add("admit")
    if runs <= {name.removesuffix("/scores.csv") for name in found if name.endswith("scores.csv")}:
        found |= {rule for rule, name in REPORTS.items() if (folder / name).is_file()}
    return found
