"""Programs, Snakemake plugins and container image that a profile needs."""

import importlib.util
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from fewlabel.operations.doctor.finding import Finding, note, ok, problem
from fewlabel.operations.doctor.profile import Profile

BUILT_IN = ("local", "dryrun", "touch")
"""Executors of Snakemake that need no plugin."""

OF_EXECUTOR = {"slurm": ("sbatch", "scontrol", "scancel"), "kubernetes": ("kubectl",)}
IMAGE = Path("fewlabel.sif")
"""The container image of the rules (workflow/rules/common.smk)."""
OF_STORAGE = {"fs": ("rsync",)}
OF_SOFTWARE = {"conda": ("conda",), "apptainer": ("apptainer",)}
KNOWN = ("sbatch", "squeue", "sacct", "srun", "apptainer", "conda")

LOGIN = "run on a login node of the cluster, or load the module of its scheduler (`module avail`)"
FIXES = {
    "conda": "install Miniforge, or remove `--sdm conda`",
    "kubectl": "install it and configure the cluster (`kubectl get nodes` must work)",
    "rsync": "install it here and in the container image of the jobs (Debian: `apt-get install rsync`)",
    "apptainer": "load its module (`module avail apptainer`), or remove `--sdm apptainer`",
}


def available(names: Collection[str]) -> frozenset[str]:
    """The programs that are in PATH; Apptainer also by its former name."""
    aliases = {"apptainer": ("apptainer", "singularity")}
    return frozenset(name for name in names if any(map(shutil.which, aliases.get(name, (name,)))))


def needed(profile: Profile, on_node: bool) -> tuple[str, ...]:
    """The programs that a profile needs; on a compute node, Slurm needs only `srun`."""
    executor = OF_EXECUTOR.get(profile.executor, ())
    if profile.executor == "slurm":
        executor = ("srun",) if on_node else (*executor, profile.status_command or "squeue")
    storage = OF_STORAGE.get(profile.storage or "", ())
    software = [name for method in sorted(profile.software) for name in OF_SOFTWARE.get(method, ())]
    return (*executor, *profile.programs, *storage, *software)


def findings(profile: Profile | None, present: Collection[str], on_node: bool) -> list[Finding]:
    """Missing programs of a profile; without a profile, the programs that exist."""
    if profile is None:
        return [
            ok(
                "commands",
                ", ".join(name for name in KNOWN if name in present) or "no cluster, no containers, no conda",
            )
        ]
    required = needed(profile, on_node)
    missing = [name for name in required if name not in present]
    if not missing:
        return [ok("commands", f"{', '.join(required)}: in PATH" if required else f"{profile.name} needs none")]
    by_fix: dict[str, list[str]] = {}
    for name in missing:
        by_fix.setdefault(FIXES.get(name, LOGIN), []).append(name)
    return [
        problem("commands", f"{', '.join(names)}: not in PATH, but {profile.name} needs it", todo)
        for todo, names in by_fix.items()
    ]


def image_findings(profile: Profile | None, image: Path) -> list[Finding]:
    """The container image, where a profile needs one."""
    if profile is None or "apptainer" not in profile.software:
        return []
    if image.is_file():
        return [ok("image", str(image))]
    todo = f"`apptainer build {image} envs/fewlabel.def` (GPUs: `--build-arg BUILD=cuda`)"
    return [problem("image", f"{image}: no such file, but {profile.name} needs it", todo)]


def plugin_findings(profiles: Sequence[Profile], chosen: bool, pins: Mapping[str, str]) -> list[Finding]:
    """Plugins of the profiles that are not installed: a problem for a chosen profile, else a note."""
    required = sorted({name for profile in profiles for name in plugins(profile)})
    missing = [name for name in required if not installed(name)]
    if not missing:
        return [ok("plugins", ", ".join(required) or "none needed")]
    finding = problem if chosen else note
    users = {name: ", ".join(profile.name for profile in profiles if name in plugins(profile)) for name in missing}
    return [
        finding("plugins", f"{name} is not installed; needed by {users[name]}", install_command(name, pins))
        for name in missing
    ]


def plugins(profile: Profile) -> list[str]:
    """Packages of the Snakemake plugins of a profile: executor and storage."""
    executor = [] if profile.executor in BUILT_IN else [f"snakemake-executor-plugin-{profile.executor}"]
    return [*executor, *([f"snakemake-storage-plugin-{profile.storage}"] if profile.storage else [])]


def installed(plugin: str) -> bool:
    """Whether Snakemake finds the plugin of a package."""
    return importlib.util.find_spec(plugin.replace("-", "_")) is not None


def install_command(plugin: str, pins: Mapping[str, str]) -> str:
    """The command that installs a plugin, with its pinned version if known."""
    pin = f"=={pins[plugin]}" if plugin in pins else ""
    return f"`python -m pip install --constraint envs/constraints.txt {plugin}{pin}`"
