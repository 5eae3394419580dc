"""Run `fewlabel` and write what it cost: CPU seconds of this process at marks and at its end, and peak memory.

    python measured_command.py OUTPUT.json COMMAND ...

Marks of trainings: `begin` and `end` of each stage's steps; where a finetuning evaluates, `trained` and `evaluated`. It
imports no more of FewLabel than the command does, and works with older versions.
"""

import atexit
import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

MARKS: list[tuple[str, float]] = []


def _marked(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def marked(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            MARKS.append((name, time.process_time()))

    return marked


def _mark_trainings() -> None:
    from fewlabel.training.checkpointing.checkpoint import StageCheckpoint

    for name in ("begin", "end"):
        setattr(StageCheckpoint, name, _marked(getattr(StageCheckpoint, name), name))
    with suppress(ImportError):
        from fewlabel.inference import finished_evaluation
        from fewlabel.training.checkpointing import training_run

        training_run.run = _marked(training_run.run, "trained")
        finished_evaluation.evaluate_ahead = _marked(finished_evaluation.evaluate_ahead, "evaluated")


def main() -> None:
    """Run the command."""
    output = Path(sys.argv.pop(1))

    def write() -> None:
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        facts = {"command": sys.argv[1], "marks": MARKS, "end": time.process_time(), "peak_mb": peak / 1024}
        output.write_text(json.dumps(facts))

    atexit.register(write)
    sys.argv[0] = "fewlabel"
    if sys.argv[1] in ("pretrain", "finetune"):
        _mark_trainings()
    from fewlabel.cli.main import main as fewlabel

    fewlabel()


if __name__ == "__main__":
    main()
