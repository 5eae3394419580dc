"""Snakemake's own report of a finished study, made by a second Snakemake that reads and runs nothing."""

import base64
import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fewlabel.config.loading.yaml_files import read_config
from fewlabel.reporting.publishing.privacy import PLACE
from fewlabel.reporting.results.verified import check_tables_and_figures
from fewlabel.utils.atomic_files import atomic_file
from fewlabel.utils.errors import InputError
from fewlabel.utils.log import LOG

DATA = re.compile(r'<script id="([\w-]+)">\s*var \w+ = (?=[\[{"])')
"""Where Snakemake's page holds what it shows, as JSON."""
LARGEST = 30_000_000
"""Bytes of a page that is passed on without a thought."""


def write_report(experiment: Path, workflow: Path, html: Path) -> None:
    """Write the report.

    Args:
        experiment: the study's resolved experiment; the study lies beneath `results` of the current folder, and what
            Snakemake remembers of its jobs beneath `.snakemake`.
        workflow: the folder of the Snakefile.
        html: the page.

    Raises:
        InputError: a table or figure was changed after it was made; Snakemake cannot make the report; it would tell a
            place on this machine.
    """
    check_tables_and_figures(experiment.parent)
    # Otherwise Snakemake would print a traceback.
    read_config([experiment])
    with atomic_file(html) as partial:
        _snakemake(experiment, workflow, partial)
        page = safe_page(partial.read_text(encoding="utf-8"))
        partial.write_text(page, encoding="utf-8", newline="\n")
        size = partial.stat().st_size
    if size > LARGEST:
        LOG.warning(f"{html} has {size / 1e6:.0f} MB; figures with a smaller `dpi` make it smaller")


def safe_page(page: str, largest: int = LARGEST) -> str:
    """Snakemake's page, with everything it shows as plain text to a browser.

    Snakemake (9.27) writes JSON into scripts as it is: a title with `</script>` would end one and run what follows.
    Names of user and host could come in with a place alone: nothing else that is shown knows them.

    Raises:
        InputError: what it shows holds a place on this machine.
    """
    parts, end, problems = [], 0, []
    while found := DATA.search(page, end):
        content, stop = json.JSONDecoder().raw_decode(page, found.end())
        problems += [f"{text[:200]!r} holds a place on a disk" for text in _texts(content) if PLACE.search(text)]
        if found[1] == "results" and (left_out := fit(content, largest - len(page) + _files(content))):
            LOG.info(f"left out, since the page would be too large: {', '.join(left_out)}")
        parts += [page[end : found.end()], json.dumps(content).replace("<", "\\u003c")]
        end = stop
    if problems:
        heading = "no report: it would tell of this machine; take out of the experiment or rename:"
        raise InputError.of(list(dict.fromkeys(problems))[:20], heading=heading)
    return "".join(parts) + page[end:]


def _snakemake(experiment: Path, workflow: Path, html: Path) -> None:
    snakefile = workflow / "report.smk" if workflow.name == "workflow" else workflow / "workflow" / "report.smk"
    command: list[str | Path] = [sys.executable, "-m", "snakemake", "--snakefile", snakefile]
    command += ["--configfile", experiment, "--report-stylesheet", snakefile.parent / "report" / "page.css"]
    # The run that asks for the report holds the lock, and its profile says nothing of this one.
    command += ["--report", html, "--nolock", "--profile", "none", "--workflow-profile", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not html.is_file():
        raise InputError(f"Snakemake made no report of {experiment.parent}:\n{done.stdout}{done.stderr}")


def _files(results: dict[str, Any]) -> int:
    """Characters that the files take in the page."""
    return sum(len(result.get("data_uri", "")) for result in results.values())


def _texts(content: Any) -> Iterator[str]:
    """All texts within, without files, which are shown as they are."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            yield from _texts(part)
    elif isinstance(content, dict):
        for key, part in content.items():
            yield key
            if key != "data_uri":
                yield from _texts(part)


def fit(results: Mapping[str, dict[str, Any]], room: int) -> list[str]:
    """Leave out the largest files until the rest fits; changes `results`.

    Args:
        results: as Snakemake's page holds them: by path, each with `name`, `data_uri`, `mime_type`, `caption` (HTML).
        room: characters that all files may take together, as they stand in the page.

    Returns:
        Paths of what was left out, largest first.
    """
    left_out = []
    taken = sum(len(result.get("data_uri", "")) for result in results.values())
    for path, result in sorted(results.items(), key=lambda item: -len(item[1].get("data_uri", ""))):
        if taken <= room:
            break
        note = f"<p>{html.escape(result['name'])} is too large for this page: it lies beside it.</p>"
        content = base64.b64encode(note.encode()).decode()
        uri = f"data:text/html;charset=utf8;base64,{content}"
        if len(uri) >= len(result["data_uri"]):
            break
        taken += len(uri) - len(result["data_uri"])
        result.update(data_uri=uri, mime_type="text/html", caption=note + result["caption"])
        left_out.append(path)
    return left_out
