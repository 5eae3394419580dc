"""The jobs of a study and what they wait for: the workflow's rules, with what each job costs."""

from collections.abc import Iterator
from itertools import starmap
from pathlib import Path

from fewlabel.config import jobs
from fewlabel.config.experiment import Experiment
from fewlabel.config.folds import cohort_of, parts_of
from fewlabel.config.jobs.figures.galleries import galleries
from fewlabel.config.jobs.figures.pretexts import local_similarity_settings, pretexts_settings, shown_part
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.operations.planning.costs import BASE_BYTES, PREPARE_BYTES, Costs
from fewlabel.operations.planning.schedule import Place, Task
from fewlabel.utils.atomic_files import has_visible

LOOKED_AT = {"quality": "tables/quality_{}.csv", "contact_sheet": "figures/contact_sheet_{}.png"}
"""Made of a cohort, whose name stands in what each makes."""
RULES = ("fetch", "admit", "split", "draw", "prepare", *LOOKED_AT, "pretrain", "finetune", "evaluate")
"""Of cohorts and trainings, in the order in which a volume meets them; those of `reports` follow."""
TABLES = {"collect": LAYOUT.scores, "collect_histories": LAYOUT.history, "record": LAYOUT.experiment}
DESCRIBED = {"figure2_scheme": "figures/figure2_scheme.png", "table1_cohorts": "tables/table1_cohorts.csv"}
"""Made from the cohorts alone."""
SCORED = {
    **{
        name: f"figures/{name}.png"
        for name in ("figure3_label_curves", "label_efficiency", "paired_subjects", "differences")
    },
    "table2_dice": "tables/table2_dice.csv",
    "table3_differences": "tables/table3_differences.csv",
    "table4_labels": "tables/table4_labels.csv",
    "explorer": LAYOUT.explorer,
}
"""Made from the scores, whatever else they need."""
LEARNING = {"learning_curves": "figures/learning_curves.png"}
DESTREAKING = {
    "destreaking": jobs.MEASURES,
    "destreaking_figure": "figures/destreaking.png",
    "destreaking_table": "tables/destreaking.csv",
}
"""Measured and shown where a study asks for it."""
LAST = {"crate": LAYOUT.crate, "report": LAYOUT.report}
PREPARE_THREADS = 2**20
"""All that there are, as the rule asks on one machine."""
QUALITY_THREADS = 2
"""As the rule asks."""


def reports(experiment: Experiment) -> dict[str, str]:
    """Rules with one job a study, and a file that each makes."""
    pictures = {name: f"figures/{name}.png" for name in (*pretext_figures(experiment), *galleries(experiment))}
    streaks = DESTREAKING if experiment.figures.destreaking else {}
    return {**TABLES, **DESCRIBED, **SCORED, **LEARNING, **pictures, **streaks, **LAST}


def pretext_figures(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """Figures that are drawn from pretrainings, and from which."""
    one, two = pretexts_settings(experiment), local_similarity_settings(experiment)
    found: dict[str, tuple[str, ...]] = {}
    if one is not None:
        methods = [method for method in (one.regression, one.contrastive) if method]
        found["figure1_pretexts"] = tuple(str(Run(shown_part(one), method)) for method in methods)
    if two is not None:
        found["local_similarity"] = (str(Run(shown_part(two), two.method)),)
    return found


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
    for name, cohort in experiment.cohorts.items():
        tasks += _cohort_tasks(costs, name)
        for part in parts_of(name, cohort.folds):
            tasks += _split_tasks(costs, part)
            for method in experiment.methods:
                tasks += _method_tasks(costs, part, method, place)
    trained = tuple(task.name for task in tasks if task.rule in ("pretrain", "finetune"))
    return [*tasks, *_report_tasks(costs, trained)]


def _cohort_tasks(costs: Costs, cohort: str) -> Iterator[Task]:
    fetch, split, store = f"{cohort}/fetch", LAYOUT.roles(cohort), LAYOUT.store(cohort)
    if costs.experiment.cohorts[cohort].folds is not None:
        yield Task(split, "split", costs.split(), (fetch,), cohort)
    yield Task(
        store,
        "prepare",
        costs.prepare(cohort),
        (fetch, "admit"),
        cohort,
        threads=PREPARE_THREADS,
        memory=costs.prepare_memory(cohort),
        priority=20,
    )
    quality, sheet = (f"{cohort}/{rule}" for rule in LOOKED_AT)
    yield Task(
        quality, "quality", costs.quality(cohort), (store, split), cohort, threads=QUALITY_THREADS, memory=PREPARE_BYTES
    )
    yield Task(sheet, "contact_sheet", costs.figure(), (quality,), cohort)


def _split_tasks(costs: Costs, part: str) -> Iterator[Task]:
    cohort, split = cohort_of(part), LAYOUT.roles(part)
    yield Task(split, "split", costs.split(), (f"{cohort}/fetch",), cohort)
    for draw in range(1, costs.experiment.draws + 1):
        yield Task(LAYOUT.order(part, draw), "draw", costs.table(), (split,), cohort)


def _method_tasks(costs: Costs, part: str, method: str, place: Place) -> Iterator[Task]:
    experiment, cohort = costs.experiment, cohort_of(part)
    store, split = LAYOUT.store(cohort), LAYOUT.roles(part)
    pretrained = jobs.pretrained_as(experiment, method)
    memory = costs.training_memory(cohort, method)
    start = [str(Run(part, pretrained))] if pretrained else []
    if pretrained == method:
        seconds = costs.pretrain(cohort, method)
        yield Task(start[0], "pretrain", seconds, (store, split), cohort, method, 1, place, memory, priority=10)
    finetuned, evaluated = costs.finetune(cohort, method), costs.evaluate(cohort)
    for labels in jobs.label_counts(experiment, method):
        for draw in range(1, experiment.draws + 1):
            run = Run(part, method, labels, draw)
            needs = (store, LAYOUT.order(part, draw), *start)
            yield Task(str(run), "finetune", finetuned, needs, cohort, method, 1, place, memory)
            scored = (LAYOUT.run_scores(run), "evaluate", evaluated, (str(run), store, split))
            yield Task(*scored, cohort, method, 1, place, memory=1.2 * BASE_BYTES)


def _report_tasks(costs: Costs, trained: tuple[str, ...]) -> Iterator[Task]:
    experiment = costs.experiment
    runs = tuple(map(LAYOUT.run_scores, jobs.finetunings(jobs.collect_settings(experiment))))
    cohorts = (
        *map(LAYOUT.store, experiment.cohorts),
        *map(LAYOUT.roles, jobs.split_parts(experiment)),
    )
    shown = [rule for rule in reports(experiment) if rule not in (*TABLES, *LAST)]
    shown += [f"{cohort}/{rule}" for cohort in experiment.cohorts for rule in LOOKED_AT]
    needs = {
        "record": (),
        "collect": runs,
        "collect_histories": trained,
        "learning_curves": ("collect_histories",),
        **dict.fromkeys(("destreaking_figure", "destreaking_table"), ("destreaking",)),
        **dict.fromkeys(DESCRIBED, cohorts),
        **pretext_figures(experiment),
        "crate": tuple(shown),
        "report": ("crate",),
    }
    for rule in reports(experiment):
        if rule == "destreaking":
            memory = costs.destreaking_memory()
            yield Task(rule, rule, costs.destreaking(), threads=PREPARE_THREADS, memory=memory)
            continue
        seconds = costs.table() if rule in TABLES or rule.startswith("table") else costs.figure()
        yield Task(rule, rule, seconds, needs.get(rule, ("collect",)))


def finished(experiment: Experiment, folder: Path) -> set[str]:
    """Names of the tasks whose results lie in a study's folder, made with the settings that the experiment has.

    Reports are finished once nothing that they are made of is missing.
    """
    from fewlabel.reporting.results.completeness import is_finished_run

    trained = [run for run in jobs.study_trainings(experiment) if is_finished_run(folder, experiment, run)]
    found = set(map(str, trained))
    tables = [LAYOUT.run_scores(run) for run in trained if run.kind == "finetuned"]
    tables += map(LAYOUT.roles, jobs.split_parts(experiment))
    tables += starmap(LAYOUT.order, jobs.orders(experiment))
    tables += map(LAYOUT.store, experiment.cohorts)
    found |= {name for name in tables if (folder / name).is_file()}
    for cohort in experiment.cohorts:
        if has_visible(folder, LAYOUT.fetched(cohort, "*", "subjects.csv")):
            found.add(f"{cohort}/fetch")
        found |= {f"{cohort}/{rule}" for rule, name in LOOKED_AT.items() if (folder / name.format(cohort)).is_file()}
    if (folder / LAYOUT.admitted).is_file():
        found.add("admit")
    drawn = pretext_figures(experiment)
    made = {rule for rule, name in reports(experiment).items() if (folder / name).is_file()}
    found |= {figure for figure in drawn if figure in made and found.issuperset(drawn[figure])}
    if found.issuperset(map(LAYOUT.run_scores, jobs.finetunings(jobs.collect_settings(experiment)))):
        found |= made - drawn.keys()
    return found
