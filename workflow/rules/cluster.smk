# What a job's own Snakemake does on a node of a cluster.


import signal

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ExecutionSettings

from fewlabel.operations.doctor.slurm import submission_problems


def refuse_what_slurm_lacks():
    """Before any job is submitted: partitions, account and commands that the profile names must be there."""
    if getattr(workflow.executor_plugin, "name", None) != "slurm" or not workflow.is_main_process:
        return
    submitted = [job.resources for job in workflow.dag.needrun_jobs() if not job.is_local]
    # Jobs for another cluster (`--clusters`) know other partitions than those that this one lists.
    here = [resources for resources in submitted if not resources.get("clusters")]
    if here and (problems := submission_problems(here, workflow.executor_settings.status_command)):
        raise WorkflowError(problems)


# Slurm warns of the wall time by SIGUSR1, which ends a process that does not expect it: with the job's Snakemake and its
# shell the training would end before it has saved its state. So the one passes the signal on to the processes of the job,
# the other ignores it, and the training, which waits for it, saves and goes on. Some clusters signal all processes of a
# job, others the first alone: both come to the same.
if not workflow.is_main_process:

    def pass_on(number, frame):
        signal.signal(number, signal.SIG_IGN)
        os.killpg(0, number)
        signal.signal(number, pass_on)

    # A job step of Slurm leads a process group of its own.
    signal.signal(signal.SIGUSR1, pass_on if os.getpgrp() == os.getpid() else signal.SIG_IGN)
    shell.prefix("trap '' USR1; ")

    # Of several trainings that share a job, one that fails ends no other. Snakemake (9.27) does not hand its --keep-going on
    # to jobs, and makes their settings after it has read this.
    ExecutionSettings.keep_going = property(lambda settings: True, lambda settings, value: None)
