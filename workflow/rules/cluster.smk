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


# Slurm sends SIGUSR1 before the wall time. The signal ends every process that does not handle it: without the lines below,
# it would end the job's Snakemake and shell, and with them the training, before the training has saved its state. Here
# Snakemake passes the signal on to the processes of the job, the shell ignores it, and the training saves its state and
# continues. Some clusters signal all processes of a job, others only the first; the result is the same.
if not workflow.is_main_process:

    def pass_on(number, frame):
        signal.signal(number, signal.SIG_IGN)
        os.killpg(0, number)
        signal.signal(number, pass_on)

    # A job step of Slurm leads a process group of its own.
    signal.signal(signal.SIGUSR1, pass_on if os.getpgrp() == os.getpid() else signal.SIG_IGN)
    shell.prefix("trap '' USR1; ")

    # If several trainings share a job, one that fails does not end the others. Snakemake (9.27) does not pass --keep-going
    # on to jobs, and creates their settings only after it has read this file.
    ExecutionSettings.keep_going = property(lambda settings: True, lambda settings, value: None)
