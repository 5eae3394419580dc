"""Entities of an RO-Crate as JSON-LD.

Names and values are untrusted text: they become plain strings, and are percent-encoded in an `@id`.
"""

import hashlib
import json
import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fewlabel.reporting.provenance.jobs import Stored

Ref = dict[str, str]
"""`{"@id": …}`"""

MEDIA_TYPES = {
    ".json": "application/json",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".yaml": "application/yaml",
    ".smk": "text/plain",
    "": "text/plain",
}


def ref(identifier: str) -> Ref:
    """A reference to an entity."""
    return {"@id": identifier}


def local(kind: str, *parts: str) -> str:
    """The `@id` of an entity that is no file of the crate."""
    return "#" + "/".join(quote(clean(part), safe="") for text in (kind, *parts) for part in text.split("/") if part)


def clean(value: Any) -> Any:
    """A value whose text is valid UTF-8 (JSON may contain unpaired surrogates)."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def media_type(path: str) -> str:
    """The media type of a file by its name; equal on every machine for files of a study."""
    return MEDIA_TYPES.get(Path(path).suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


class Graph:
    """Entities by their `@id`, each once."""

    def __init__(self, copied: Mapping[str, str]) -> None:
        """`copied`: the SHA-256 of the files in the crate, with their paths in it."""
        self.entities: dict[str, dict[str, Any]] = {}
        self.copied = copied
        self._paths: dict[str, set[str]] = {}

    def add(self, identifier: str, kind: str | list[str], /, **properties: Any) -> Ref:
        """Add properties to an entity, without empty ones; a list of one value becomes that value."""
        entity = {
            key: clean(value[0] if isinstance(value, list) and len(value) == 1 else value)
            for key, value in properties.items()
            if value is not None and value not in ("", [])
        }
        self.entities.setdefault(identifier, {"@type": kind}).update(entity)
        return ref(identifier)

    def value(self, name: str, value: Any, /, **properties: Any) -> Ref:
        """A named value; equal ones are one entity."""
        text = json.dumps([name, value, properties], sort_keys=True)
        identifier = local(name, hashlib.sha256(text.encode()).hexdigest()[:16])
        return self.add(identifier, "PropertyValue", name=name, value=value, **properties)

    def files(self, stored: Iterable[Stored]) -> list[Ref]:
        """References to files by content, in the crate or only listed in it."""
        return list({entity["@id"]: entity for entity in map(self._file, stored)}.values())

    def _file(self, stored: Stored) -> Ref:
        if stored.sha256 in self.copied:
            return ref(self.copied[stored.sha256])
        paths = self._paths.setdefault(stored.sha256, set())
        paths.add(stored.path)
        first, *others = sorted(paths)
        entity = {"name": first, "alternateName": others, "encodingFormat": media_type(first)}
        if stored.size is not None:
            entity["contentSize"] = str(stored.size)
        return self.add(f"#sha256-{stored.sha256}", "File", sha256=stored.sha256, **entity)


def leaves(settings: Any, place: str = "") -> Iterable[tuple[str, bool | int | float | str]]:
    """All settings with a value, by place (`finetuning.steps`); a list is one setting, as JSON."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            yield from leaves(value, f"{place}.{key}" if place else str(key))
    elif isinstance(settings, list):
        yield place, json.dumps(settings, ensure_ascii=False)
    elif settings is not None:
        yield place, settings


def schema_type(value: bool | int | float | str) -> str:
    """The schema.org data type of a setting."""
    for kind, name in ((bool, "Boolean"), (int, "Integer"), (float, "Float")):
        if isinstance(value, kind):
            return name
    return "Text"
