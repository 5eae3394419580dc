"""Resumable downloads; a file appears only when it is complete and its checksum is correct.

Received bytes are in `<file>.part`; `<file>.part.json` records their address and the version of the file there. A
download resumes on the condition that the version is the same (HTTP: Range with If-Range, RFC 9110, 13.1.5 and 14.2).
If the file has changed, the download restarts.
"""

import json
import shlex
import shutil
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from fewlabel.data.download.checksums import file_checksum, readable
from fewlabel.data.download.download_limits import TooLongError, limited_blocks
from fewlabel.utils.atomic_files import flush, write_text
from fewlabel.utils.errors import InputError, plain, printable
from fewlabel.utils.formatting import size
from fewlabel.utils.json_files import load_json
from fewlabel.utils.locks import hold_lock
from fewlabel.utils.log import LOG
from fewlabel.utils.progress import TransferProgress

if TYPE_CHECKING:
    from requests import Response

ATTEMPTS = 5
"""Consecutive connections without new bytes; the message has the error of the last one."""
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
"""Wait between two attempts: doubled each time, or as the server asks (Retry-After), up to the longest."""
SILENCE_SECONDS = 60.0
"""Time without bytes after which a connection counts as interrupted."""
BLOCK = 1 << 16
SUFFIX = ".part"
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Temporary HTTP errors, after which the download is tried again."""
SETTLED = timedelta(seconds=60)
"""Age from which Last-Modified identifies one version of a file (RFC 9110, 8.8.2.2)."""


@dataclass(frozen=True)
class PartState:
    """The address and version of a partly received file."""

    url: str
    validator: str  # a strong ETag or the time of the last change; empty: the download cannot resume
    total: int | None  # bytes of the whole file; None: unknown


class _InterruptedError(Exception):
    """A connection failed or ended early; another attempt may succeed."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        self.wait = wait
        super().__init__(reason)


class _RefusedError(Exception):
    """A permanent error: another attempt would fail too."""


def download(url: str, checksum: str, file: Path) -> None:
    """Download a file; if several processes do so at once, one downloads and the others wait.

    Args:
        url: http or https.
        checksum: `md5:…` or `sha256:…`, in hexadecimal.
        file: the target; its folder is made. An interrupted download is kept in the same folder and resumed.

    Raises:
        InputError: no network, HTTP error, another checksum, or no space; with how to place the file by hand.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(file.with_name(f".{file.name}"), "this download"):
        if file.is_file():
            return
        part = _part(file)
        _complete(url, file)
        if (actual := file_checksum(part, checksum)) != checksum:
            received = part.stat().st_size
            _discard(part)
            raise InputError(
                f"{url}: wrong checksum of the download ({size(received)}: {readable(actual)}); accepted: "
                f"{readable(checksum)}; to fix: check the address and the checksum in the settings, or "
                f"{_by_hand(url, file)}"
            )
        flush(part)
        part.replace(file)
        _discard(part)


def _complete(url: str, file: Path) -> None:
    """Make attempts until the part is complete."""
    part, most, failures = _part(file), _length(_part(file)), 0
    while True:
        try:
            return _attempt(url, part)
        except _RefusedError as error:
            raise InputError(_message(url, file, str(error))) from None
        except OSError as error:
            raise InputError(_message(url, file, f"{part}: {error.strerror or error}")) from None
        except _InterruptedError as error:
            failures = 1 if _length(part) > most else failures + 1
            most = max(most, _length(part))
            if failures >= ATTEMPTS:
                raise InputError(_message(url, file, str(error))) from None
            wait = FIRST_WAIT_SECONDS * 2 ** (failures - 1) if error.wait is None else error.wait
            wait = min(wait, LONGEST_WAIT_SECONDS)
            _log(f"{file.name}: {error}; again in {wait:.0f} s, from {size(_length(part))}")
            time.sleep(wait)


def _attempt(url: str, part: Path) -> None:
    """Make one connection that appends missing bytes to the part, or writes it anew.

    Raises:
        OSError: the part cannot be written.
    """
    # Imported here, since only downloads need network libraries.
    import requests
    from urllib3.exceptions import HTTPError

    state, start = _read_state(part, url), _length(part)
    # Without compression on the way, bytes can be requested by position.
    headers = {"Accept-Encoding": "identity"}
    if state is not None and start:
        headers |= {"Range": f"bytes={start}-", "If-Range": state.validator}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=SILENCE_SECONDS) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and state is not None:
                return _judge_whole(response, part, start)
            _judge(response)
            _receive(response, url, part, state, start)
    except (requests.exceptions.SSLError, requests.exceptions.TooManyRedirects, ValueError) as error:
        raise _RefusedError(plain(str(error), 500)) from None
    except (requests.RequestException, HTTPError) as error:
        raise _InterruptedError(plain(str(error), 500)) from None


def _judge(response: "Response") -> None:
    if response.status_code in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return
    reason = f"{response.status_code} {plain(response.reason)}"
    if response.status_code not in PASSING:
        raise _RefusedError(reason)
    seconds = response.headers.get("Retry-After", "")
    raise _InterruptedError(reason, float(seconds) if seconds.isdecimal() else None)


def _judge_whole(response: "Response", part: Path, start: int) -> None:
    """Handle an answer without further bytes: the part is complete, or of another file."""
    if response.headers.get("Content-Range", "").replace(" ", "") == f"bytes*/{start}":
        return
    _discard(part)
    raise _InterruptedError("the part is longer than the file, and is discarded")


def _receive(response: "Response", url: str, part: Path, state: PartState | None, start: int) -> None:
    from urllib3.exceptions import HTTPError

    name = part.name.removesuffix(SUFFIX)
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        total = _continued(response, state, start)
        if total is None:
            _discard(part)
            raise _InterruptedError(
                "the server resumes at another position or with another file; the part is discarded"
            )
    else:
        if start:
            _log(f"{name}: the server sends the whole file again (it changed, or cannot resume); from the start")
        total, start = _number(response.headers.get("Content-Length")), 0
        _discard(part)
        _write_state(part, PartState(url, _validator(response), total))
    _demand_space(part, total, start)
    try:
        with part.open("ab") as file, TransferProgress(name, total, start) as progress:
            arriving = response.raw.stream(BLOCK, decode_content=False)
            for block in limited_blocks(arriving, part.parent, None if total is None else total - start):
                file.write(block)
                progress.advance(len(block))
    except HTTPError:
        raise _InterruptedError(_ended(part, total)) from None
    except TooLongError as error:
        _discard(part)
        raise _RefusedError(str(error)) from None
    if total is not None and _length(part) < total:
        raise _InterruptedError(_ended(part, total))


def _continued(response: "Response", state: PartState | None, start: int) -> int | None:
    """The length of the file, if a partial answer starts at `start` and the length is as before; else None."""
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    where, _, total = rest.partition("/")
    first = where.partition("-")[0]
    fits = unit == "bytes" and first == str(start) and state is not None and _number(total) == state.total
    return _number(total) if fits else None


def _validator(response: "Response") -> str:
    """The validator of an answer for If-Range: a strong ETag, or a time of change of sufficient age; empty: none."""
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    changed = response.headers.get("Last-Modified", "")
    try:
        age = parsedate_to_datetime(response.headers.get("Date", "")) - parsedate_to_datetime(changed)
    except (TypeError, ValueError):
        return ""
    return changed if age >= SETTLED else ""


def _demand_space(part: Path, total: int | None, start: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - start > free:
        raise _RefusedError(f"no space: {size(total - start)} missing, {size(free)} free in {part.parent}")


# ------------------------------------------------------------------------------------------------------------ parts
def _part(file: Path) -> Path:
    return file.with_name(f"{file.name}{SUFFIX}")


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _write_state(part: Path, state: PartState) -> None:
    write_text(_note(part), json.dumps(asdict(state)) + "\n")


def _read_state(part: Path, url: str) -> PartState | None:
    """The recorded state of a part; None if it cannot be resumed from this address."""
    try:
        state = PartState(**load_json(_note(part)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return state if state.validator and state.url == url else None


# --------------------------------------------------------------------------------------------------------- messages
def _message(url: str, file: Path, reason: str) -> str:
    part = _part(file)
    received = f"{size(_length(part))} received so far are kept in {part.name}"
    resumes = f"; {received}, and the same command resumes from there" if _length(part) else ""
    return f"{url}: not downloaded ({reason}){resumes}; to fix: check the network and `url`, or {_by_hand(url, file)}"


def _by_hand(url: str, file: Path) -> str:
    command = f"curl -L -C - -o {shlex.quote(file.name)} {shlex.quote(url)}"
    return f"download it on a machine with a network ({command}) and place it as {file.absolute()}"


def _ended(part: Path, total: int | None) -> str:
    of = "" if total is None else f" of {size(total)}"
    return f"the connection ended, or was silent for {SILENCE_SECONDS:.0f} s, after {size(_length(part))}{of}"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _log(line: str) -> None:
    LOG.info(printable(line))
