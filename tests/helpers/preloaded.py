"""`fewlabel`, `snakemake` and `python -c` without seconds of imports: forked from one process that has imported them.

Each command is a process with its caller's arguments, environment, folder and output. The caller passes signals on,
ends as the command ends, and takes it along when it is killed. The installed command runs instead where the
environment changes what Python imports, and where the server is gone.
"""

import gc
import marshal
import os
import random
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from filelock import FileLock

BIN = Path(sys.executable).parent
PROGRAMS = {
    "fewlabel": [str(BIN / "fewlabel")],
    "snakemake": [str(BIN / "snakemake")],
    "python-c": [sys.executable, "-c"],
}
MODULES = (
    "fewlabel.cli.commands", "fewlabel.inference.predict", "fewlabel.inference.evaluate",
    "fewlabel.inference.training_ranges", "fewlabel.training.finetune", "fewlabel.training.pretrain", "torch._dynamo",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf", "matplotlib.figure", "snakemake.cli",
    "snakemake.executors.local", "snakemake_executor_plugin_slurm", "snakemake_executor_plugin_cluster_generic",
    "snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_fs",
)  # fmt: skip
DECISIVE = (b"PYTHON", b"LD_")
NONE: Mapping[str, str] = MappingProxyType({})
_users = {}
"""Folders whose server this process uses, with the pipe that it holds open for that long."""


def run(*arguments, program="fewlabel", env=NONE, **options):
    """Run a command to its end; its exit code, output and errors as text.

    Args:
        program: one of `PROGRAMS`.
        env: environment variables that differ from this process's; a server that was started with them is used.
        options: of `subprocess.run`.
    """
    folder = _folder(env) if _folder(env).exists() else commands()
    environment = {**os.environ, **env}
    environment["PATH"] = os.pathsep.join([str(folder), str(BIN), environment["PATH"]])
    start = PROGRAMS[program] if folder == BIN else [folder / program]
    call = [*start, *map(str, arguments)]
    options = {"text": True, "check": False, **options}
    return subprocess.run(call, env=environment, capture_output=True, **options)


def commands(variables=NONE):
    """The folder of the commands, for PATH; the first process of a session that asks starts the server.

    The server ends with the last process that asked.

    Args:
        variables: environment variables of the server that differ from this process's.
    """
    if sys.platform != "linux":  # a process of macOS that has imported such libraries must not fork
        return BIN
    folder = _folder(variables)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            folder.mkdir(mode=0o700)
            client = Path(__file__).with_name("preloaded_client.py").read_text()
            for program, installed in PROGRAMS.items():
                (folder / program).write_text(f"#!{sys.executable} -IS\nINSTALLED = {installed}\n{client}")
                (folder / program).chmod(0o755)
            _start(folder, {**os.environ, **variables})
        elif folder not in _users:
            with suppress(OSError):  # its server is gone
                _users[folder] = os.open(folder / "users", os.O_WRONLY | os.O_NONBLOCK)
    return folder


def _folder(variables):
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:8]
    server = sha256(repr(sorted(variables.items())).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"fewlabel-{os.getuid()}-{session}-{server}"


def _start(folder, environment):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen(64)  # callers wait while modules are imported
        file = listener.fileno()
        call = [sys.executable, "-P", __file__, folder, str(file)]
        os.mkfifo(folder / "users")
        users = os.open(folder / "users", os.O_RDONLY | os.O_NONBLOCK)
        _users[folder] = os.open(folder / "users", os.O_WRONLY)
        subprocess.Popen(call, env=environment, stdin=users, pass_fds=[file], start_new_session=True)
        os.close(users)


def serve(folder, file):
    """Fork a command for each caller, until all users have ended."""
    os.environ["MPLBACKEND"] = "Agg"
    with socket.socket(fileno=file) as listener:
        for module in MODULES:
            with suppress(ModuleNotFoundError):
                import_module(module)
        gc.freeze()
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            caller, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _keep(caller)
            caller.close()
            _forget_ended()
    shutil.rmtree(folder)
    Path(f"{folder}.lock").unlink(missing_ok=True)


def _forget_ended():
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _keep(caller):
    """Run the command of one caller in a child, pass on its signals, and tell how it ended."""
    header, files, _, _ = socket.recv_fds(caller, 8, 3, socket.MSG_WAITALL)
    request = marshal.loads(caller.recv(int.from_bytes(header), socket.MSG_WAITALL))
    caller.send(b"!")
    child = os.fork()
    if child == 0:
        caller.close()
        _run(files, *request)
    for file in files:
        os.close(file)
    threading.Thread(target=_pass_on, args=(caller, child), daemon=True).start()
    _, status = os.waitpid(child, 0)
    with suppress(OSError):
        caller.send(os.waitstatus_to_exitcode(status).to_bytes(2, signed=True))
    os._exit(0)


def _pass_on(caller, child):
    with suppress(ProcessLookupError):
        with suppress(ConnectionError):
            while number := caller.recv(1):
                os.kill(child, number[0])
        os.kill(child, signal.SIGKILL)


def _run(files, folder, arguments, environment):
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww"))
    sys.stderr.reconfigure(errors="backslashreplace", line_buffering=True)
    os.chdir(folder)
    name, *arguments = arguments
    installed = PROGRAMS[Path(name).name]
    decisive = {name for name in {*environment, *os.environb} if name.startswith(DECISIVE)}
    if any(environment.get(name) != os.environb.get(name) for name in decisive):
        os.execve(installed[0], [*installed, *arguments], environment)
    os.environb.clear()
    os.environb.update(environment)
    random.seed()
    if threads := environment.get(b"OMP_NUM_THREADS"):
        sys.modules["torch"].set_num_threads(int(threads))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if installed[1:] == ["-c"]:
        code, *arguments = arguments
        sys.argv = ["-c", *arguments]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = [*installed, *arguments]
        runpy.run_path(installed[0], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
