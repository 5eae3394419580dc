"""Render the page as one file with embedded texts, styles, scripts and data, and a policy that forbids network access.

Only the page's own scripts can run: the policy lists their SHA-256. Data are in blocks that no browser executes; those
of volumes follow the scripts, so that curves appear before the volumes are read.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

SCRIPTS = (
    "data.js",
    "plots.js",
    "cells.js",
    "decode.js",
    "planes.js",
    "classes.js",
    "panels.js",
    "grid.js",
    "browser.js",
    "profile.js",
    "keys.js",
    "main.js",
)
"""Scripts of the page, in the order of execution."""


def render(content: dict[str, Any], volumes: Sequence[str]) -> str:
    """The page as HTML.

    Args:
        content: plain data, embedded as JSON.
        volumes: JSON texts to embed, in the order of their numbers in `content`.
    """
    scripts = [get_plotlyjs(), _own_script()]
    environment = Environment(
        loader=PackageLoader("fewlabel.reporting.explorer", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        policy=policy(scripts),
        title=f"FewLabel: {content['study']}",
        study=content["study"],
        style=Markup(_text("style.css")),  # noqa: S704 - the package's own file
        content=in_html(json.dumps(content, separators=(",", ":"))),
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - plotly's and the package's own
        volumes=[in_html(volume) for volume in volumes],
    )


def policy(scripts: Sequence[str]) -> str:
    """The content security policy: nothing is loaded, and only these scripts run."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    # plotly sets inline styles; pictures are data within the page.
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def in_html(text: str) -> Markup:
    """JSON for a script element, escaped so that no text in it can end the element or start a comment."""
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - without characters of HTML


def _own_script() -> str:
    return "\n".join(['(() => {\n"use strict";', *(_text(name) for name in SCRIPTS), "})();\n"])


def _text(name: str) -> str:
    return (files("fewlabel.reporting.explorer") / "page" / name).read_text(encoding="utf-8")
