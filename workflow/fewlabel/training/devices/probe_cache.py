"""Probes of machines in the user's cache: one file a machine and number of threads. Imports nothing slow."""

import os
import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from fewlabel.training.devices.probe import Probe, ProbeKey, is_quiet, measure_precisions, measure_threads
from fewlabel.utils.atomic_files import visible, write_text
from fewlabel.utils.environment import PACKAGE, cpuinfo, processor_name
from fewlabel.utils.locks import WITHOUT_LOCKS
from fewlabel.utils.log import LOG

CACHE = "FEWLABEL_CACHE"
"""Environment variable: the folder of the cache; empty: no cache."""
STEP_CODE = ("training/network.py", "training/segmentation.py", "training/kernels/*.*")
"""Files of the package that determine the time of a probed step."""
KERNELS = "FEWLABEL_KERNELS"
"""Environment variable that turns compiled kernels off."""
WAIT_SECONDS = 60.0
"""Longest wait for the probe of another process."""


def cache_folder() -> Path | None:
    """The folder of probes: below FEWLABEL_CACHE, else XDG_CACHE_HOME, else ~/.cache; None: no cache."""
    setting = os.environ.get(CACHE)
    if setting is not None:
        return Path(setting) / "probes" if setting.strip() else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "fewlabel" / "probes"
    except RuntimeError:  # no home folder
        return None


def probe_key(threads: int) -> ProbeKey:
    """The facts of this machine that a probe depends on."""
    return ProbeKey(
        processor=processor_name() or "unknown",
        processor_digest=processor_digest(cpuinfo()),
        threads=threads,
        torch=version("torch"),
        code=_code_digest(),
    )


@cache
def _code_digest() -> str:
    """Eight hexadecimal digits of the files of a step; of compiled ones only the size, which is quicker."""
    digest = sha256(os.environ.get(KERNELS, "").encode())
    for pattern in STEP_CODE:
        for file in visible(PACKAGE, pattern):
            content = str(file.stat().st_size).encode() if file.suffix in (".so", ".pyd") else file.read_bytes()
            digest.update(file.name.encode() + content)
    return digest.hexdigest()[:8]


def processor_digest(text: str) -> str:
    """Eight hexadecimal digits of the first processor's family, model, stepping and instructions in /proc/cpuinfo."""
    names = "vendor_id|cpu family|model|stepping|flags|Features|CPU implementer|CPU part|CPU variant"
    lines = re.findall(rf"^(?:{names})\s*:.*$", text.partition("\n\n")[0], re.MULTILINE)
    return sha256("\n".join(lines).encode()).hexdigest()[:8]


def read_probe(threads: int) -> Probe | None:
    """The kept probe of this machine; None: there is none. Does not import torch."""
    folder, key = cache_folder(), probe_key(threads)
    return None if folder is None else _read(_file(folder, key), key)


def probe_machine(threads: int, repeat: bool = False) -> Probe | None:
    """The kept probe of this machine, or a new one; None: no probe can be kept, and jobs could choose differently.

    Processes that start together wait for one of them to probe. The precision is that of the probe of one thread, so
    that jobs with any number of threads have the same. Threads are probed when other load leaves enough cores.

    Args:
        threads: number that the job may use.
        repeat: probe again, and replace the kept probe.
    """
    base = _kept(probe_key(1), measure_precisions, repeat)
    if base is None or threads == 1:
        return base
    key = probe_key(threads)
    if (repeat or read_probe(threads) is None) and not is_quiet(threads, os.getloadavg()[0], os.cpu_count() or 1):
        return base.model_copy(update={"key": key})
    probe = _kept(key, lambda key: measure_threads(key, base), repeat)
    return probe and probe.model_copy(update={"cpu_seconds": base.cpu_seconds})


def _kept(key: ProbeKey, measure: Callable[[ProbeKey], Probe], repeat: bool) -> Probe | None:
    folder = cache_folder()
    if folder is None:
        return None
    file = _file(folder, key)
    kept = None if repeat else _read(file, key)
    if kept is not None:
        return kept
    try:
        return _probe(file, key, measure, repeat)
    except Timeout:
        reason = f"another process has probed for {WAIT_SECONDS:g} s"
    except OSError as error:
        reason = error.strerror or str(error)
    LOG.info(f"{file.parent}: no probe can be kept ({reason}); to fix: set {CACHE} to a folder that can be written")
    return None


def probe_all(repeat: bool = False) -> list[Probe]:
    """The probes of this machine: of one thread, and those kept of other numbers; empty: no probe can be kept.

    Args:
        repeat: probe again, and replace them.
    """
    first, folder = probe_machine(1, repeat), cache_folder()
    if first is None or folder is None:
        return []
    kept = [probe.key for file in visible(folder, "*.json") if (probe := _parse(file)) is not None]
    counts = sorted(key.threads for key in kept if key.model_copy(update={"threads": 1}) == first.key)
    others = [probe_machine(count, repeat) for count in counts if count > 1]
    return [first, *(probe for probe in others if probe is not None)]


def _probe(file: Path, key: ProbeKey, measure: Callable[[ProbeKey], Probe], repeat: bool) -> Probe:
    """Probe with the lock of `file`. Raises Timeout, OSError: the cache cannot be used."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file.with_suffix(".lock"))
    try:
        lock.acquire(timeout=WAIT_SECONDS)
    except OSError as error:
        if isinstance(error, Timeout) or error.errno not in WITHOUT_LOCKS:
            raise
    try:
        kept = None if repeat else _read(file, key)
        if kept is None:
            measured = measure(key)
            # Without locks another process may have been faster; the first counts.
            kept = (None if repeat else _read(file, key)) or measured
            if kept is measured:
                write_text(file, measured.model_dump_json(indent=1) + "\n")
            LOG.info(f"precision: {kept.describe()}; kept in {file.parent}")
        return kept
    finally:
        lock.release()


def _file(folder: Path, key: ProbeKey) -> Path:
    return folder / f"{sha256(key.model_dump_json().encode()).hexdigest()[:16]}.json"


def _read(file: Path, key: ProbeKey) -> Probe | None:
    probe = _parse(file)
    return probe if probe is not None and probe.key == key else None


def _parse(file: Path) -> Probe | None:
    """The probe in a file; None: missing or damaged."""
    try:
        return Probe.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
