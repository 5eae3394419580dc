"""A report whose pictures are too large for one page: the largest are left out, and it says so."""

import base64
import html
from collections.abc import Mapping
from typing import Any


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
