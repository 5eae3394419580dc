"""The programs and the plugin of Snakemake that a profile needs."""

import importlib.util
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from fewlabel.operations.doctor.finding import Finding, note, ok, problem
from fewlabel.operations.doctor.profile import Profile

BUILT_IN = ("local", "dryrun", "touch")
"""Executors that come with Snakemake itself."""

OF_EXECUTOR = {"slurm": ("sbatch", "scontrol", "scancel"), "kubernetes": ("kubectl",)}
IMAGE = Path("fewlabel.sif")
"""Where the rules look for it (workflow/rules/common.smk)."""
OF_STORAGE = {"fs": ("rsync",)}
OF_SOFTWARE = {"conda": ("conda",), "apptainer": ("apptainer",)}
KNOWN = ("sbatch", "squeue", "sacct", "srun", "apptainer", "conda")

LOGIN = "run this on a login node of the cluster, or load its scheduler's module (`module avail`)"
HOW = {
    "conda": "install Miniforge, or leave `--sdm conda` out",
    "kubectl": "install it and set the cluster's configuration (`kubectl get nodes` must answer)",
    "rsync": "install it here and in the container image of the jobs (Debian: `apt-get install rsync`)",
    "apptainer": "load the cluster's module for it (`module avail apptainer`), or leave `--sdm apptainer` out",
}


def found(names: Collection[str]) -> frozenset[str]:
    """Those of the programs that are in PATH; Apptainer may go by its old name."""
    aliases = {"apptainer": ("apptainer", "singularity")}
    return frozenset(name for name in names if any(map(shutil.which, aliases.get(name, (name,)))))


def needed(profile: Profile, on_node: bool) -> tuple[str, ...]:
    """The programs without which a profile does not run; on a node that runs its jobs, Slurm needs but `srun`."""
    executor = OF_EXECUTOR.get(profile.executor, ())
    if profile.executor == "slurm":
        executor = ("srun",) if on_node else (*executor, profile.status_command or "squeue")
    storage = OF_STORAGE.get(profile.storage or "", ())
    software = [name for way in sorted(profile.software) for name in OF_SOFTWARE.get(way, ())]
    return (*executor, *profile.programs, *storage, *software)


def findings(profile: Profile | None, present: Collection[str], on_node: bool) -> list[Finding]:
    """What a profile needs and is not there; without a profile, what is there."""
    if profile is None:
        return [
            ok(
                "commands",
                ", ".join(name for name in KNOWN if name in present) or "no cluster, no containers, no conda",
            )
        ]
    asked = needed(profile, on_node)
    missing = [name for name in asked if name not in present]
    if not missing:
        return [ok("commands", f"{', '.join(asked)}: in PATH" if asked else f"{profile.name} needs none")]
    cures: dict[str, list[str]] = {}
    for name in missing:
        cures.setdefault(HOW.get(name, LOGIN), []).append(name)
    return [
        problem("commands", f"{', '.join(names)}: not in PATH, but {profile.name} needs it", todo)
        for todo, names in cures.items()
    ]


def image_findings(profile: Profile | None, image: Path) -> list[Finding]:
    """The image that jobs are run in, where a profile wants one."""
    if profile is None or "apptainer" not in profile.software:
        return []
    if image.is_file():
        return [ok("image", str(image))]
    todo = f"`apptainer build {image} envs/fewlabel.def` (GPUs: `--build-arg BUILD=cuda`)"
    return [problem("image", f"{image}: not here, but {profile.name} needs it", todo)]


def plugin_findings(profiles: Sequence[Profile], chosen: bool, pins: Mapping[str, str]) -> list[Finding]:
    """Plugins that the profiles name and that are not installed: a problem of a profile that was asked for."""
    wanted = sorted({name for profile in profiles for name in plugins(profile)})
    missing = [name for name in wanted if not installed(name)]
    if not missing:
        return [ok("plugins", ", ".join(wanted) or "none needed")]
    say = problem if chosen else note
    users = {name: ", ".join(profile.name for profile in profiles if name in plugins(profile)) for name in missing}
    return [
        say("plugins", f"{name} is not installed; it is for {users[name]}", how_to_get(name, pins)) for name in missing
    ]


def plugins(profile: Profile) -> list[str]:
    """Packages of the Snakemake plugins that a profile needs: its executor and its storage."""
    executor = [] if profile.executor in BUILT_IN else [f"snakemake-executor-plugin-{profile.executor}"]
    return [*executor, *([f"snakemake-storage-plugin-{profile.storage}"] if profile.storage else [])]


def installed(plugin: str) -> bool:
    """Whether Snakemake would find the plugin of a package."""
    return importlib.util.find_spec(plugin.replace("-", "_")) is not None


def how_to_get(plugin: str, pins: Mapping[str, str]) -> str:
    """The command that installs it, in the pinned version where there is one."""
    pin = f"=={pins[plugin]}" if plugin in pins else ""
    return f"`python -m pip install --constraint envs/constraints.txt {plugin}{pin}`"
