"""Where studies stand, in words and tables: for a terminal, and as plain lines."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from tabulate import tabulate

from fewlabel.operations.watch.studies import Standing
from fewlabel.operations.watch.trainings import Condition, UnfinishedTraining
from fewlabel.utils.formatting import duration

HEADINGS = ("cohort", "method", "N", "draw", "stage", "step", "loss", "steps/s", "stage left", "heard")
RIGHT = {"N", "draw", "step", "loss", "steps/s", "stage left"}
COLOURS: dict[Condition, str] = {"running": "", "starting": "dim", "silent": "bold red", "interrupted": "yellow"}
UNKNOWN = "-"


def summary(standing: Standing) -> str:
    """One line: what is finished of how much, and what goes on."""
    trained = _share(standing.trained, standing.to_train, "trainings finished")
    parts = [trained, _share(standing.scored, standing.to_score, "scored"), f"{standing.count('running')} running"]
    parts += [f"{standing.count(name)} {name}" for name in ("starting", "interrupted") if standing.count(name)]
    parts += [f"{standing.count('silent')} without news"] if standing.count("silent") else []
    return f"{printable(standing.name)}: {', '.join(parts)}"


def plain(standings: Sequence[Standing]) -> str:
    """All studies as lines of text."""
    return "\n\n".join(_plain(standing) for standing in standings) + "\n"


def pretty(standings: Sequence[Standing]) -> RenderableType:
    """The same for a terminal."""
    parts: list[RenderableType] = []
    for standing in standings:
        parts.append(Text(summary(standing), style="bold"))
        if standing.unread:
            parts.append(Text(printable(standing.unread), style="red"))
        if standing.trainings:
            table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
            for heading in HEADINGS:
                table.add_column(heading, justify="right" if heading in RIGHT else "left", overflow="fold")
            for training in standing.trainings:
                table.add_row(*map(Text, cells(training)), style=COLOURS[training.condition])
            parts.append(table)
        parts.append(Text())
    return Group(*parts)


def cells(training: UnfinishedTraining) -> list[str]:
    """One training, in the order of `HEADINGS`."""
    row, left = training.row, training.seconds_left
    news = {
        "running": f"{duration(training.heard)} ago",
        "starting": "starting",
        "silent": f"no news for {duration(training.heard)}: killed?",
        "interrupted": f"interrupted {duration(training.heard)} ago",
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
    """A name or a message without what would command a terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)


def _plain(standing: Standing) -> str:
    parts = [summary(standing), *([printable(standing.unread)] if standing.unread else [])]
    if standing.trainings:
        aligned = ["right" if heading in RIGHT else "left" for heading in HEADINGS]
        rows = [cells(training) for training in standing.trainings]
        parts.append(tabulate(rows, HEADINGS, tablefmt="plain", colalign=aligned, disable_numparse=True))
    return "\n".join(parts)


def _share(done: int, total: int | None, what: str) -> str:
    return f"{done} {what}" if total is None else f"{done} of {total} {what}"
