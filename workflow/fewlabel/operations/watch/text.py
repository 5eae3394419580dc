"""The status of studies as text: for a terminal, and as plain lines."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from tabulate import tabulate

from fewlabel.operations.watch.studies import StudyStatus
from fewlabel.operations.watch.trainings import Condition, UnfinishedTraining
from fewlabel.utils.formatting import duration

HEADINGS = ("cohort", "method", "N", "draw", "stage", "step", "loss", "steps/s", "stage left", "last news")
RIGHT = {"N", "draw", "step", "loss", "steps/s", "stage left"}
COLOURS: dict[Condition, str] = {"running": "", "starting": "dim", "silent": "bold red", "interrupted": "yellow"}
UNKNOWN = "-"


def summary(status: StudyStatus) -> str:
    """One line: finished trainings and scores, and running trainings."""
    trained = _share(status.trained, status.to_train, "trainings finished")
    parts = [trained, _share(status.scored, status.to_score, "scored"), f"{status.count('running')} running"]
    parts += [f"{status.count(name)} {name}" for name in ("starting", "interrupted") if status.count(name)]
    parts += [f"{status.count('silent')} without news"] if status.count("silent") else []
    return f"{printable(status.name)}: {', '.join(parts)}"


def plain(statuses: Sequence[StudyStatus]) -> str:
    """All studies as plain text."""
    return "\n\n".join(_plain(status) for status in statuses) + "\n"


def pretty(statuses: Sequence[StudyStatus]) -> RenderableType:
    """All studies for a terminal."""
    parts: list[RenderableType] = []
    for status in statuses:
        parts.append(Text(summary(status), style="bold"))
        if status.unread:
            parts.append(Text(printable(status.unread), style="red"))
        if status.trainings:
            table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
            for heading in HEADINGS:
                table.add_column(heading, justify="right" if heading in RIGHT else "left", overflow="fold")
            for training in status.trainings:
                table.add_row(*map(Text, cells(training)), style=COLOURS[training.condition])
            parts.append(table)
        parts.append(Text())
    return Group(*parts)


def cells(training: UnfinishedTraining) -> list[str]:
    """The cells of a training, in the order of `HEADINGS`."""
    row, left = training.row, training.seconds_left
    news = {
        "running": f"{duration(training.silence)} ago",
        "starting": "starting",
        "silent": f"no news for {duration(training.silence)}: killed?",
        "interrupted": f"interrupted {duration(training.silence)} ago",
    }[training.condition]
    cohort, method, n, draw = map(printable, training.names)
    return [
        *(cohort, method, n, draw),
        row.stage.replace("_", " ") if row else UNKNOWN,
        f"{row.step}/{row.steps}" if row else UNKNOWN,
        f"{row.loss:.4f}" if row and row.loss is not None else UNKNOWN,
        f"{training.speed:.3g}" if training.speed and training.condition == "running" else UNKNOWN,
        duration(left) if left is not None else UNKNOWN,
        news,
    ]


def printable(text: str) -> str:
    """Text without control characters of a terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)


def _plain(status: StudyStatus) -> str:
    parts = [summary(status), *([printable(status.unread)] if status.unread else [])]
    if status.trainings:
        aligned = ["right" if heading in RIGHT else "left" for heading in HEADINGS]
        rows = [cells(training) for training in status.trainings]
        parts.append(tabulate(rows, HEADINGS, tablefmt="plain", colalign=aligned, disable_numparse=True))
    return "\n".join(parts)


def _share(done: int, total: int | None, what: str) -> str:
    return f"{done} {what}" if total is None else f"{done} of {total} {what}"
