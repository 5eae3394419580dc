"""Use a trained network: predict, export."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fewlabel.cli.common import Panel, ScoringDevice, Threads, command
from fewlabel.config.base import Axis
from fewlabel.inference.export.formats import Format
from fewlabel.utils.errors import printable

Weights = Annotated[Path, typer.Argument(help="Finetuned weights (.safetensors).", show_default=False)]


class Mirrored(StrEnum):
    """`settings.Axis` for the command line: typer takes no list of a Literal."""

    ROWS = "rows"
    COLUMNS = "columns"


@command(Panel.USE, "weights.safetensors image.nii.gz --output mask.nii.gz")
def predict(
    weights: Weights,
    images: Annotated[
        list[Path],
        typer.Argument(
            help="NIfTI, MetaImage, NRRD or MGH files, folders of them, or folders of DICOM series.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="A file such as mask.nii.gz for one volume, else a folder.", show_default=False
        ),
    ],
    channel: Annotated[int | None, typer.Option(min=0, help="Channel of 4D images, from 0.")] = None,
    flip: Annotated[
        list[Mirrored] | None,
        typer.Option(help="Average predictions over images mirrored along this axis; repeat for both."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace existing masks.")] = False,
    device: ScoringDevice = "cpu",
    threads: Threads = 1,
) -> None:
    """Segment volumes with a trained network; masks (1 inside) have the grids of the images."""
    from fewlabel.inference.predict import Segmenter, plan, segment, unread
    from fewlabel.inference.trained_network import open_trained_network
    from fewlabel.training.devices.device import choose_device, choose_precision, use_threads

    use_threads(threads)
    tasks = plan(images, output, replace)
    for line in unread(images):
        print(printable(line), file=sys.stderr)
    trained = open_trained_network(weights)
    where = choose_device(device)
    flips: list[Axis] = sorted({"rows" if axis is Mirrored.ROWS else "columns" for axis in flip or []})
    for axis in flips:
        if not (trained.settings.augmentation.flip and axis in trained.settings.flip):
            print(
                f"warning: --flip {axis}: the network was not trained on images mirrored along {axis}", file=sys.stderr
            )
    segmenter = Segmenter(
        trained.network.to(where),
        trained.preparation,
        where,
        choose_precision(trained.settings.precision, where),
        flips,
        trained.ranges,
    )
    if trained.ranges is None:
        print(
            f"{weights.name}: older weights without ranges of the training cohort; images and masks are not compared "
            "with it",
            file=sys.stderr,
        )
    for mask, volume in segment(segmenter, tasks, channel).items():
        print(printable(f"{mask}: ") + (f"{volume:.1f} ml" if volume else "empty, no target found"))


@command(Panel.USE, "weights.safetensors --output exported --format onnx")
def export(
    weights: Annotated[Path, typer.Argument(help="Finetuned weights (.safetensors).", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Output folder; the write is atomic.", show_default=False)
    ],
    formats: Annotated[
        list[Format] | None,
        typer.Option("--format", help="Format to write; repeat for several. Default: all.", show_default=False),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing export.")] = False,
) -> None:
    """Export a trained network as ONNX and as a MONAI bundle, each verified against torch; needs the extra `export`."""
    from fewlabel.inference.export.export import export as put

    for item in put(weights, output, formats or list(Format), replace):
        print(f"{item.path}: largest difference of probabilities to torch: {item.difference:.1g}")
