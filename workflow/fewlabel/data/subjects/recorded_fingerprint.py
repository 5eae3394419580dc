"""What a cohort was made of, kept beside its results: they stay valid on a machine that does not have the volumes."""

from pathlib import Path

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.registry import Source
from fewlabel.data.paths import is_present
from fewlabel.data.subjects.fingerprint import fingerprint
from fewlabel.utils.json_files import load_json


def known_fingerprint(source: Source, record: Path) -> str:
    """The fingerprint of the cohort's files, or the recorded one where its folder is not on this machine."""
    if not isinstance(source, PhantomSource) and not is_present(source) and record.is_file():
        try:
            return str(load_json(record)["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
    return fingerprint(source)
