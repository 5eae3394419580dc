# The path of a cohort's list of subjects: it contains a hash of the settings and the files.

from fewlabel.config.jobs.data import fetch_settings, planned_split, split_alike
from functools import cache
from hashlib import sha256

from fewlabel.data.sources.fingerprint import recorded_fingerprint
from fewlabel.operations.hooks.preflight import fetched_split_problems, redraw_notes, source_problems


@cache
def settings_of_fetch(cohort):
    """The settings string of `fetch`, with what identifies the cohort's files where they lie on disk."""
    record = Path(LAYOUT.source(cohort))
    fingerprint = recorded_fingerprint(EXPERIMENT.cohorts[cohort].source, record)
    return canonical(fetch_settings(EXPERIMENT, cohort, fingerprint))


def fetched(cohort, name):
    """A file that `fetch` makes of the cohort as it is now."""
    key = sha256(settings_of_fetch(cohort).encode()).hexdigest()[:12]
    return LAYOUT.fetched(cohort, key, name)


def volumes_at_once(elsewhere):
    """Threads of the check of a cohort, as `all_cores`; of volumes made by code nothing is read."""
    given = all_cores(elsewhere)

    def at(wildcards):
        return 1 if EXPERIMENT.cohorts[wildcards.cohort].source.made_by_code else given(wildcards)

    return at


def listed(cohort):
    """Where the subjects of a fetched cohort stand."""
    return Path(fetched(cohort, "subjects.csv"))


def planned(cohort):
    """The planned split of a cohort, as a settings string, with the data for its check."""
    hashes = {other: fetched(other, "voxels.json") for other in split_alike(EXPERIMENT, cohort)}
    return canonical(planned_split(EXPERIMENT, cohort, STUDY, hashes))


# A source that cannot be read here is reported before anything asks for its files.
if workflow.is_main_process and (unreadable := source_problems(EXPERIMENT)):
    raise WorkflowError("\n".join(unreadable))

# For a cohort that is already fetched, an impossible split or a changed test set is reported now; for a new cohort,
# `fetch` reports it.
if workflow.is_main_process:
    impossible = [
        problem
        for cohort, chosen in EXPERIMENT.cohorts.items()
        for problem in fetched_split_problems(
            EXPERIMENT, cohort, listed(cohort), Path(STUDY), listed(chosen.split_as) if chosen.split_as else None
        )
    ]
    if impossible:
        raise WorkflowError("\n".join(impossible))
    for cohort in EXPERIMENT.cohorts:
        for note in redraw_notes(EXPERIMENT, cohort, listed(cohort), Path(STUDY)):
            print(note, file=sys.stderr)
