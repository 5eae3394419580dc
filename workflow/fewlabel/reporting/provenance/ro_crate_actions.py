"""Each job of a study as an action with its files, settings, software, machine and time."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from fewlabel.config.pretexts.registry import PRETEXTS, stage_keys
from fewlabel.reporting.provenance.jobs import RecordedJob, moment
from fewlabel.reporting.provenance.ro_crate_entities import Graph, Ref, clean, local, ref

# UN/CEFACT units.
SECONDS, BYTES = "SEC", "AD"


def add_action(graph: Graph, job: RecordedJob, description: str) -> Ref:
    """An action for one job."""
    facts = job.facts
    return graph.add(
        action_of(job),
        "CreateAction",
        name=f"{job.command} {job.place}".strip(),
        description=description,
        instrument=ref(tool(job.command)),
        object=[*graph.files(job.inputs), *_settings(graph, facts)],
        result=graph.files(job.outputs),
        startTime=moment(facts, "started"),
        endTime=moment(facts, "ended"),
        resourceUsage=list(_usage(graph, action_of(job), facts)),
        additionalProperty=list(_circumstances(graph, facts)),
    )


def action_of(job: RecordedJob) -> str:
    """The `@id` of a job's action."""
    return local(job.command, job.place or "study")


def tool(command: str) -> str:
    """The `@id` of a command."""
    return local("fewlabel", command)


def package(name: str, version: str) -> str:
    """The `@id` of a Python package: its Package URL."""
    return f"pkg:pypi/{quote(clean(name), safe='')}@{quote(clean(version), safe='')}"


def _settings(graph: Graph, facts: Mapping[str, Any]) -> Iterable[Ref]:
    """The settings and subjects of a training."""
    settings, digest = facts.get("settings"), facts.get("settings_sha256")
    if isinstance(settings, dict):
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        hash_fact = {"sha256": digest} if isinstance(digest, str) else {}
        yield graph.value("settings", text, encodingFormat="application/json", **hash_fact)
    subjects = facts.get("subjects")
    if isinstance(subjects, list) and subjects:
        yield graph.value("subjects", [str(subject) for subject in subjects])


def _usage(graph: Graph, action: str, facts: Mapping[str, Any]) -> Iterable[Ref]:
    """Time and memory of a training, with names of this action, since no other has the same values."""
    for group, unit, names in (
        ("time", SECONDS, ("seconds", "wall_seconds")),
        ("memory", BYTES, ("peak_host_bytes", "peak_gpu_bytes")),
    ):
        for name, value in _plain(facts.get(group), names):
            properties = {"name": name, "value": value, "unitCode": unit, "propertyID": f"fewlabel:{name}"}
            yield graph.add(f"{action}/{name}", "PropertyValue", **properties)


def _circumstances(graph: Graph, facts: Mapping[str, Any]) -> Iterable[Ref]:
    """Device, seed, hardware and software of a training: a fixed list, so that no private fact is added."""
    names = ("seed", "recipe", "device", "precision", "threads", "deterministic")
    for name, value in _plain(facts, names):
        yield graph.value(name, value)
    for name, value in _plain(facts.get("hardware"), ("processor", "cores", "gpu")):
        yield graph.value(name, value)
    for name, value in _plain(facts.get("time"), ("resumed",)):
        yield graph.value(name, value)
    for name, value in _plain(facts.get("steps"), ("finetune", *stage_keys(PRETEXTS))):
        yield graph.value(f"steps: {name}", value)
    yield from _software(graph, facts.get("software"))


def _software(graph: Graph, software: Any) -> Iterable[Ref]:
    found = dict(_plain(software, ("fewlabel", "commit", "dirty", "python", "cuda", "cudnn")))
    if not found:
        return
    packages = software.get("packages")
    versions = dict(_plain(packages, packages)) if isinstance(packages, dict) else {}
    needed = [
        graph.add(package(name, str(version)), "SoftwareApplication", name=name, softwareVersion=str(version),
                  url=package(name, str(version)))
        for name, version in sorted(versions.items())
    ]  # fmt: skip
    for name in ("python", "cuda", "cudnn"):
        if name in found:
            needed.append(graph.value(name, str(found[name])))
    label = ", ".join(f"{name} {found[name]}" for name in ("fewlabel", "commit") if name in found)
    changed = " (with changes)" if found.get("dirty") is True else ""
    yield graph.value("software", f"{label}{changed}", valueReference=needed)


def _plain(group: Any, names: Iterable[str]) -> Iterable[tuple[str, Any]]:
    """The facts of a group that exist and are plain values."""
    if isinstance(group, Mapping):
        for name in names:
            if isinstance(group.get(name), bool | int | float | str) and group[name] != "":
                yield str(name), group[name]
