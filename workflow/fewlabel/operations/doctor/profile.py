"""What a Snakemake profile names: executor, partitions, accounts, GPUs, software."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fewlabel.operations.hooks.profiles import looking
from fewlabel.utils.errors import InputError

FILES = ("profile.v9+.yaml", "config.v9+.yaml", "config.v8+.yaml", "profile.yaml", "config.yaml")
TRAININGS = ("pretrain", "finetune")
"""The rules that train: they ask for one GPU, unless a profile says otherwise."""


@dataclass(frozen=True)
class Profile:
    """What a profile asks of the machine.

    Attributes:
        name: its folder.
        executor: Snakemake's executor; `local` where it names none.
        partitions: all of Slurm's that it names.
        gpu_partitions: those of them in which trainings ask for a GPU.
        accounts: to whom jobs are charged.
        gpus: number of GPUs that a local executor may assign; None if it does not count them.
        software: `conda`, `apptainer`, as in `--software-deployment-method`.
        status_command: how Slurm's executor asks for states (`squeue`, `sacct`); None: its own choice.
        storage: plugin name of the storage for inputs and outputs; None: files stay in place.
        programs: commands that submit, query and cancel jobs, if the profile names them.
    """

    name: str
    executor: str = "local"
    partitions: frozenset[str] = frozenset()
    gpu_partitions: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    gpus: int | None = None
    software: frozenset[str] = frozenset()
    status_command: str | None = None
    storage: str | None = None
    programs: tuple[str, ...] = ()


def read(folder: Path) -> Profile:
    """Read a profile's folder as Snakemake does, with its templates.

    Raises:
        InputError: no such folder, no profile in it, or one that cannot be read.
    """
    places = [folder, *(folder / name for name in FILES)]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise InputError(f"{folder}: no profile; accepted: a folder with profile.yaml, such as profiles/default")
    try:
        with looking():
            return of(str(folder), _content(file.read_text(encoding="utf-8")))
    except (Exception, SystemExit) as error:  # a template is code, and may raise anything
        raise InputError(f"{file}: cannot be read as a profile: {error}") from None


def _content(text: str) -> Mapping[str, Any]:
    plain = yaml.safe_load(text)
    if not isinstance(plain, dict) or not plain.get("__use_yte__"):
        return plain if isinstance(plain, dict) else {}
    from yte import process_yaml  # comes with Snakemake, which reads profiles by it

    content: Mapping[str, Any] = process_yaml(text)
    return content


def of(name: str, content: Mapping[str, Any]) -> Profile:
    """The facts of a profile's content."""
    everywhere = dict(_pairs(content.get("default-resources") or {}))
    rules = {rule: dict(_pairs(resources)) for rule, resources in _rules(content.get("set-resources") or {})}
    trainings = [{"gpu": 1, **everywhere, **rules.get(rule, {})} for rule in TRAININGS]
    local = dict(_pairs(content.get("resources") or {}))
    software = content.get("software-deployment-method") or content.get("sdm") or []
    status, storage = content.get("slurm-status-command"), content.get("default-storage-provider")
    commands = [str(content.get(f"cluster-generic-{name}-cmd") or "") for name in ("submit", "status", "cancel")]
    return Profile(
        name,
        str(content.get("executor") or "local"),
        values([everywhere, *rules.values()], "slurm_partition"),
        values([asked for asked in trainings if str(asked["gpu"]) != "0" or asked.get("gres")], "slurm_partition"),
        values([everywhere, *rules.values()], "slurm_account"),
        int(local["gpu"]) if str(local.get("gpu", "")).isdigit() else None,
        frozenset([software] if isinstance(software, str) else map(str, software)),
        str(status) if status else None,
        str(storage) if storage else None,
        tuple(dict.fromkeys(command.split()[0] for command in commands if command.strip())),
    )


def _pairs(resources: Any) -> Iterator[tuple[str, Any]]:
    """Resources by name, written as a mapping or as a list of `name=value`."""
    if isinstance(resources, Mapping):
        yield from resources.items()
        return
    for entry in resources:
        name, _, value = str(entry).partition("=")
        yield name, value


def _rules(resources: Any) -> Iterator[tuple[str, Any]]:
    """The resources of each rule, written as a mapping of mappings or as a list of `rule:name=value`."""
    if isinstance(resources, Mapping):
        yield from resources.items()
        return
    together: dict[str, list[str]] = {}
    for entry in resources:
        rule, _, resource = str(entry).partition(":")
        together.setdefault(rule, []).append(resource)
    yield from together.items()


def values(named: Iterable[Mapping[str, Any]], key: str) -> frozenset[str]:
    """All values of a resource; `a,b` names two partitions, of which Slurm takes the first that is free."""
    texts = [str(resources[key]).strip("'\"") for resources in named if resources.get(key)]
    return frozenset(part for text in texts for part in text.split(","))
