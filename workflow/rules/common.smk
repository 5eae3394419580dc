# The experiment, and the few helpers that rules share.

import os
from functools import cache
from hashlib import sha256
from inspect import signature
from pathlib import Path

from snakemake.exceptions import WorkflowError

from fewlabel import jobs
from fewlabel.cohorts.data_root import export_data_root
from fewlabel.cohorts.record import known_fingerprint
from fewlabel.errors import InputError
from fewlabel.preflight import fetched_split_problems
from fewlabel.validation import load

# Snakemake lists the overlays before `config.yaml`; the later a file stands here, the more it has to say.
DEFAULTS = Path(workflow.basedir) / "config.yaml"
FILES = sorted(map(Path, workflow.configfiles), key=lambda file: file != DEFAULTS)

try:
    EXPERIMENT = load(config, FILES)
except InputError as error:
    raise WorkflowError(f"The experiment has errors:\n{error}") from None

STUDY = f"results/{EXPERIMENT.study}"
RUN = f"{STUDY}/{{cohort}}/finetuned/{{method}}/n{{n}}/draw{{draw}}"
FETCHED = f"{STUDY}/{{cohort}}/fetched/{{key}}"
PRETRAINED = f"{STUDY}/{{cohort}}/pretrained/{{method}}"
LOGS = f"{STUDY}/logs"

# Jobs find cohorts on disk by this variable, not by their settings: data that move do not make results run again.
if EXPERIMENT.data_root is not None:
    export_data_root(EXPERIMENT.data_root)


wildcard_constraints:
    cohort="[a-z][a-z0-9_]*",
    method="[a-z][a-z0-9_]*",
    n=r"\d+|all",
    draw=r"\d+",
    key="[0-9a-f]{12}",


class Unwatched:
    """A param whose change makes nothing run again: Snakemake remembers built-in values alone."""

    def __init__(self, value):
        self.value = value

    def __str__(self):
        return str(self.value)


def growing(amount):
    """Memory or time of a job: more at each attempt, up to what the profile's `resources` name as the most."""

    def at(wildcards, attempt):
        return amount * attempt

    return at


@cache
def fetch_settings(cohort):
    """The settings string of `fetch`, with what identifies the cohort's files where they lie on disk."""
    record = Path(f"{STUDY}/{cohort}/splits/source.json")
    fingerprint = known_fingerprint(EXPERIMENT.cohorts[cohort].source, record)
    return jobs.canonical(jobs.fetch_settings(EXPERIMENT, cohort, fingerprint))


def fetched(cohort, name):
    """A file that `fetch` makes of the cohort as it is now."""
    key = sha256(fetch_settings(cohort).encode()).hexdigest()[:12]
    return f"{FETCHED}/{name}".format(cohort=cohort, key=key)


def settings(make):
    """A rule's settings string, made by a function of `fewlabel.jobs` from the wildcards that it asks for."""
    asked = list(signature(make).parameters)[1:]

    def of_wildcards(wildcards):
        texts = {name: wildcards[name] for name in asked}
        return jobs.canonical(
            make(EXPERIMENT, **{name: int(text) if text.isdigit() else text for name, text in texts.items()})
        )

    return of_wildcards


# A cohort that is already fetched tells an impossible split now; `fetch` itself tells it of a new one.
if workflow.is_main_process:
    impossible = [
        problem
        for cohort in EXPERIMENT.cohorts
        for problem in fetched_split_problems(EXPERIMENT, cohort, Path(fetched(cohort, "subjects.csv")))
    ]
    if impossible:
        raise WorkflowError("\n".join(impossible))
