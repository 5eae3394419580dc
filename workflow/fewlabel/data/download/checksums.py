"""Checksums of archives in the form of the settings: `md5:…` or `sha256:…`."""

import hashlib
from pathlib import Path

from fewlabel.utils.errors import InputError


def file_checksum(path: Path, expected: str) -> str:
    """The checksum of a file, by the algorithm of the expected one."""
    algorithm = expected.partition(":")[0]
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def readable(checksum: str) -> str:
    """A checksum for messages: `MD5 0123…`."""
    algorithm, _, digest = checksum.partition(":")
    return f"{'MD5' if algorithm == 'md5' else 'SHA-256'} {digest}"


def verify(archive: Path, expected: str) -> None:
    """Raise an InputError if an archive differs from its checksum: another archive, or an incomplete download."""
    actual = file_checksum(archive, expected)
    if actual != expected:
        raise InputError(
            f"{archive.absolute()}: incomplete or another archive ({readable(actual)}); accepted: "
            f"{readable(expected).partition(' ')[2]}; to fix: remove it, or correct the checksum in the settings"
        )
