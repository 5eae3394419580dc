"""Use a trained network: predict, export."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.cli.common import Panel, ScoringDevice, Threads, command
from fewlabel.config.base import Axis
from fewlabel.config.evaluation import NO_PROCESSING, EvaluationOptions
from fewlabel.inference.export.formats import Format
from fewlabel.utils.errors import InputError, printable

if TYPE_CHECKING:
    from fewlabel.config.jobs.training import FinetuneSettings

Channel = Annotated[
    list[str] | None,
    typer.Option(
        help="Channel of 4D images, from 0. Of a network with several, each once: NAME=INDEX, or NAME=SUFFIX of the "
        "names of files. Default: as in the network's study.",
        show_default=False,
    ),
]
ResampleChannels = Annotated[
    bool | None, typer.Option(help="Resample files of further channels to the grid of the first.")
]
Mirror = Annotated[
    bool | None, typer.Option(help="Average predictions over images mirrored along the cohort's `flip` axes.")
]
LargestComponent = Annotated[bool | None, typer.Option(help="Keep the largest connected component of each class.")]
SmallestMl = Annotated[float | None, typer.Option(min=0, max=1_000_000, help="Then remove components of fewer ml.")]
Probabilities = Annotated[
    bool, typer.Option("--probabilities", help="Also write the probability of each class, next to the mask.")
]
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
    channel: Channel = None,
    resample_channels: ResampleChannels = None,
    flip: Annotated[
        list[Mirrored] | None,
        typer.Option(help="Average predictions over images mirrored along this axis; repeat for both."),
    ] = None,
    mirror: Mirror = None,
    largest_component: LargestComponent = None,
    smallest_ml: SmallestMl = None,
    probabilities: Probabilities = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace existing files.")] = False,
    device: ScoringDevice = "cpu",
    threads: Threads = 1,
) -> None:
    """Segment volumes with a trained network; masks have the grids of the images and the cohort's label values.

    A target without a name is 1. Masks of a network in a study are post-processed as in the study, unless options say
    otherwise.
    """
    from fewlabel.inference.image_channels import image_channels
    from fewlabel.inference.predict import in_words, segment
    from fewlabel.inference.prediction_plan import plan, unread
    from fewlabel.inference.segmenter import Segmenter
    from fewlabel.inference.trained_network import open_trained_network
    from fewlabel.training.devices.device import choose_device, choose_precision, use_threads

    use_threads(threads)
    trained = open_trained_network(weights)
    channels = image_channels(trained, weights, channel or [], resample_channels)
    tasks = plan(images, output, replace, probabilities, bool(trained.settings.classes), channels.suffixes)
    for line in unread(images):
        print(printable(line), file=sys.stderr)
    where = choose_device(device)
    options = _processing(weights, mirror, largest_component, smallest_ml)
    mirrored = _mirror_axes(trained.settings, flip or [], options.mirror, mirror)
    chosen = {"flips": mirrored, "processing": options, "keep_probabilities": probabilities}
    segmenter = Segmenter.of(trained, where, choose_precision(trained.settings.precision, where), **chosen)
    if trained.ranges is None:
        text = "older weights without ranges of the training cohort; images and masks are not compared with it"
        print(f"{weights.name}: {text}", file=sys.stderr)
    for mask, volumes in segment(segmenter, tasks, channels).items():
        print(printable(f"{mask}: ") + (in_words(volumes) if any(volumes.values()) else "empty, no target found"))


def _processing(
    weights: Path, mirror: bool | None, largest_component: bool | None, smallest_ml: float | None
) -> EvaluationOptions:
    """Post-processing by options (None: not given), else that of the weights' study; it is printed."""
    from fewlabel.inference.trained_network import study_evaluation

    given = {"mirror": mirror, "largest_component": largest_component, "smallest_ml": smallest_ml}
    changes = {name: value for name, value in given.items() if value is not None}
    study, of_study = study_evaluation(weights) or ("", NO_PROCESSING)
    options = EvaluationOptions.model_validate({**of_study.model_dump(), **changes})
    if options == of_study and of_study.steps:
        print(f"post-processing of the study {printable(study)}: {'; '.join(options.steps)}", file=sys.stderr)
    elif options != of_study:
        steps = "; ".join(options.steps) or "none"
        theirs = f" (the study {printable(study)}: {'; '.join(of_study.steps) or 'none'})" if study else ""
        print(f"post-processing by options: {steps}{theirs}", file=sys.stderr)
    return options


def _mirror_axes(
    settings: "FinetuneSettings", flips: Sequence[Mirrored], mirror: bool, asked: bool | None
) -> list[Axis]:
    """Axes of mirror images: those of `--flip`, and with `mirror` those of the network's cohort."""
    chosen: set[Axis] = {"rows" if axis is Mirrored.ROWS else "columns" for axis in flips}
    for axis in sorted(chosen):
        if not (settings.augmentation.flip and axis in settings.flip):
            print(
                f"warning: --flip {axis}: the network was not trained on images mirrored along {axis}", file=sys.stderr
            )
    if asked and not settings.flip:
        raise InputError(
            "--mirror: the network's cohort has no mirror axes (`flip`); accepted: networks of cohorts with `flip`; "
            "to fix: leave it out, or name axes with --flip"
        )
    return sorted({*chosen, *(settings.flip if mirror else ())})


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
