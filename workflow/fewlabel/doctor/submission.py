"""Before anything is submitted to Slurm: does the cluster have what the jobs ask for?

Otherwise each job is refused on its own, at its own time, in Slurm's words.
"""

import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from fewlabel.doctor import slurm
from fewlabel.doctor.profile import Profile, values

NO_SLURM = (
    "this profile submits to Slurm, whose `sbatch` is not in PATH; start Snakemake on a login node of the cluster, or "
    "take another profile (profiles/default: this machine)"
)


def trouble(jobs: Iterable[Mapping[str, Any]], status_command: str | None) -> str | None:
    """What would be refused, with what to do; None where nothing is known to be wrong.

    Args:
        jobs: the resources of each job that is to be submitted, by Snakemake's names.
        status_command: how states of jobs are asked for (`squeue`, `sacct`).
    """
    if shutil.which("sbatch") is None:
        return NO_SLURM
    cluster = slurm.ask()
    if not cluster.partitions:
        return None  # a controller that is slow to answer, or lists none, may well take jobs
    found = slurm.findings(cluster, asked_for(jobs, status_command))
    problems = [finding for finding in found if finding.status == "problem"]
    return "\n".join(f"{problem.text}; {problem.todo}" for problem in problems) or None


def asked_for(jobs: Iterable[Mapping[str, Any]], status_command: str | None) -> Profile:
    """What jobs ask of a cluster, as a profile does."""
    together = list(jobs)
    on_gpus = [resources for resources in together if resources.get("gpu") or "gpu" in str(resources.get("gres", ""))]
    return Profile(
        "the profile",
        "slurm",
        values(together, "slurm_partition"),
        values(on_gpus, "slurm_partition"),
        values(together, "slurm_account"),
        status_command=status_command,
    )
