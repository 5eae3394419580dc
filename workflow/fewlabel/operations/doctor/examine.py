"""All checks of a machine, in the order in which a person would go through them."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewlabel.data.paths import data_root
from fewlabel.operations.doctor import accelerators, data, driver, machine, quota, shared_view, slurm, software, storage
from fewlabel.operations.doctor import profile as profiles
from fewlabel.operations.doctor import programs as program_checks
from fewlabel.operations.doctor.finding import Finding, ok, problem
from fewlabel.operations.doctor.profile import Profile
from fewlabel.operations.doctor.shared_view import Sight
from fewlabel.utils.errors import InputError


@dataclass(frozen=True)
class Wish:
    """What a machine is to be fit for.

    Attributes:
        results: folder that results are written to.
        profile: folder of Snakemake's profile; None: none in particular.
        configfiles: overlays of the experiment.
        need_gpu: whether trainings must find a GPU here.
        token: whether to leave a token in the results for other machines to find.
    """

    results: Path
    profile: Path | None = None
    configfiles: Sequence[Path] = ()
    need_gpu: bool = False
    token: bool = False


def examine(wish: Wish) -> tuple[list[Finding], Sight]:
    """Ask this machine and check all that came back."""
    checkouts = [shared_view.PACKAGE.parents[1], Path()]
    installed = software.ask(checkouts)
    read = [_read(wish.profile)] if wish.profile else []
    profile = next((one for one in read if isinstance(one, Profile)), None)
    disk = storage.ask(wish.results)
    if wish.token and disk.refused is None:
        shared_view.leave_token(wish.results)
    found = [
        *software.findings(installed),
        *shared_view.code_findings(shared_view.PACKAGE, Path()),
        *(one for one in read if isinstance(one, Finding)),
        *_torch(wish, profile),
        *machine.findings(machine.ask()),
        *_cluster(profile, installed.pins or {}),
        *storage.findings("results", disk),
        *quota.findings(quota.ask(disk.folder, disk.kind)),
        *storage.findings("temporary", storage.ask(Path(tempfile.gettempdir())), for_results=False),
        *data.ask(wish.configfiles, checkouts),
    ]
    return found, shared_view.look(wish.results, data_root(), installed.installed, disk.clock)


def _torch(wish: Wish, profile: Profile | None) -> list[Finding]:
    nvidia = driver.ask(os.environ.get("CUDA_VISIBLE_DEVICES"))
    return accelerators.findings(accelerators.ask(), nvidia, wish.need_gpu or _wants_gpu(profile))


def _wants_gpu(profile: Profile | None) -> bool:
    """Whether trainings should find a GPU here: a local profile counts GPUs (even 0), or Slurm gave this job one."""
    given = os.environ.get("SLURM_GPUS_ON_NODE", "0") not in ("", "0")
    return given or (profile is not None and profile.executor == "local" and profile.gpus is not None)


def _read(folder: Path) -> Profile | Finding:
    try:
        return profiles.read(folder)
    except InputError as error:
        return problem("profile", str(error), "correct it")


def _cluster(profile: Profile | None, pins: Mapping[str, str]) -> list[Finding]:
    job = slurm.allocation()
    every = [profile] if profile else [_read(file.parent) for file in sorted(Path("profiles").glob("*/profile.yaml"))]
    programs = {*program_checks.KNOWN, *(program_checks.needed(profile, job is not None) if profile else ())}
    found = program_checks.findings(profile, program_checks.found(programs), job is not None)
    found += program_checks.image_findings(profile, program_checks.IMAGE)
    found += program_checks.plugin_findings(
        [one for one in every if isinstance(one, Profile)], profile is not None, pins
    )
    if job is not None:
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES") or "none"
        found.append(ok("allocation", f"Slurm job {job}, GPUs: {gpus}"))
    elif profile is not None and profile.executor == "slurm":
        found += slurm.findings(slurm.ask(), profile)
    return found
