"""Stand-ins for the commands of Slurm, for machines without it: what is submitted is noted and run at once.

`install` makes a folder of commands that all are this file. A job has ended when `sbatch` returns, so nothing waits.
In the folder: `submitted.jsonl`, a line for each sbatch, and `states`, a line "id|state" for each job. A job whose
comment begins with FEWLABEL_SHIM_FAILS fails at its first submission, without being run.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

COMMANDS = ("sbatch", "srun", "squeue", "sacct", "sacctmgr", "scancel", "scontrol", "sinfo", "sshare")


def install(folder):
    """Make the commands; returns the folder, for PATH."""
    folder.mkdir()
    for name in COMMANDS:
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {name} "$@"\n')
        command.chmod(0o755)
    return folder


def submitted(folder):
    """What was submitted: one dictionary of sbatch's options a job."""
    return [json.loads(line) for line in (folder / "submitted.jsonl").read_text().splitlines()]


def sbatch(folder, arguments):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for flags in (
        ("--job-name",), ("--output",), ("--export",), ("--comment",), ("--account", "-A"), ("--partition", "-p"),
        ("--time", "-t"), ("--mem",), ("--ntasks",), ("--cpus-per-task",), ("--cpus-per-gpu",), ("--gpus",),
        ("--gres",), ("--signal",), ("--chdir", "-D"), ("--wrap",),
    ):  # fmt: skip
        parser.add_argument(*flags)
    parser.add_argument("--parsable", action="store_true")
    parser.add_argument("--requeue", action="store_true")
    job = vars(parser.parse_args(arguments))
    first = job["comment"] not in [other["comment"] for other in submitted(folder)]
    with (folder / "submitted.jsonl").open("a") as file:
        print(json.dumps(job), file=file)
    number = len(submitted(folder))
    fails = os.environ.get("FEWLABEL_SHIM_FAILS")
    if fails and first and job["comment"].startswith(fails):
        state = "FAILED"
    else:
        env = {**os.environ, "SLURM_JOB_ID": str(number)}
        log = Path(job["output"].replace("%j", str(number)))
        with log.open("w") as output:
            done = subprocess.run(["sh", "-c", job["wrap"]], cwd=job["chdir"], env=env, stdout=output, stderr=output)
        state = "FAILED" if done.returncode else "COMPLETED"
    with (folder / "states").open("a") as file:
        print(f"{number}|{state}", file=file)
    print(number)


def srun(folder, arguments):
    command = next(index for index, word in enumerate(arguments) if not word.startswith("-"))
    os.execvp(arguments[command], arguments[command:])


def squeue(folder, arguments):
    print((folder / "states").read_text(), end="")


def scontrol(folder, arguments):
    print("MaxArraySize = 1001\nMinJobAge = 300 sec")


def sacctmgr(folder, arguments):
    print("lab")


def nothing(folder, arguments):
    """A command that is asked for and whose answer does not matter."""


if __name__ == "__main__":
    folder = Path(os.environ["FEWLABEL_SHIMS"])
    for name in ("submitted.jsonl", "states"):
        (folder / name).touch()
    globals().get(sys.argv[1], nothing)(folder, sys.argv[2:])
