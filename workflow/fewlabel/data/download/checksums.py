"""Checksums of archives, as settings name them: `md5:…` or `sha256:…`."""

import hashlib
from pathlib import Path

from fewlabel.utils.errors import InputError


def file_checksum(path: Path, expected: str) -> str:
    """A file's checksum by the algorithm of the expected one, in the same form."""
    algorithm = expected.partition(":")[0]
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def readable(checksum: str) -> str:
    """A checksum for messages: `MD5 0123…`."""
    algorithm, _, digest = checksum.partition(":")
    return f"{'MD5' if algorithm == 'md5' else 'SHA-256'} {digest}"


def verify(archive: Path, expected: str) -> None:
    """Compare a present archive with its checksum.

    Raises:
        InputError: it differs: another archive, or a download cut short.
    """
    found = file_checksum(archive, expected)
    if found != expected:
        raise InputError(
            f"{archive.absolute()}: has {readable(found)}; expected: {readable(expected).partition(' ')[2]}; it is "
            "incomplete or another archive: remove or replace it, or correct the checksum in the settings"
        )
