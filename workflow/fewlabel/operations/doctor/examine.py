"""Run all checks of a machine, from software to data."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewlabel.config.loading.workflow_files import workflow_folders
from fewlabel.data.paths import data_root
from fewlabel.operations.doctor import accelerators, data, machine, shared_view, slurm, software, storage
from fewlabel.operations.doctor import profile as profiles
from fewlabel.operations.doctor import programs as program_checks
from fewlabel.operations.doctor.finding import Finding, ok, problem
from fewlabel.operations.doctor.profile import Profile
from fewlabel.operations.doctor.shared_view import SharedView
from fewlabel.utils.errors import InputError


@dataclass(frozen=True)
class Requirements:
    """What a study needs of the machine."""

    results: Path  # folder of results
    # folder of a Snakemake profile; None: all profiles are checked, their problems as notes
    profile: Path | None = None
    configfiles: Sequence[Path] = ()  # experiment files, merged over config.yaml
    need_gpu: bool = False  # whether a missing GPU is a problem
    probe: bool = False  # whether to repeat the probe of the CPU
    token: bool = False  # whether to write a token to the results, which other machines look for


def examine(required: Requirements) -> tuple[list[Finding], SharedView]:
    """Examine this machine; return the findings, and the view to compare with other machines."""
    folders = workflow_folders()
    installed = software.ask(folders)
    read = [_read(required.profile)] if required.profile else []
    profile = next((entry for entry in read if isinstance(entry, Profile)), None)
    disk = storage.ask(required.results)
    if required.token and disk.refused is None:
        shared_view.leave_token(required.results)
    findings = [
        *software.findings(installed),
        *shared_view.code_findings(shared_view.PACKAGE, Path()),
        *(entry for entry in read if isinstance(entry, Finding)),
        *_torch(required, profile),
        *machine.findings(machine.ask()),
        *_cluster(profile, installed.pins or {}),
        *storage.findings("results", disk),
        *storage.quota_findings(storage.ask_quota(disk.folder, disk.kind)),
        *storage.findings("temporary", storage.ask(Path(tempfile.gettempdir())), for_results=False),
        *data.ask(required.configfiles, folders),
    ]
    return findings, shared_view.view(required.results, data_root(), installed.installed, disk.clock)


def _torch(required: Requirements, profile: Profile | None) -> list[Finding]:
    nvidia = accelerators.ask_driver(os.environ.get("CUDA_VISIBLE_DEVICES"))
    return accelerators.findings(accelerators.ask(required.probe), nvidia, required.need_gpu or _wants_gpu(profile))


def _wants_gpu(profile: Profile | None) -> bool:
    """Whether trainings need a GPU here: a local profile counts GPUs (even 0), or Slurm allocated one to this job."""
    allocated = os.environ.get("SLURM_GPUS_ON_NODE", "0") not in ("", "0")
    return allocated or (profile is not None and profile.executor == "local" and profile.gpus is not None)


def _read(folder: Path) -> Profile | Finding:
    try:
        return profiles.read(folder)
    except InputError as error:
        return problem("profile", str(error), "correct the profile")


def _cluster(profile: Profile | None, pins: Mapping[str, str]) -> list[Finding]:
    job = slurm.allocation()
    entries = [profile] if profile else [_read(file.parent) for file in sorted(Path("profiles").glob("*/profile.yaml"))]
    programs = {*program_checks.KNOWN, *(program_checks.needed(profile, job is not None) if profile else ())}
    findings = program_checks.findings(profile, program_checks.available(programs), job is not None)
    findings += program_checks.image_findings(profile, program_checks.IMAGE)
    findings += program_checks.plugin_findings(
        [entry for entry in entries if isinstance(entry, Profile)], profile is not None, pins
    )
    if job is not None:
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES") or "none"
        findings.append(ok("allocation", f"Slurm job {job}, GPUs: {gpus}"))
    elif profile is not None and profile.executor == "slurm":
        findings += slurm.findings(slurm.ask(), profile)
    return findings
