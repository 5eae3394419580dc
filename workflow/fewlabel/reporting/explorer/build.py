"""Build the explorer page from a study's results."""

from pathlib import Path

from fewlabel.config.jobs.figures.explorer import ExplorerSettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.explorer.packing import pack
from fewlabel.reporting.explorer.page import render
from fewlabel.reporting.explorer.study import cohort_content, join_fold_facts, run_facts, runs_of_cohort, study_content
from fewlabel.reporting.statistics.classes import one_class
from fewlabel.reporting.statistics.scores import read_class_scores, select


def explorer_page(results: Path, settings: ExplorerSettings) -> str:
    """The explorer page of a finished study, as HTML.

    Args:
        results: the study's folder, with scores, volumes, predictions and run records.
        settings: content and size limit of the page.

    Raises:
        InputError: scores are incomplete, or a volume or prediction is missing or damaged.
    """
    titles = settings.titles
    by_class = select(read_class_scores(results / LAYOUT.scores), titles, settings.runs)
    scores = one_class(by_class)
    facts = run_facts(results, settings)
    content = study_content(settings, facts)
    parts = {cohort: scores[scores["cohort"] == cohort] for cohort in titles.cohorts}
    runs = {cohort: runs_of_cohort(settings, cohort, part) for cohort, part in parts.items()}
    content["cohorts"] = [
        cohort_content(
            by_class[by_class["cohort"] == cohort],
            cohort,
            {
                key: join_fold_facts({fold: facts[run] for fold, run in by_fold.items()})
                for key, by_fold in runs[cohort].items()
            },
            settings,
        )
        for cohort in parts
    ]
    content["notes"] = [
        f"{title.title}: every subject is tested once, in one of {title.folds} test folds; a draw is that draw of each."
        for title in titles.cohorts.values()
        if title.folds is not None
    ]
    content["notes"] += [
        f"{titles.cohorts[cohort].title}: of the channels {', '.join(names)}, {names[0]} is shown."
        for cohort, images in settings.images.items()
        if len(names := images.source.channel_names) > 1
    ]
    limit = settings.page.size_limit_mb * 10**6
    room = limit - len(render(content, []).encode()) - 10_000 * len(parts)
    blocks: list[str] = []
    for index, (cohort, part) in enumerate(parts.items()):
        share = max(0, room - sum(map(len, blocks))) // (len(parts) - index)
        packed = pack(
            results,
            cohort,
            titles.cohorts[cohort].title,
            settings.images[cohort],
            part,
            runs[cohort],
            settings.page,
            share,
        )
        content["cohorts"][index]["volumes"] = list(range(len(blocks), len(blocks) + len(packed.blocks)))
        content["cohorts"][index]["shown"] = packed.subjects
        content["cohorts"][index]["draws"] = packed.draws
        content["notes"] += packed.notes
        blocks += packed.blocks
    return render(content, blocks)
