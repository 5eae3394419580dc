# Messages during a run. Snakemake's own lines on each job are in its log (.snakemake/log), and on the
# terminal with `--printshellcmds` or `--verbose`.

from snakemake.logging import logger

from fewlabel.operations.hooks.failures import FailedJobFilter
from fewlabel.operations.hooks.progress import JobProgress, RoutineFilter


def running_jobs():
    """Numbers of the jobs that run, or wait in a cluster's queue; trainings that share a job count each."""
    return [job.jobid for one in list(workflow.scheduler.running) for job in getattr(one, "jobs", [one])]


def tell_progress():
    """From now on; `--quiet progress` silences it with Snakemake's own."""
    keys = ("cohort", "method")
    # An importing workflow may rename rules.
    names = {proxy.rule.name: name for name, proxy in rules._rules.items()}
    jobs = {
        job.jobid: (names.get(job.rule.name, job.rule.name), *(str(job.wildcards.get(key, "")) for key in keys))
        for job in workflow.dag.needrun_jobs()
    }
    sheets = {
        job.jobid: str(job.output.html) for job in workflow.dag.needrun_jobs() if job.rule.name == "contact_sheet"
    }
    logger.addHandler(JobProgress(jobs, running_jobs, every=5, pages=sheets))
    if not (workflow.output_settings.printshellcmds or workflow.output_settings.verbose):
        for handler in logger.handlers:
            if handler.name == "DefaultStreamHandler":
                handler.addFilter(RoutineFilter())
    logger.addFilter(FailedJobFilter({job.jobid: [str(log) for log in job.log] for job in workflow.dag.needrun_jobs()}))
