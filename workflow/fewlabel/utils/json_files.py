"""JSON files from untrusted sources."""

import json
from pathlib import Path
from typing import Any


def load_json(path: Path) -> Any:
    """The content of a JSON file. Raises OSError: it cannot be read; ValueError: not UTF-8, or see `parse_json`."""
    return parse_json(path.read_text(encoding="utf-8"))


def parse_json(text: str) -> Any:
    """The content of a JSON text. Raises ValueError: not JSON, nested too deeply, or numbers of thousands of digits."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
