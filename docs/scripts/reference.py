"""Reference pages, made from the code: every setting (the schema of experiment files) and every command.

`hooks.py` adds them to the site while it is built; nothing is kept in git.
"""

import json
import re
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from fewlabel.cli.commands import app
from fewlabel.cli.common import PANELS
from fewlabel.config.loading.schema import experiment_schema

Schema = dict[str, Any]
NOTE = "<!-- made by docs/scripts/reference.py -->\n\n"


def settings_page() -> str:
    """Every key of an experiment file with type, default and meaning; a section a group of settings."""
    schema = experiment_schema()
    text = [
        "# Settings\n",
        "Every key that an experiment file accepts, made from the settings model. "
        "`fewlabel validate FILE` prints an experiment with all its defaults.\n",
        "## Experiment\n",
        *_table(schema),
    ]
    for name, definition in sorted(schema["$defs"].items()):
        if "properties" in definition:
            text += [f"## {name}\n", _plain(definition.get("description", "")), "", *_table(definition)]
    return NOTE + "\n".join(text)


def _table(schema: Schema) -> Iterator[str]:
    required = schema.get("required", [])
    yield "| key | meaning | type | default |\n|---|---|---|---|"
    for key, field in schema["properties"].items():
        default = "required" if key in required else _default(field)
        yield f"| `{key}` | {_plain(field.get('description', ''))} | {_type(field)} | {default} |"
    yield ""


def _default(field: Schema) -> str:
    if "default" not in field or field["default"] is None:
        return ""
    if "$ref" in field:
        return "its defaults"
    text = json.dumps(field["default"], ensure_ascii=False)
    return f"`{text}`" if len(text) <= 60 else "see the schema"


def _type(field: Schema) -> str:
    """A type in words, with its bounds; groups of settings link to their section."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in field:
            return " or ".join(dict.fromkeys(_type(each) for each in field[several] if each.get("type") != "null"))
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    kind = field.get("type", "any")
    if kind == "array":
        items = field.get("prefixItems") or [field.get("items", {})]
        return "list of " + ", ".join(dict.fromkeys(_type(each) for each in items))
    if kind == "object":
        values = field.get("patternProperties") or {"": field.get("additionalProperties")}
        inner = next(iter(values.values()))
        return f"mapping of names to {_type(inner)}" if isinstance(inner, dict) else "mapping"
    return {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}.get(
        kind, kind
    ) + _bounds(field)


def _bounds(field: Schema) -> str:
    """Bounds that a user may meet; those of a million or more only guard against mistakes."""
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    shown = [f"{sign} {field[key]:g}" for key, sign in signs.items() if key in field and abs(field[key]) < 1e6]
    return f" ({', '.join(shown)})" if shown else ""


def _plain(text: str) -> str:
    """A docstring as one line of a table cell; `<` outside code is no markup."""
    parts = re.sub(r"\s+", " ", text).strip().replace("|", "\\|").split("`")
    return "`".join(part if place % 2 else part.replace("<", "&lt;") for place, part in enumerate(parts))


def commands_page() -> str:
    """Every command with its arguments, options and an example, in the groups of `fewlabel --help`."""
    commands = typer.main.get_group(app).commands.values()
    text = ["# Commands\n", "Every command of `fewlabel`, made from the command line.\n"]
    for panel in PANELS:
        text.append(f"## {panel}\n")
        for command in commands:
            if command.rich_help_panel == panel:
                text += _command(command)
    return NOTE + "\n".join(text)


def _command(command: Any) -> Iterator[str]:
    yield f"### {command.name}\n"
    yield _plain(command.help or "") + "\n"
    yield f"```bash\n{(command.epilog or '').removeprefix('Example: ')}\n```\n"
    yield "| argument or option | meaning | type | default |\n|---|---|---|---|"
    for parameter in command.params:
        if parameter.name != "help":
            yield _parameter(command, parameter)
    yield ""


def _parameter(command: Any, parameter: Any) -> str:
    option = parameter.param_type_name == "option"
    names = (*parameter.opts, *parameter.secondary_opts) if option else ((parameter.name or "").upper(),)
    default = "required" if parameter.required else ""
    if isinstance(parameter.show_default, str):
        default = _plain(parameter.show_default)
    elif not (parameter.required or parameter.default in (None, False, ()) or callable(parameter.default)):
        default = f"`{parameter.default}`"
    kind = "flag" if option and parameter.is_flag else _kind(parameter.type_descriptor.annotation)
    return (
        f"| {', '.join(f'`{name}`' for name in names)} | {_plain(kind)} | {default} | {_plain(parameter.help or '')} |"
    )


def _kind(annotation: Any) -> str:
    """The type of an argument in words."""
    words = {Path: "path", int: "whole number", float: "number", str: "text"}
    if inner := typing.get_args(annotation):
        if typing.get_origin(annotation) is typing.Literal:
            return ", ".join(f"`{value}`" for value in inner)
        return " or ".join(_kind(each) for each in inner if each is not type(None))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{each.value}`" for each in annotation)
    return words.get(annotation, "JSON")


PAGES = {"reference/settings.md": settings_page, "reference/commands.md": commands_page}
"""By their place below docs/."""
