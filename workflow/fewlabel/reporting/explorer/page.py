"""The page as one file: texts, styles, scripts and data embedded, and a policy that forbids it every network.

Nothing but the page's own scripts can run: the policy names them by their SHA-256. Data lie in blocks that no browser
runs, the volumes behind the scripts, so that the curves are there before the volumes are read.
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
    "panels.js",
    "grid.js",
    "browser.js",
    "profile.js",
    "keys.js",
    "main.js",
)
"""In the order in which they run, as one."""


def render(content: dict[str, Any], volumes: Sequence[str]) -> str:
    """The page.

    Args:
        content: plain data, embedded as JSON.
        volumes: JSON texts, embedded as they are, in the order in which `content` counts them.
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
    """The content security policy: nothing is loaded from anywhere, and no script runs but these."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    # plotly sets styles of its own; pictures are data within the page.
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def in_html(text: str) -> Markup:
    """JSON within a script element: no text in it can end the element or begin a comment."""
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - it holds no sign that HTML reads


def _own_script() -> str:
    return "\n".join(['(() => {\n"use strict";', *(_text(name) for name in SCRIPTS), "})();\n"])


def _text(name: str) -> str:
    return (files("fewlabel.reporting.explorer") / "page" / name).read_text(encoding="utf-8")
