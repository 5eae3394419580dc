"""Commands of fewlabel as processes of their own, without a second of imports each: they are forked from one that has
imported PyTorch and what trains. Signals, locks, memory and exit codes are those of any process."""

import multiprocessing
import os
import sys
from subprocess import CompletedProcess
from tempfile import NamedTemporaryFile

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        f"fewlabel.{name}"
        for name in ("cli.commands", "training.finetune", "training.pretrain", "inference.training_ranges")
    ]
)


class Command:
    """A command that runs, as `subprocess.Popen` has it."""

    def __init__(self, arguments):
        self.args = [str(part) for part in arguments]
        self._files = [NamedTemporaryFile("r") for _ in ("stdout", "stderr")]  # noqa: SIM115 - they live as long as this does
        self._process = _SERVER.Process(target=_run, args=(self.args, *(file.name for file in self._files)))
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def finish(self):
        """Wait for its end: exit code and output."""
        self._process.join()
        return CompletedProcess(self.args, self.returncode, *(file.read() for file in self._files))


def _run(arguments, out, err):
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["fewlabel", *arguments]
    from fewlabel.cli.main import main

    main()
