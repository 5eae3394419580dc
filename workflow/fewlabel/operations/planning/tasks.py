"""The jobs of a study and what they wait for: the workflow's rules, with what each job costs."""

from collections.abc import Iterator
from itertools import starmap
from pathlib import Path

from fewlabel.config import jobs
from fewlabel.config.experiment import Experiment
from fewlabel.config.folds import cohort_of, parts_of
from fewlabel.config.jobs.figures.registry import report_items
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.operations.planning.costs import BASE_BYTES, PREPARE_BYTES, Costs
from fewlabel.operations.planning.schedule import Place, Task
from fewlabel.utils.atomic_files import has_visible

LOOKED_AT = {"quality": "tables/quality_{}.csv", "contact_sheet": "figures/contact_sheet_{}.png"}
"""Made of a cohort, whose name stands in what each makes."""
RULES = ("fetch", "admit", "split", "draw", "prepare", *LOOKED_AT, "pretrain", "finetune", "evaluate")
"""Of cohorts and trainings, in the order in which a volume meets them; those of `reports` follow."""
EXPLORER = {"explorer": LAYOUT.explorer}
TABLES = {"collect": LAYOUT.scores, "collect_histories": LAYOUT.history, "record": LAYOUT.experiment}
LAST = {"crate": LAYOUT.crate, "report": LAYOUT.report}
PREPARE_THREADS = 2**20
"""All that there are, as the rule asks on one machine."""
QUALITY_THREADS = 2
"""As the rule asks."""


def reports(experiment: Experiment) -> dict[str, str]:
    """Rules with one job a study, and a file that each makes."""
    streaks = {"destreaking": jobs.MEASURES} if experiment.figures.destreaking else {}
    items = {item.rule: item.outputs[0] for item in report_items(experiment)}
    return {**TABLES, **streaks, **items, **EXPLORER, **LAST}


def report_needs(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """The tasks that each figure and table waits for, by rule."""
    return {
        item.rule: tuple(dict.fromkeys(map(_task_of, [*item.inputs.files, *item.inputs.optional])))
        for item in report_items(experiment)
    }


def pretext_figures(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """Figures that are drawn from pretrainings alone, and from which."""
    needs = {
        rule: tuple(need for need in needed if "/pretrained/" in need)
        for rule, needed in report_needs(experiment).items()
    }
    return {rule: needed for rule, needed in needs.items() if needed}


def _task_of(path: str) -> str:
    """The task that makes a file of a study."""
    made = {LAYOUT.scores: "collect", LAYOUT.history: "collect_histories"}
    made |= dict.fromkeys((jobs.MEASURES, jobs.IMAGES), "destreaking")
    if path in made:
        return made[path]
    folder, _, name = path.rpartition("/")
    try:
        run = Run.parse(folder)
    except ValueError:
        return path if "/splits/" in path else LAYOUT.store(path.partition("/")[0])
    return LAYOUT.run_scores(run) if name == "predictions" else str(run)


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
    shown = [rule for rule in reports(experiment) if rule not in (*TABLES, *LAST)]
    shown += [f"{cohort}/{rule}" for cohort in experiment.cohorts for rule in LOOKED_AT]
    needs = {
        "record": (),
        "collect": runs,
        "collect_histories": trained,
        "explorer": ("collect",),
        **report_needs(experiment),
        "crate": tuple(shown),
        "report": ("crate",),
    }
    tables = {*TABLES, *(item.rule for item in report_items(experiment) if item.specification.kind == "table")}
    for rule in reports(experiment):
        if rule == "destreaking":
            memory = costs.destreaking_memory()
            yield Task(rule, rule, costs.destreaking(), threads=PREPARE_THREADS, memory=memory)
            continue
        yield Task(rule, rule, costs.table() if rule in tables else costs.figure(), needs[rule])


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
