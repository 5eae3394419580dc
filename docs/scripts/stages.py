"""The picture of the workflow's eight stages, docs/images/stages.svg (`make readme`).

    python docs/scripts/stages.py

A test compares `STAGES` with the workflow: each rule is in one stage, and no rule waits for a later stage.
"""

from pathlib import Path
from typing import NamedTuple

PICTURE = Path(__file__).parents[1] / "images" / "stages.svg"


class Stage(NamedTuple):
    """A box of the picture.

    Attributes:
        title: what the stage does, one word.
        lines: two lines below it.
        rules: of the workflow; empty for the last stage: all further rules.
        trains: whether networks are trained.
    """

    title: str
    lines: tuple[str, str]
    rules: tuple[str, ...]
    trains: bool = False


STAGES = (
    Stage("Fetch", ("find or make volumes,", "check every one"), ("admit", "fetch")),
    Stage("Split", ("test set, pool,", "draws of N labels"), ("split", "draw")),
    Stage("Prepare", ("slices on one grid,", "quality page"), ("prepare", "quality", "contact_sheet")),
    Stage("Pretrain", ("without labels,", "each method"), ("pretrain",), trains=True),
    Stage("Finetune", ("each method,", "N and draw"), ("finetune",), trains=True),
    Stage("Evaluate", ("Dice and distances", "on the native grid"), ("evaluate",)),
    Stage("Collect", ("one table of scores,", "one of losses"), ("collect", "collect_histories")),
    Stage("Report", ("figures, tables,", "explorer, record"), ()),
)
COLUMNS, WIDTH, HEIGHT, GAP, MARGIN = 4, 180, 84, 34, 16
FILLS, LINE, TEXT = {False: "#eef3f8", True: "#cfe0f1"}, "#3b5b7a", "#1b2733"


def svg() -> str:
    """The picture: two rows of boxes, read from left to right."""
    rows = -(-len(STAGES) // COLUMNS)
    width = 2 * MARGIN + COLUMNS * WIDTH + (COLUMNS - 1) * GAP
    height = 2 * MARGIN + rows * HEIGHT + (rows - 1) * GAP
    boxes = [_box(number, stage) for number, stage in enumerate(STAGES)]
    arrows = [_arrow(number) for number in range(len(STAGES) - 1)]
    names = ", ".join(stage.title.lower() for stage in STAGES)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="Stages of the workflow: {names}" font-family="sans-serif">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker></defs>',
            f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
            *boxes,
            *arrows,
            "</svg>\n",
        ]
    )


def _corner(number: int) -> tuple[int, int]:
    row, column = divmod(number, COLUMNS)
    return MARGIN + column * (WIDTH + GAP), MARGIN + row * (HEIGHT + GAP)


def _box(number: int, stage: Stage) -> str:
    x, y = _corner(number)
    middle = x + WIDTH // 2
    lines = "".join(
        f'<text x="{middle}" y="{y + 50 + 18 * place}" font-size="14" text-anchor="middle" fill="{TEXT}">{line}</text>'
        for place, line in enumerate(stage.lines)
    )
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{FILLS[stage.trains]}" stroke="{LINE}"/>'
        f'<text x="{middle}" y="{y + 27}" font-size="17" font-weight="bold" text-anchor="middle" fill="{TEXT}">'
        f"{number + 1}  {stage.title}</text>{lines}"
    )


def _arrow(number: int) -> str:
    """From a box to the next; at the end of a row back to the start of the next one."""
    (x, y), (then_x, then_y) = _corner(number), _corner(number + 1)
    if y == then_y:
        path = f"M{x + WIDTH} {y + HEIGHT // 2}H{then_x - 2}"
    else:
        between = y + HEIGHT + GAP // 2
        path = f"M{x + WIDTH // 2} {y + HEIGHT}V{between}H{then_x + WIDTH // 2}V{then_y - 2}"
    return f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.5" marker-end="url(#tip)"/>'


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")
