"""A trained network for other runtimes."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.commands.common import app
from fewlabel.exporting.formats import Format


@app.command()
def export(
    weights: Annotated[Path, typer.Argument(help="Finetuned weights (.safetensors).", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder; written whole or not at all.", show_default=False)
    ],
    formats: Annotated[
        list[Format] | None,
        typer.Option("--format", help="Repeat for several. Default: all.", show_default=False),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an earlier export there.")] = False,
) -> None:
    """Write a trained network as ONNX and as a MONAI bundle, each checked against torch; needs the extra `export`."""
    from fewlabel.exporting.export import export as put

    for done in put(weights, output, formats or list(Format), replace):
        print(f"{done.path}: probabilities differ from torch's by {done.difference:.1g} at most")
