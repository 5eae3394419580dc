# The experiment, and the few helpers that rules share.

import os
from inspect import signature
from pathlib import Path

from snakemake.exceptions import WorkflowError

from fewlabel import jobs
from fewlabel.cohorts.record import known_fingerprint
from fewlabel.errors import InputError
from fewlabel.validation import load

try:
    EXPERIMENT = load(config, [Path(file) for file in workflow.configfiles])
except InputError as error:
    raise WorkflowError(f"The experiment has errors:\n{error}") from None

STUDY = f"results/{EXPERIMENT.study}"
RUN = STUDY + "/{cohort}/finetuned/{method}/n{n}/draw{draw}"
PRETRAINED = STUDY + "/{cohort}/pretrained/{method}"
LOGS = STUDY + "/logs"

# Jobs find cohorts on disk by this variable, not by their settings: data that move do not make results run again.
if EXPERIMENT.data_root is not None:
    os.environ["FEWLABEL_DATA"] = EXPERIMENT.data_root


wildcard_constraints:
    cohort="[a-z][a-z0-9_]*",
    method="[a-z][a-z0-9_]*",
    n=r"\d+|all",
    draw=r"\d+",


def settings(make):
    """A rule's settings string, made by a function of `fewlabel.jobs` from the wildcards that it asks for."""
    asked = list(signature(make).parameters)[1:]

    def of_wildcards(wildcards):
        texts = {name: wildcards[name] for name in asked}
        return jobs.canonical(make(EXPERIMENT, **{name: int(text) if text.isdigit() else text for name, text in texts.items()}))

    return of_wildcards
