"""Read a Snakemake profile: executor, partitions, accounts, GPUs, software."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fewlabel.operations.hooks.profiles import examining
from fewlabel.utils.errors import InputError

FILES = ("profile.v9+.yaml", "config.v9+.yaml", "config.v8+.yaml", "profile.yaml", "config.yaml")
TRAININGS = ("pretrain", "finetune")
"""Rules that train; they request one GPU unless the profile sets another number."""


@dataclass(frozen=True)
class Profile:
    """What a profile needs of the machine."""

    name: str  # its folder
    executor: str = "local"  # of Snakemake; default: `local`
    partitions: frozenset[str] = frozenset()  # of Slurm
    gpu_partitions: frozenset[str] = frozenset()  # partitions in which trainings request a GPU
    accounts: frozenset[str] = frozenset()  # of Slurm, charged for jobs
    gpus: int | None = None  # number of GPUs that the local executor assigns; None: not counted
    software: frozenset[str] = frozenset()  # `conda`, `apptainer`, as in `--software-deployment-method`
    status_command: str | None = None  # of the Slurm executor (`squeue`, `sacct`); None: its default
    storage: str | None = None  # storage plugin for inputs and outputs; None: none
    programs: tuple[str, ...] = ()  # submit, status and cancel commands of the profile


def read(folder: Path) -> Profile:
    """Read a profile as Snakemake does, with templates. Raises InputError: it is missing or unreadable."""
    places = [folder, *(folder / name for name in FILES)]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise InputError(f"{folder}: no profile; accepted: a folder with profile.yaml, such as profiles/default")
    try:
        with examining():
            return from_content(str(folder), _content(file.read_text(encoding="utf-8")))
    except (Exception, SystemExit) as error:  # a template is code, and may raise anything
        raise InputError(f"{file}: cannot be read as a profile: {error}") from None


def _content(text: str) -> Mapping[str, Any]:
    plain = yaml.safe_load(text)
    if not isinstance(plain, dict) or not plain.get("__use_yte__"):
        return plain if isinstance(plain, dict) else {}
    from yte import process_yaml  # comes with Snakemake, which reads profiles by it

    content: Mapping[str, Any] = process_yaml(text)
    return content


def from_content(name: str, content: Mapping[str, Any]) -> Profile:
    """Parse the content of a profile."""
    defaults = dict(_pairs(content.get("default-resources") or {}))
    rules = {rule: dict(_pairs(resources)) for rule, resources in _rules(content.get("set-resources") or {})}
    trainings = [{"gpu": 1, **defaults, **rules.get(rule, {})} for rule in TRAININGS]
    local = dict(_pairs(content.get("resources") or {}))
    software = content.get("software-deployment-method") or content.get("sdm") or []
    status, storage = content.get("slurm-status-command"), content.get("default-storage-provider")
    commands = [str(content.get(f"cluster-generic-{name}-cmd") or "") for name in ("submit", "status", "cancel")]
    return Profile(
        name,
        str(content.get("executor") or "local"),
        values([defaults, *rules.values()], "slurm_partition"),
        values(
            [requested for requested in trainings if str(requested["gpu"]) != "0" or requested.get("gres")],
            "slurm_partition",
        ),
        values([defaults, *rules.values()], "slurm_account"),
        int(local["gpu"]) if str(local.get("gpu", "")).isdigit() else None,
        frozenset([software] if isinstance(software, str) else map(str, software)),
        str(status) if status else None,
        str(storage) if storage else None,
        tuple(dict.fromkeys(command.split()[0] for command in commands if command.strip())),
    )


def _pairs(resources: Any) -> Iterator[tuple[str, Any]]:
    """Resources by name, from a mapping or a list of `name=value`."""
    if isinstance(resources, Mapping):
        yield from resources.items()
        return
    for entry in resources:
        name, _, value = str(entry).partition("=")
        yield name, value


def _rules(resources: Any) -> Iterator[tuple[str, Any]]:
    """Resources by rule, from a mapping of mappings or a list of `rule:name=value`."""
    if isinstance(resources, Mapping):
        yield from resources.items()
        return
    by_rule: dict[str, list[str]] = {}
    for entry in resources:
        rule, _, resource = str(entry).partition(":")
        by_rule.setdefault(rule, []).append(resource)
    yield from by_rule.items()


def values(resources: Iterable[Mapping[str, Any]], key: str) -> frozenset[str]:
    """All values of a resource; `a,b` is a list of partitions, of which Slurm uses the first that is free."""
    texts = [str(mapping[key]).strip("'\"") for mapping in resources if mapping.get(key)]
    return frozenset(part for text in texts for part in text.split(","))
