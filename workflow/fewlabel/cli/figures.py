"""Figures and tables of a study, and the histories and measures that some of them are made from."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fewlabel.cli.common import (
    FIGURE_FILES,
    TABLE_FILES,
    In,
    Out,
    Panel,
    Threads,
    command,
    settings_json,
    settings_option,
    step,
)
from fewlabel.config import jobs
from fewlabel.config.extensions import implementation
from fewlabel.config.jobs.figures.registry import specification
from fewlabel.config.jobs.specification import FigureSpecification, Kind
from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError

HistoriesJson = Annotated[jobs.HistoriesSettings, settings_option(jobs.HistoriesSettings)]
MeasureJson = Annotated[jobs.MeasureSettings, settings_option(jobs.MeasureSettings)]
Name = Annotated[str, typer.Argument(help="Its name, as in the documentation.", show_default=False)]
SettingsText = Annotated[
    str,
    typer.Option(
        "--settings",
        metavar="JSON",
        help="Settings of the job as JSON, or a JSON file. `snakemake -n -p` prints those of each job.",
    ),
]


@command(Panel.STEPS, f"label_curves --settings settings.json --results results/demo {FIGURE_FILES}")
def figure(name: Name, settings: SettingsText, results: In, png: Out, pdf: Out) -> None:
    """Draw a figure of a study."""
    from matplotlib.figure import Figure

    from fewlabel.reporting.figures.style import save

    chosen, read = _read("figure", name, settings)
    save(_made(chosen, results, read, Figure), png, pdf, getattr(getattr(read, "figure", read), "dpi", 300))


@command(Panel.STEPS, f"dice --settings settings.json --results results/demo {TABLE_FILES}")
def table(name: Name, settings: SettingsText, results: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Write a table of a study."""
    from fewlabel.reporting.tables.formats import save
    from fewlabel.reporting.tables.table import Table

    chosen, read = _read("table", name, settings)
    save(_made(chosen, results, read, Table), csv, markdown, latex, html)


def _read(kind: Kind, name: str, settings: str) -> tuple[FigureSpecification, Any]:
    chosen = specification(kind, name)
    return chosen, settings_json(chosen.settings_class)(settings)


def _made(chosen: FigureSpecification, results: Path, settings: Any, expected: type[Any]) -> Any:
    """What the implementation returns."""
    made = implementation(chosen.implementation, f"{chosen.kind} {chosen.name}")(results, settings)
    if not isinstance(made, expected):
        raise InputError(
            f"{chosen.kind} {chosen.name}: {chosen.implementation} returned {type(made).__name__}; accepted: "
            f"{expected.__module__}.{expected.__name__}; to fix: correct or update its package"
        )
    return made


@step("--results results/demo --history history.csv")
def collect_histories(settings: HistoriesJson, results: In, history: Out) -> None:
    """Join the loss histories of all trainings into one table."""
    from fewlabel.reporting.results.histories import join_histories

    recorded_hashes.write_recorded(history, join_histories(results, jobs.trainings(settings)).to_csv(index=False))


@step("--csv measures.csv --images images.npz")
def destreaking(settings: MeasureJson, csv: Out, images: Out, threads: Threads = 1) -> None:
    """Measure the streaks that each de-streaking method leaves in a phantom."""
    from fewlabel.data.phantoms.streak_measures import measure
    from fewlabel.reporting.tables.destreaking_measures import save_measures

    save_measures(*measure(settings, threads), csv, images)
