# One run at a time, and the message at its end.

from snakemake.exceptions import WorkflowError

from fewlabel.operations.hooks import snapshot
from fewlabel.operations.hooks.failures import Failure, report
from fewlabel.operations.hooks.finished import finished
from fewlabel.operations.hooks.stale_files import forget_finished
from fewlabel.utils.locks import hold_lock_until_exit, lock_files

RUNNING = Path(LAYOUT.running)

if trouble := snapshot.foreign_package(CHECKOUT):
    raise WorkflowError(trouble)

# Jobs of a cluster read this file too; only the main process takes the lock and prints.
CODE = snapshot.fingerprint(CHECKOUT, FILES) if workflow.is_main_process else {}


def finish():
    """The workflow knows now of the trainings that it saw end, and of those that it did not need."""
    left = list(workflow.dag.needrun_jobs())
    trainings = {Path(job.output.weights).parent for job in left if "weights" in job.output.keys()}
    evaluations = {Path(job.input.weights).parent for job in left if "predictions" in job.output.keys()}
    forget_finished(Path(STUDY), trainings, evaluations)
    for file in lock_files(RUNNING):
        file.unlink(missing_ok=True)
    if paths := snapshot.edited(CODE):
        print(snapshot.warning(paths, CHECKOUT), file=sys.stderr)


# The profiles turn Snakemake's own lock off: it remains after a killed run and then requires `--unlock`. The operating
# system releases this lock in every case.
onstart:
    refuse_without_gpu()
    refuse_what_slurm_lacks()
    other = hold_lock_until_exit(RUNNING)
    if other:
        raise WorkflowError(
            f"{STUDY}: {other} works on this study already; wait for it or end it, or name another `study`"
        )
    tell_progress()


onsuccess:
    finish()
    print(finished(Path(STUDY)), file=sys.stderr)


onerror:
    # Trainings that share a job are reported as failed together; their logs show which one failed.
    failed = sorted((job for one in workflow.scheduler.failed for job in getattr(one, "jobs", [one])), key=str)
    failures = [Failure(f"{job.rule.name} {dict(job.wildcards)}", [Path(log) for log in job.log]) for job in failed]
    print(report(failures, sum(1 for job in workflow.dag.needrun_jobs() if job not in failed)), file=sys.stderr)
    finish()
