"""Figures, tables and their captions as parts of the page."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from docutils.core import publish_parts
from jinja2 import ChainableUndefined, Environment
from markupsafe import Markup
from PIL import Image

from fewlabel.config.jobs.specification import ReportItem
from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError

LARGEST = 8_000_000
"""Bytes up to which a picture is embedded; larger ones are linked."""
SECTION = re.compile(r'<section class="fewlabel-table">\n(.*)</section>', re.DOTALL)
RST = {
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "_disable_config": True,
}
"""Settings of docutils: a caption includes no files and no HTML of its own."""


@dataclass(frozen=True)
class Picture:
    """An image of the page.

    Attributes:
        source: a data URI, or a relative path if it is too large.
        width, height: in pixels.
    """

    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Shown:
    """A figure or table of the page.

    Attributes:
        stem: of its files.
        title, summary: from its specification.
        caption: HTML.
        files: paths relative to the page.
        picture: of a figure.
        table: of a table, HTML.
    """

    stem: str
    title: str
    summary: str
    caption: Markup
    files: Sequence[str]
    picture: Picture | None = None
    table: Markup | None = None


def shown_items(
    results: Path, items: Sequence[ReportItem], captions: Path, facts: Mapping[str, str]
) -> dict[str, list[Shown]]:
    """The figures and tables that exist, in their order, by the name of their specification.

    Args:
        results: the study's folder.
        items: all figures and tables of the study.
        captions: folder of the captions with relative paths.
        facts: what captions say of the study (`captions.study_facts`).

    Raises:
        InputError: a figure or table was changed after it was made, or a caption is missing.
    """
    found: dict[str, list[Shown]] = {}
    for item in items:
        files = [path for path in item.outputs if (results / path).is_file()]
        shown = next((path for path in files if path.endswith((".png", ".html"))), None)
        if shown is None:
            continue
        recorded_hashes.check(results / shown)
        figure = item.specification.kind == "figure"
        key = item.specification.name if figure else "tables"
        found.setdefault(key, []).append(
            Shown(
                stem=item.stem,
                title=item.title,
                summary=item.specification.summary,
                caption=caption(captions / item.caption, facts),
                files=files,
                picture=picture(results, shown) if figure else None,
                table=None if figure else table(results / shown),
            )
        )
    return found


def picture(results: Path, path: str) -> Picture:
    """A PNG of the study, embedded unless it is too large."""
    content = (results / path).read_bytes()
    with Image.open(results / path) as image:
        width, height = image.size
    embedded = len(content) <= LARGEST
    return Picture(f"data:image/png;base64,{b64encode(content).decode()}" if embedded else path, width, height)


def table(path: Path) -> Markup:
    """The body of a table's page (`tables.formats.as_html`).

    Raises:
        InputError: it is no such page.
    """
    found = SECTION.search(path.read_text(encoding="utf-8"))
    if found is None:
        raise InputError(f"{path}: not a table's page; to fix: delete it and give the same command again")
    return Markup(found[1])  # noqa: S704 - escaped when it was written


def caption(path: Path, facts: Mapping[str, str]) -> Markup:
    """A caption as HTML: reStructuredText with Jinja, as in Snakemake's report.

    Raises:
        InputError: it is missing.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such caption; accepted: a file in reStructuredText; to fix: restore it")
    environment = Environment(undefined=ChainableUndefined)  # noqa: S701 - its output is no HTML
    text = environment.from_string(path.read_text(encoding="utf-8")).render(
        snakemake=SimpleNamespace(config={"facts": facts})
    )
    return rst(text)


def rst(text: str) -> Markup:
    """reStructuredText as HTML."""
    return Markup(publish_parts(text, writer="html5", settings_overrides=RST)["body"])  # noqa: S704 - by docutils
