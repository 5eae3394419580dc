"""A real HTTP server of one file, with range requests, that misbehaves as it is told."""

import hashlib
import http.server
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate


@dataclass
class Served:
    """What is served, and how.

    Attributes:
        content: the file; another one gives another ETag.
        cuts: after how many bytes of an answer's body the connection is cut, one an answer; then none is.
        errors: statuses that are answered first, with their further headers.
        ranges: whether Range is understood.
        etag: strong, weak or none.
        modified: seconds since 1970 of the last change; none: no such header.
        surplus: what is sent behind the end of a part.
        asked: the Range and If-Range of each request.
    """

    content: bytes
    cuts: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    ranges: bool = True
    etag: str = "strong"
    modified: float | None = None
    asked: list = field(default_factory=list)
    length: bool = True
    surplus: bytes = b""
    shift: int = 0
    url: str = ""

    def tag(self):
        digest = f'"{hashlib.md5(self.content).hexdigest()}"'
        return {"strong": digest, "weak": f"W/{digest}", "none": None}[self.etag]


def handler(served):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
            served.asked.append((asked, condition))
            if served.errors:
                status, headers = served.errors.pop(0)
                return self.answer(status, b"", headers)
            headers = {"ETag": served.tag()} if served.tag() else {}
            if served.modified is not None:
                headers["Last-Modified"] = formatdate(served.modified, usegmt=True)
            # A weak ETag never fits If-Range (RFC 9110, 13.1.5).
            state = served.tag() if served.etag == "strong" else headers.get("Last-Modified")
            if not (served.ranges and asked and (condition is None or condition == state)):
                return self.answer(200, served.content, headers)
            start, whole = int(asked.removeprefix("bytes=").rstrip("-")) + served.shift, len(served.content)
            if start >= whole:
                return self.answer(416, b"", {"Content-Range": f"bytes */{whole}"})
            headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
            return self.answer(206, served.content[start:] + served.surplus, headers)

        def answer(self, status, body, headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if served.length:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.close_connection = True
            self.end_headers()
            cut = served.cuts.pop(0) if served.cuts and body else None
            self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def serving(content):
    """Serve bytes for the block."""
    served = Served(content)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
    served.url = f"http://127.0.0.1:{server.server_port}/archive.tar"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
