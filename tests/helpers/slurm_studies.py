"""Studies on the throw-away Slurm: submitted as a user does, and the trainings that run there as processes."""

import math
import signal
import subprocess
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil
import yte

from helpers.studies import ROOT

PROFILE = ROOT / "profiles" / "slurm"
FACTS = ("JobID", "Comment", "State", "Partition", "AllocTRES", "Timelimit", "NodeList", "Submit", "Start", "End")


def submit(slurm, study, *arguments, change=None, profile=PROFILE, **options):
    """Start Snakemake with the profile; it looks at the queue each second at first, and its GPUs are CPUs."""
    env = {**slurm.env, "FEWLABEL_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    quick = ("--slurm-init-seconds-before-status-checks", "1", "--printshellcmds")
    return study.start("--profile", profile, *quick, *arguments, change=change, env=env, here=(), **options)


def finish(study, process, seconds=900):
    """What Snakemake said, once it has ended well."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(study.output.read_text()) from None
    assert process.returncode == 0, study.output.read_text()
    return study.output.read_text()


def resources(**changes):
    """The profile's requests of rules, with others added, as arguments: naming any replaces all of a profile's."""
    profile = yte.process_yaml((PROFILE / "profile.yaml").read_text(), require_use_yte=True)
    asked = {rule: {**entries, **changes.get(rule, {})} for rule, entries in profile["set-resources"].items()}
    return ["--set-resources", *(f"{rule}:{key}={value}" for rule in asked for key, value in asked[rule].items())]


def jobs(slurm, study):
    """All jobs of a study as accounting has them; a requeued one has a row for each start."""
    rows = slurm.sacct(*FACTS, "WorkDir", "SubmitLine")
    return [row for row in rows if row["WorkDir"] == str(study.folder)]


def table(title, rows, fields=FACTS):
    """Print jobs for the log of the tests."""
    print(f"\n{title}", *("  ".join(row[field] for field in fields) for row in rows), sep="\n")


def wait_for(condition, seconds=600):
    """Wait until a condition gives something, and return it. On a busy machine a job alone takes a minute to start."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"nothing came of it in {seconds} s"
        time.sleep(0.2)
    return result


def hold(runs):
    """Stop each training as soon as it listens to signals: none is over before something happens to it."""
    waiting = list(runs)

    def all_are_held():
        waiting[:] = [run for run in waiting if not run.hold()]
        return not waiting

    wait_for(all_are_held)


class TrainingRun:
    """A training on the cluster: its folder in the results, its job, its process."""

    def __init__(self, slurm, study, folder, target):
        """`target`: how Snakemake names its job to the Snakemake on a node: `<rule>:<wildcard>=<value>,...`."""
        self.slurm, self.target = slurm, target
        self.folder = study.results / folder
        self.state = self.folder / "training.state"
        self.held = None
        self.study = study

    def running(self):
        """Id and node of its jobs that run."""
        mine = {row["JobID"] for row in self.rows()}
        lines = self.slurm.run("squeue", "--noheader", "--states=RUNNING", "--format=%i %N").splitlines()
        return [line.split() for line in lines if line.split()[0] in mine]

    def process(self):
        """Its process, once that listens to signals; else None."""
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                words = process.cmdline()
                mine = len(words) > 1 and words[1].endswith("/fewlabel") and process.cwd() == str(self.study.folder)
                if mine and str(self.state.relative_to(self.study.folder)) in words and has(process, "SigCgt"):
                    return process
        return None

    def hold(self):
        """Stop its process, if that listens already; whether it was."""
        self.held = self.process()
        if self.held:
            self.held.suspend()
        return self.held is not None

    def warn(self):
        """Signal all its processes, as Slurm does before the wall time where it follows a job's processes by itself."""
        self.slurm.run("scancel", "--signal=USR1", self.running()[0][0])

    def warn_first(self):
        """Signal the first process of its job step alone, as Slurm does where it follows them by cgroups."""
        _, snakemake = self.held.parents()[:2]
        snakemake.send_signal(signal.SIGUSR1)

    def shorten(self):
        """Let its time end in one to two minutes from now: a limit that it was submitted with would include its start,
        which takes long on a busy machine."""
        ((job, _),) = self.running()
        start = datetime.fromisoformat(self.slurm.run("squeue", "--noheader", "-j", job, "--format=%S").strip())
        minutes = math.ceil((datetime.now() - start).total_seconds() / 60) + 1
        self.slurm.run("scontrol", "update", f"JobId={job}", f"TimeLimit={minutes}")

    def save(self):
        """Let it go on once it is warned, and wait until its state is saved."""
        # Slurm's own warning may continue it as well.
        wait_for(lambda: has(self.held, "ShdPnd") or self.state.exists())
        self.held.resume()
        wait_for(self.state.exists)

    def rows(self):
        """Its jobs as accounting has them."""
        return [row for row in jobs(self.slurm, self.study) if self.target in row["SubmitLine"]]


def has(process, which):
    """Whether SIGUSR1 stands in one of the signal sets of a process (`SigCgt`: caught, `ShdPnd`: waiting)."""
    with suppress(FileNotFoundError):
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        mask = next(line.split()[1] for line in lines if line.startswith(which))
        return bool(int(mask, 16) >> (signal.SIGUSR1 - 1) & 1)
    return False
