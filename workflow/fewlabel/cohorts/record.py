"""What a cohort was made of, kept beside its results: they stay valid on a machine that does not have the volumes."""

import json
from pathlib import Path

from fewlabel.cohorts.fingerprint import fingerprint
from fewlabel.cohorts.layout import is_present
from fewlabel.experiment import PhantomSource, Source


def known_fingerprint(source: Source, record: Path) -> str:
    """The fingerprint of the cohort's files, or the recorded one where its folder is not on this machine."""
    if not isinstance(source, PhantomSource) and not is_present(source) and record.is_file():
        try:
            return str(json.loads(record.read_text(encoding="utf-8"))["fingerprint"])
        except (ValueError, KeyError):
            return ""
    return fingerprint(source)
