"""Whether a pool holds the N asked of it: told by the split, and of a finished split before anything runs.

Imported while Snakemake reads its rules: nothing slow is imported.
"""

import json
from pathlib import Path

from fewlabel import jobs
from fewlabel.experiment import Experiment


def pool_problems(cohort: str, pool: int, largest: int) -> list[str]:
    """The problem, if any, of a pool of so many labelled subjects that does not hold the largest N asked of it."""
    if largest <= pool:
        return []
    text = (
        f"labels: N = {largest}, but the pool of cohorts.{cohort} holds {pool} labelled subjects besides the test set"
    )
    return [f"{text}; accepted: 1 to {pool}, or all; lower N or `test`, or label more subjects"]


def finished_split_problems(experiment: Experiment, cohort: str, fetched: str, study: Path) -> list[str]:
    """The same of a finished split that is still current; a split that will be made again tells it itself.

    Args:
        experiment: as it is now.
        cohort: its key.
        fetched: the settings that `fetch` would be given now.
        study: folder of the study's results.
    """
    source, pool = study / cohort / "source.json", study / cohort / "splits" / "pool.json"
    try:
        split = json.loads(pool.read_text(encoding="utf-8"))
        as_fetched = jobs.FetchSettings.model_validate_json(source.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    settings = jobs.canonical(jobs.split_settings(experiment, cohort))
    if jobs.canonical(as_fetched) != fetched or split["settings"] != json.loads(settings):
        return []
    return pool_problems(cohort, split["pool"], jobs.largest_n(experiment))
