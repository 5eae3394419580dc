"""Slurm's partitions and accounts, against those that a profile names."""

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
from fewlabel.utils.hardware_info import command_output

SECONDS = 4


@dataclass(frozen=True)
class Partition:
    """A partition: whether it takes jobs, and whether its nodes declare GPUs."""

    name: str
    up: bool
    gpus: bool


@dataclass(frozen=True)
class Slurm:
    """What Slurm's commands answered; None: they did not.

    Attributes:
        partitions: of the cluster.
        accounts: that this user may charge.
        enforced: whether jobs without an account that Slurm knows are refused.
        accounting: whether `sacct` has something to ask.
    """

    partitions: tuple[Partition, ...] | None
    accounts: frozenset[str] | None
    enforced: bool = False
    accounting: bool | None = None


def ask() -> Slurm:
    """Ask the controller and the accounting, at the same time: one that hangs costs seconds."""
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
    """The partitions of `sinfo -a -h -o "%R|%a|%G"`, which has a line for each kind of node."""
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
    """`scontrol show config` by key."""
    pairs = [line.partition("=") for line in text.splitlines() if "=" in line]
    return {key.strip(): value.strip() for key, _, value in pairs}


def allocation() -> str | None:
    """The Slurm job that this process is in."""
    return os.environ.get("SLURM_JOB_ID")


def findings(slurm: Slurm, profile: Profile) -> list[Finding]:
    """Partitions, account and status command of a profile."""
    if slurm.partitions is None:
        todo = "call it where `sinfo` answers: a login node, or set SLURM_CONF to the cluster's configuration"
        return [problem("partitions", "Slurm does not answer", todo)]
    return [_partitions(slurm.partitions, profile), _account(slurm, profile), *_status(slurm, profile)]


def _partitions(partitions: Collection[Partition], profile: Profile) -> Finding:
    known = {partition.name: partition for partition in partitions}
    edit = f"set it on top of {profile.name}"
    for name in sorted(profile.partitions):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            return problem("partitions", f"no partition {name!r}; accepted: {', '.join(known)}{meant}", edit)
        if name in profile.gpu_partitions and not known[name].gpus:
            with_gpus = ", ".join(partition.name for partition in partitions if partition.gpus) or "none"
            text = f"trainings ask for a GPU in {name!r}, whose nodes declare none; with GPUs: {with_gpus}"
            return problem("partitions", text, f"{edit}, or take profiles/default on a machine without GPUs")
    down = [name for name in sorted(profile.partitions) if not known[name].up]
    if down:
        return note("partitions", f"down at the moment: {', '.join(down)}", "jobs wait until it is up; or name another")
    return ok("partitions", ", ".join(sorted(profile.partitions)) or "the cluster's default")


def _account(slurm: Slurm, profile: Profile) -> Finding:
    if slurm.accounts is None:
        return note(
            "account", "Slurm's accounting does not answer", "if jobs are refused, set `account` in the profile"
        )
    yours = ", ".join(sorted(slurm.accounts)) or "none"
    unknown = sorted(profile.accounts - slurm.accounts)
    if unknown and (slurm.enforced or slurm.accounts):
        todo = f"set `account` on top of {profile.name} to one of yours"
        return problem("account", f"{', '.join(unknown)}: not an account of yours; accepted: {yours}", todo)
    if profile.accounts:
        return ok("account", ", ".join(sorted(profile.accounts)))
    if slurm.enforced and not slurm.accounts:
        return problem(
            "account", "the cluster wants one, and you have none", "ask the cluster's support for an account"
        )
    if len(slurm.accounts) > 1:
        todo = f"set `account` on top of {profile.name} if that is not the one"
        return note("account", f"your default one of: {yours}", todo)
    return ok("account", f"your default ({yours})" if slurm.accounts else "none needed")


def _status(slurm: Slurm, profile: Profile) -> list[Finding]:
    if profile.status_command == "sacct" and slurm.accounting is False:
        text = f"{profile.name} asks sacct for the state of jobs, but this cluster keeps no accounting"
        return [problem("job states", text, "`slurm-status-command: squeue` in the profile")]
    return []


NO_SLURM = (
    "this profile submits to Slurm, whose `sbatch` is not in PATH; start Snakemake on a login node of the cluster, or "
    "use another profile (profiles/default: this machine)"
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
