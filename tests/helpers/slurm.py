"""A throw-away real Slurm on one machine, for tests: controller, nodes, accounting, GPUs that are only declared.

It runs from Debian's packages (`apt-get install --no-install-recommends slurmctld slurmd slurm-client munge slurmdbd
mariadb-server`) as root or as an ordinary user, without systemd or cgroups, and listens on the loopback address alone.
Nodes: cnode1 in partition `cpu`; gnode1 to gnode5, with one GPU each, in partition `gpu` and in `urgent`, whose jobs
preempt those of `gpu`. It starts in two to five seconds; all that it writes lies in one folder. By hand, with `tests`
on PYTHONPATH:

    python -m helpers.slurm FOLDER      starts it, prints what to export, stops it at the end of input (Ctrl-D)
"""

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from string import Template

import psutil

from helpers.programs import SYSTEM_PATH

PROGRAMS = (
    *("mariadb", "mariadb-admin", "mariadb-install-db", "mariadbd", "munge", "munged"),
    *("sacct", "sacctmgr", "sbatch", "scancel", "scontrol", "sinfo", "slurmctld", "slurmd", "slurmdbd", "srun"),
)
NODES = ("cnode1", "gnode1", "gnode2", "gnode3", "gnode4", "gnode5")
CONF = Path(__file__).parent / "slurm_conf"


def free_ports(names):
    """A port for each name; free now, and most likely still free when it is used."""
    sockets = [socket.socket() for _ in names]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}
    for each in sockets:
        each.close()
    return ports


class Slurm:
    """The cluster: what it needs to start, to be asked, to lose a node and to stop.

    Attributes:
        root: the folder of its configuration, state and logs.
        env: the environment in which its commands find it, and Snakemake as well.
    """

    def __init__(self, root):
        self.root = root
        self.daemons = {}
        self.env = {
            **os.environ,
            "SLURM_CONF": str(root / "slurm.conf"),
            "MYSQL_UNIX_PORT": str(root / "database.sock"),
            "PATH": f"{root / 'bin'}:{SYSTEM_PATH}",
        }

    def start(self):
        """Start all daemons, and return when every node is idle."""
        for folder in ("munge", "controller", "log", "bin", *(f"spool/{node}" for node in NODES)):
            (self.root / folder).mkdir(parents=True)
        ports = free_ports(["controller_port", "database_port", *(f"{node}_port" for node in NODES)])
        facts = {"root": self.root, "host": socket.gethostname(), "user": getpass.getuser(), **ports}
        for template in CONF.iterdir():
            (self.root / template.name).write_text(Template(template.read_text()).substitute(facts))
            (self.root / template.name).chmod(0o600)
        self._keep_configuration_in_steps()
        self._start_munge()
        self._start_database()
        self._spawn("slurmctld", "slurmctld", "-D")
        self._wait_for("scontrol", "ping")
        for node in NODES:
            self.start_node(node)
        self._until(lambda: self.run("sinfo", "--noheader", "-N", "-o", "%T").split().count("idle") >= len(NODES))
        return self

    def stop(self):
        """Stop everything at once: nothing of it need be saved."""
        for node in NODES:
            self.kill_node(node)
        for daemon in self.daemons.values():
            daemon.kill()
            daemon.wait()

    def run(self, *command):
        """What a command of the cluster prints."""
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def sacct(self, *fields, options=()):
        """One dictionary a job, as accounting has it; a job that was requeued has one for each of its runs."""
        text = self.run("sacct", "-X", "-n", "-P", "--duplicates", "-o", ",".join(fields), *options)
        return [dict(zip(fields, line.split("|"), strict=True)) for line in text.splitlines()]

    def start_node(self, node):
        """Start a node, or bring it back."""
        self._spawn(node, "slurmd", "-D", "-N", node)

    def kill_node(self, node):
        """The node dies with all that runs on it, as by a power cut."""
        if node in self.daemons:
            self.daemons[node].kill()
            self.daemons.pop(node).wait()
        for step in self._steps(node):
            for process in [step, *step.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def _steps(self, node):
        """The processes that look after the job steps on a node: they write into its log."""
        log = str(self.root / "log" / f"slurmd-{node}.log")
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.name() == "slurmstepd" and log in [file.path for file in process.open_files()]:
                    yield process

    def _keep_configuration_in_steps(self):
        # The plugin's inner srun starts without SLURM_CONF, for which a cluster has /etc/slurm: this one may have none.
        srun = self.root / "bin" / "srun"
        real = shutil.which("srun", path=SYSTEM_PATH)
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={shlex.quote(self.env["SLURM_CONF"])} exec {real} "$@"\n')
        srun.chmod(0o755)

    def _start_munge(self):
        munge = self.root / "munge"
        (munge / "key").write_bytes(os.urandom(1024))
        (munge / "key").chmod(0o400)
        munge.chmod(0o711)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        # By force: it would have its socket in a folder that every user can enter, and pytest's are not.
        self._spawn(
            "munged", "munged", "--force", "--foreground", *(f"--{key}={munge / file}" for key, file in files.items())
        )
        self._wait_for("munge", "-S", str(munge / "socket"), "-n")

    def _start_database(self):
        data, sock, user = self.root / "database", self.env["MYSQL_UNIX_PORT"], f"--user={getpass.getuser()}"
        # Small, and without the kernel's asynchronous input and output, of which a busy machine can run out.
        server = (user, f"--datadir={data}", f"--tmpdir={self.root}", "--innodb-use-native-aio=0",
                  "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M")  # fmt: skip
        options = ("--skip-test-db", "--auth-root-authentication-method=normal")
        self._until_done("mariadb-install-db", "--no-defaults", *server, *options, clear=data)
        self._spawn("mariadbd", "mariadbd", "--no-defaults", *server, f"--socket={sock}",
                    f"--pid-file={self.root}/log/mariadbd.pid", "--skip-networking",
                    "--innodb-flush-log-at-trx-commit=0")  # fmt: skip
        client = ("--no-defaults", f"--socket={sock}", "-u", "root")
        self._wait_for("mariadb-admin", *client, "ping")
        self.run("mariadb", *client, "-e", "create database slurm_acct_db; create user slurm@localhost identified by "
                 "'slurm'; grant all on slurm_acct_db.* to slurm@localhost;")  # fmt: skip
        self._spawn("slurmdbd", "slurmdbd", "-D")
        self._wait_for("sacctmgr", "-n", "list", "cluster")

    def _until_done(self, *command, clear, attempts=3):
        """Run a command; where it fails, again without what it left."""
        for left in reversed(range(attempts)):
            try:
                self.run(*command)
                return
            except RuntimeError as error:
                if not left:
                    raise
                print(f"once more: {error}", file=sys.stderr)
                shutil.rmtree(clear, ignore_errors=True)
                time.sleep(5)

    def _spawn(self, name, *command):
        with (self.root / "log" / f"{name}.out").open("a") as log:
            self.daemons[name] = subprocess.Popen(
                command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _wait_for(self, *command):
        self._until(lambda: subprocess.run(command, env=self.env, capture_output=True, check=False).returncode == 0)

    def _until(self, condition, seconds=180):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"the throw-away Slurm did not start; its logs: {self.root / 'log'}")
            time.sleep(0.1)


if __name__ == "__main__":
    cluster = Slurm(Path(sys.argv[1]).absolute())
    try:
        cluster.start()
        print(
            *(f"export {name}={shlex.quote(cluster.env[name])}" for name in ("SLURM_CONF", "PATH")),
            sep="\n",
            flush=True,
        )
        sys.stdin.read()
    finally:
        cluster.stop()
