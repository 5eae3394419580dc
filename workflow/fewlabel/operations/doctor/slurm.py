"""Check partitions and accounts of a profile against the Slurm cluster."""

import difflib
import getpass
import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fewlabel.operations.doctor import slurm
from fewlabel.operations.doctor.finding import Finding, note, ok, problem
from fewlabel.operations.doctor.profile import Profile, values
from fewlabel.utils.environment import command_output

SECONDS = 4


@dataclass(frozen=True)
class Partition:
    """A partition; `up`: accepts jobs; `gpus`: its nodes declare GPUs."""

    name: str
    up: bool
    gpus: bool


@dataclass(frozen=True)
class Slurm:
    """Facts of the cluster; None: Slurm did not answer."""

    partitions: tuple[Partition, ...] | None
    accounts: frozenset[str] | None
    enforced: bool = False  # whether Slurm refuses jobs without a known account
    accounting: bool | None = None  # whether the cluster keeps accounting, which `sacct` reads


def ask() -> Slurm:
    """Ask controller and accounting in parallel, since each may take seconds."""
    associations = ["sacctmgr", "-nP", "show", "assoc", f"user={getpass.getuser()}", "format=account"]
    commands = [["sinfo", "-a", "-h", "-o", "%R|%a|%G"], associations, ["scontrol", "show", "config"]]
    with ThreadPoolExecutor(len(commands)) as pool:
        sinfo, accounts, config = pool.map(lambda command: command_output(command, SECONDS), commands)
    settings = config_of(config or "")
    storage = settings.get("AccountingStorageType")
    return Slurm(
        None if sinfo is None else partitions_of(sinfo),
        None if accounts is None else frozenset(filter(None, accounts.split())),
        "associations" in settings.get("AccountingStorageEnforce", ""),
        None if storage is None else not storage.endswith("none"),
    )


def partitions_of(text: str) -> tuple[Partition, ...]:
    """Parse `sinfo -a -h -o "%R|%a|%G"`, which has a line for each kind of node."""
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 2]
    names = dict.fromkeys(name for name, _, _ in rows)
    return tuple(
        Partition(
            name,
            any(state == "up" for row, state, _ in rows if row == name),
            any("gpu" in gres for row, _, gres in rows if row == name),
        )
        for name in names
    )


def config_of(text: str) -> dict[str, str]:
    """Parse `scontrol show config`."""
    pairs = [line.partition("=") for line in text.splitlines() if "=" in line]
    return {key.strip(): value.strip() for key, _, value in pairs}


def allocation() -> str | None:
    """The Slurm job of this process."""
    return os.environ.get("SLURM_JOB_ID")


def findings(slurm: Slurm, profile: Profile) -> list[Finding]:
    """Check partitions, account and status command of a profile."""
    if slurm.partitions is None:
        todo = "run on a login node, or set SLURM_CONF to the configuration of the cluster; `sinfo` must answer"
        return [problem("partitions", "Slurm does not answer", todo)]
    return [_partitions(slurm.partitions, profile), _account(slurm, profile), *_status(slurm, profile)]


def _partitions(partitions: Collection[Partition], profile: Profile) -> Finding:
    by_name = {partition.name: partition for partition in partitions}
    edit = f"set it at the top of {profile.name}"
    for name in sorted(profile.partitions):
        if name not in by_name:
            nearest = difflib.get_close_matches(name, by_name, 1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            return problem("partitions", f"no partition {name!r}; accepted: {', '.join(by_name)}{hint}", edit)
        if name in profile.gpu_partitions and not by_name[name].gpus:
            with_gpus = ", ".join(partition.name for partition in partitions if partition.gpus) or "none"
            text = f"trainings request a GPU in {name!r}, whose nodes declare none; partitions with GPUs: {with_gpus}"
            return problem("partitions", text, f"{edit}, or use profiles/default on a machine without GPUs")
    down = [name for name in sorted(profile.partitions) if not by_name[name].up]
    if down:
        return note("partitions", f"down: {', '.join(down)}", "wait until it is up, or set another")
    return ok("partitions", ", ".join(sorted(profile.partitions)) or "the default of the cluster")


def _account(slurm: Slurm, profile: Profile) -> Finding:
    if slurm.accounts is None:
        return note(
            "account", "Slurm's accounting does not answer", "if jobs are refused, set `account` in the profile"
        )
    own = ", ".join(sorted(slurm.accounts)) or "none"
    unknown = sorted(profile.accounts - slurm.accounts)
    if unknown and (slurm.enforced or slurm.accounts):
        todo = f"set `account` at the top of {profile.name} to one of them"
        return problem("account", f"{', '.join(unknown)}: not one of your accounts; accepted: {own}", todo)
    if profile.accounts:
        return ok("account", ", ".join(sorted(profile.accounts)))
    if slurm.enforced and not slurm.accounts:
        return problem(
            "account", "the cluster requires an account, and you have none", "request one from the cluster support"
        )
    if len(slurm.accounts) > 1:
        todo = f"set `account` at the top of {profile.name} to use another"
        return note("account", f"your default, one of: {own}", todo)
    return ok("account", f"your default ({own})" if slurm.accounts else "none needed")


def _status(slurm: Slurm, profile: Profile) -> list[Finding]:
    if profile.status_command == "sacct" and slurm.accounting is False:
        text = f"{profile.name} uses sacct for job states, but this cluster keeps no accounting"
        return [problem("job states", text, "set `slurm-status-command: squeue` in the profile")]
    return []


NO_SLURM = (
    "the profile submits to Slurm, but `sbatch` is not in PATH; to fix: run Snakemake on a login node of the cluster, "
    "or use another profile (profiles/default: this machine)"
)


def submission_problems(jobs: Iterable[Mapping[str, Any]], status_command: str | None) -> str | None:
    """Reasons why Slurm would refuse the jobs, with fixes; None: none known.

    Args:
        jobs: resources of each job to submit, by Snakemake's names.
        status_command: for job states (`squeue`, `sacct`).
    """
    if shutil.which("sbatch") is None:
        return NO_SLURM
    cluster = slurm.ask()
    if not cluster.partitions:
        return None  # a controller that answers slowly may still accept jobs
    findings_ = slurm.findings(cluster, requested(jobs, status_command))
    problems = [finding for finding in findings_ if finding.status == "problem"]
    return "\n".join(f"{problem.text}; to fix: {problem.todo}" for problem in problems) or None


def requested(jobs: Iterable[Mapping[str, Any]], status_command: str | None) -> Profile:
    """The requests of jobs, as those of a profile."""
    resources = list(jobs)
    on_gpus = [job for job in resources if job.get("gpu") or "gpu" in str(job.get("gres", ""))]
    return Profile(
        "the profile",
        "slurm",
        values(resources, "slurm_partition"),
        values(on_gpus, "slurm_partition"),
        values(resources, "slurm_account"),
        status_command=status_command,
    )
