"""What a cohort was made of, kept beside its results: they stay valid on a machine that does not have the volumes."""

from pathlib import Path

from fewlabel.cohorts.fingerprint import fingerprint
from fewlabel.cohorts.layout import is_present
from fewlabel.experiment import PhantomSource, Source
from fewlabel.json_text import load_json


def known_fingerprint(source: Source, record: Path) -> str:
    """The fingerprint of the cohort's files, or the recorded one where its folder is not on this machine."""
    if not isinstance(source, PhantomSource) and not is_present(source) and record.is_file():
        try:
            return str(load_json(record)["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
    return fingerprint(source)
