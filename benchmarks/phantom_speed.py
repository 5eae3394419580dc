"""Volumes a second that the phantom makes, one after the other, in one process with one thread."""

from benchmarks.shared import Clock, Section, apart, in_turns, medians, significant
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.phantoms.source import list_subjects, read_volume

TITLE = "Phantom volumes"
GRIDS = {"abdomen": (2.0, 8.0), "pelvis": (1.0, 4.0)}
"""Pixel and slice spacing in mm."""


def made(anatomy: str, pixel: float, spacing: float, count: int) -> dict[str, float]:
    """Wall and CPU seconds of so many volumes."""
    source = PhantomSource(kind="phantom", anatomy=anatomy, labelled=count, pixel_mm=pixel, slice_mm=spacing)
    subjects, clock = list_subjects(source), Clock()
    for subject in subjects:
        read_volume(source, subject)
    return clock.seconds()


def measure(quick: bool) -> Section:
    count, rounds = (1, 1) if quick else (10, 3)
    grids = {anatomy: tuple(side * (2 if quick else 1) for side in grid) for anatomy, grid in GRIDS.items()}
    cases = {
        anatomy: lambda anatomy=anatomy, grid=grid: apart(made, anatomy, *grid, count)
        for anatomy, grid in grids.items()
    }
    rows = []
    for anatomy, found in in_turns(cases, rounds).items():
        pixel, spacing = grids[anatomy]
        seconds = medians(found)["cpu"] / count
        rows.append(
            {
                "anatomy": anatomy,
                "voxel (mm)": f"{pixel:g} x {pixel:g} x {spacing:g}",
                "CPU seconds a volume": significant(seconds),
                "volumes a CPU second": significant(1 / seconds),
            }
        )
    return Section(
        f"Volumes of the synthetic cohorts, {count} a round, median of {rounds} rounds.", {"Phantoms": rows}, ["numpy"]
    )
