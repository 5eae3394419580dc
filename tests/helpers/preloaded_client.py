"""A command that `preloaded.py` forks: hands over its arguments, environment, folder and output, and waits.

`preloaded.py` writes it with a first line that sets INSTALLED. It imports next to nothing, to start in milliseconds.
"""

# ruff: noqa: F821, PTH109, PTH120

import _signal
import _socket
import marshal
import os
import sys


def call() -> int | None:
    """The exit code of the command, negative for a signal; None where no server takes it."""
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    request = marshal.dumps((os.getcwd(), sys.argv, dict(os.environb)))
    files = _socket.SOL_SOCKET, _socket.SCM_RIGHTS, b"".join(file.to_bytes(4, sys.byteorder) for file in (0, 1, 2))
    try:
        server.connect(f"{os.path.dirname(sys.argv[0])}/socket")
        server.sendmsg([len(request).to_bytes(8, "big")], [files])
        server.sendall(request)
        taken = server.recv(1)
    except OSError:
        taken = b""
    if not taken:
        return None
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM, _signal.SIGUSR1, _signal.SIGUSR2):
        _signal.signal(number, lambda number, _: server.send(bytes([number])))
    answer = server.recv(2, _socket.MSG_WAITALL)
    return int.from_bytes(answer, "big", signed=True) if answer else 1


code = call()
if code is None:
    os.execv(INSTALLED[0], [*INSTALLED, *sys.argv[1:]])
if code < 0:
    _signal.signal(-code, _signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
