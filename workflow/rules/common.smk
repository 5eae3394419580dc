# The experiment, and the helper functions that rules share.

import os
import sys
from functools import cache
from inspect import signature
from pathlib import Path
from shlex import quote

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from fewlabel.config.folds import cohort_of
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.grid import split_parts
from fewlabel.config.jobs.figures.registry import report_items
from fewlabel.config.jobs.training import evaluate_settings, pretrained_as
from fewlabel.config.loading.load import load
from fewlabel.config.loading.workflow_files import DEFAULTS, workflow_folder
from fewlabel.config.loading.yaml_files import laid_over
from fewlabel.config.study_layout import WILDCARDS, Run, StudyLayout
from fewlabel.data.paths import export_data_root
from fewlabel.reporting.captions import study_facts
from fewlabel.utils.atomic_files import sha256
from fewlabel.utils.errors import InputError
from fewlabel.utils.log import show_messages

min_version("9.19")

show_messages()

# The folder of the workflow's files; where Snakemake reads them from the network, that of the installed package's.
CHECKOUT = Path(str(workflow.current_basedir)).parents[1]
if not (CHECKOUT / DEFAULTS).is_file():
    CHECKOUT = workflow_folder() or CHECKOUT

# Snakemake lists the overlays before `config.yaml`; later files here override earlier ones.
FILES = sorted(map(Path, workflow.configfiles), key=lambda file: file != CHECKOUT / DEFAULTS)

# In a workflow that declares this one as a module, Snakemake leaves `configfile` out: there, the module's `config` is laid
# over `config.yaml` here.
IMPORTED = not workflow.modifier.is_main_snakefile()
if IMPORTED:
    FILES = [CHECKOUT / DEFAULTS, *FILES]
    moved = workflow.modifier.path_modifier
    if moved.prefix or moved.modifies_prefixes:
        raise WorkflowError(
            "module fewlabel: `prefix` and `replace_prefix` are not supported; to fix: leave them out, and name the "
            "folder beneath results by `study`"
        )

try:
    if IMPORTED:
        config = laid_over(CHECKOUT / DEFAULTS, config)
    EXPERIMENT = load(config, FILES)
    # All figures and tables of the study.
    ITEMS = report_items(EXPERIMENT)
except InputError as error:
    raise WorkflowError(f"The experiment has errors:\n{error}") from None

# RESULTS is where studies lie: `results`, or `results/published` where figures are redrawn from published tables.
STUDY = f"{RESULTS}/{EXPERIMENT.study}"
LAYOUT = StudyLayout(STUDY)
LOGS = f"{STUDY}/logs"

# The tables that figures and tables are drawn from, the same in a study's results and in a published study.
SCORES, HISTORY = LAYOUT.scores, LAYOUT.history
ROLES = LAYOUT.roles("{cohort}")

# Further inputs of pictures. With a storage provider, outputs of rules cannot be expanded, and these paths can.
STORE = LAYOUT.store("{cohort}")
ARRAYS = LAYOUT.arrays("{cohort}")
NATIVE = LAYOUT.native("{cohort}")
PRETEXT = LAYOUT.pretext(Run.pattern("{cohort}", "{method}"))

# Tables of roles of every cohort and fold. In rules of splits and trainings the wildcard `cohort` may name a fold
# (`fewlabel.config.folds`); volumes and slices belong to the cohort.
ALL_ROLES = expand(ROLES, cohort=split_parts(EXPERIMENT))

# The facts of this study that captions name; no job depends on them.
config["facts"] = study_facts(EXPERIMENT)

# Captions, including those of installed packages: a changed caption changes the pages.
CAPTIONS = CHECKOUT / "workflow" / "report"
CAPTION_HASHES = sorted(
    map(sha256, [*CAPTIONS.glob("*"), *{item.caption for item in ITEMS if item.caption.is_absolute()}])
)

# Jobs locate cohorts by this variable and not by a setting: data in another folder do not make results run again.
if EXPERIMENT.data_root is not None:
    export_data_root(EXPERIMENT.data_root)


# Software: `--sdm apptainer` looks for an image (envs/fewlabel.def makes it), `--sdm conda` for envs/cpu.yaml, and for trainings
# on NVIDIA's GPUs, where FEWLABEL_CONDA=cuda says so, for envs/cuda.yaml.
container: "fewlabel.sif"


KIND = os.environ.get("FEWLABEL_CONDA") or "cpu"
if KIND not in ("cpu", "cuda"):
    raise WorkflowError(f"FEWLABEL_CONDA={KIND}: no such environment; accepted: cpu, cuda")
TRAINING_SOFTWARE = f"../../envs/{KIND}.yaml"


wildcard_constraints:
    **WILDCARDS,


class Unwatched:
    """A param whose change makes nothing run again: Snakemake remembers built-in values alone.

    A function is called only for jobs that run.
    """

    def __init__(self, value):
        self.value = value

    def __str__(self):
        return str(self.value() if callable(self.value) else self.value)


def signed(function):
    """The function with its signature on it: Snakemake asks for it several times a job, and finding it out is slow."""
    function.__signature__ = signature(function)
    return function


def growing(amount):
    """Memory or time of a job: more at each attempt, up to what the profile's `resources` name as the most."""

    @signed
    def at(wildcards, attempt):
        return amount * attempt

    return at


def growing_with_threads(amount):
    """The same, so much for each thread."""

    @signed
    def at(wildcards, threads, attempt):
        return amount * threads * attempt

    return at


def all_cores(elsewhere):
    """Threads of a job that works on any number of them: all that this run has, and so many in a cluster's jobs, for
    which `--set-threads` names another number."""

    def at(wildcards):
        return workflow.cores if workflow.local_exec and not workflow.remote_exec else elsewhere

    return at


def unshared(files):
    """Further inputs of a job that gets its inputs from a storage, where nothing else is shared; else none.

    Elsewhere they lie where they are, and of the large ones a copy with new dates would make results run again.
    """
    return files if workflow.storage_settings.default_storage_provider else []


def of_cohort(files):
    """An input of a job that may be of one fold: what its whole cohort has, whose wildcards `files` hold."""

    named = cache(lambda cohort: expand(files, cohort=cohort))

    @signed
    def of_wildcards(wildcards):
        return list(named(cohort_of(wildcards.cohort)))

    return of_wildcards


def shown(path, caption, category, **labels):
    """A file that the study's report shows, with a caption beneath it: a file, or one of `workflow/report`."""
    # A user's title may contain braces; behind an invisible word joiner they are no wildcards.
    plain = {name: text.replace("{", "{\u2060") for name, text in labels.items()}
    return report(path, caption=str(Path("../report") / caption), category=category, labels=plain)


def made_from(item):
    """Inputs of the job that makes a figure or table; of a published study, those of the optional ones that it has."""
    there = [path for path in item.inputs.optional if RESULTS == "results" or Path(STUDY, path).is_file()]
    return [f"{STUDY}/{path}" for path in [*item.inputs.files, *there, *unshared(item.inputs.large)]]


def files_of(item):
    """Outputs of that job, by their names in its command; the report shows a figure's PNG and a table's HTML."""
    kind = item.specification.kind
    names, best = {"figure": (("png", "pdf"), "png"), "table": (("csv", "markdown", "latex", "html"), "html")}[kind]
    files = {name: f"{STUDY}/{path}" for name, path in zip(names, item.outputs, strict=True)}
    labels = {kind: item.title, **item.labels}
    return {**files, best: shown(files[best], item.caption, f"{kind.title()}s", **labels)}


def command_of(item):
    """The arguments of that job's command but for its settings, with the files of the job; no param that is recorded."""
    command = item.command

    def of_job(wildcards, output):
        files = " ".join(f"--{name} {path}" for name, path in output.items())
        return f"{command} --results {os.path.dirname(os.path.dirname(output[0]))} {files}"

    return of_job


def made_of(kind):
    """All figures or all tables that tables alone are enough for."""
    items = [item for item in ITEMS if item.specification.kind == kind and not item.specification.needs_volumes]
    return [f"{STUDY}/{path}" for item in items for path in item.outputs]


def cohort_page(caption, shows):
    """How the report shows what there is of each cohort, whose name is the rule's wildcard."""
    return {
        "caption": f"../report/{caption}.rst",
        "category": "Cohorts",
        "labels": {"cohort": "{cohort}", "shows": shows},
    }


def settings(make):
    """A rule's settings string, made by a function of `fewlabel.config.jobs` from the wildcards that it asks for."""
    asked = list(signature(make).parameters)[1:]

    @signed
    def of_wildcards(wildcards):
        texts = {name: wildcards[name] for name in asked}
        return canonical(
            make(EXPERIMENT, **{name: int(text) if text.isdigit() else text for name, text in texts.items()})
        )

    return of_wildcards


@signed
def state_of(wildcards, output):
    """The checkpoint of a training."""
    return f"{os.path.dirname(output.weights)}/training.state"


@signed
def pretrained_weights(wildcards):
    """The weights that a finetuning starts from, in a list; none for a method that starts from random weights."""
    start = pretrained_as(EXPERIMENT, wildcards.method)
    return [LAYOUT.weights(Run(wildcards.cohort, start))] if start else []


@signed
def evaluation_options(wildcards):
    """Options with which a finetuning also evaluates its network, so that no second process imports PyTorch for it.

    The rule `evaluate` takes the result over, if it has the same settings and inputs, and evaluates otherwise. With a
    storage, jobs share no further files.
    """

    def options():
        if workflow.storage_settings.default_storage_provider:
            return ""
        roles, native = LAYOUT.roles(wildcards.cohort), LAYOUT.native(cohort_of(wildcards.cohort))
        return f"--evaluation {quote(settings(evaluate_settings)(wildcards))} --roles {roles} --truth {native}/labels"

    return Unwatched(options)
