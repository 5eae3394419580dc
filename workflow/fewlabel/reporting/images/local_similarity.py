"""Similarity of the local representation of one point with that of every other place, before and after stage 2."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fewlabel.config.jobs.figures.local_similarity import LocalSimilaritySettings
from fewlabel.config.jobs.figures.pretexts import shown_part
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.store.slice_store import Store, open_store
from fewlabel.reporting.figures import style
from fewlabel.reporting.images.outlines import DARK, LIGHT, outline
from fewlabel.reporting.images.pretext_cases import (
    CPU,
    Image,
    cosines,
    largest_target,
    shown_channel,
    shown_subjects,
    target_sizes,
)
from fewlabel.reporting.images.pretexts import NOTE, number, picture
from fewlabel.reporting.statistics.classes import class_title
from fewlabel.training.pretexts.base import START
from fewlabel.training.pretexts.restore import RestoredPretext, restore_pretext
from fewlabel.training.sampling import Slices
from fewlabel.utils.errors import InputError

HEAD, FOOT = 0.45, 0.2


@dataclass(frozen=True)
class SimilarityMap:
    """One slice, and the similarity of its places with the point.

    Attributes:
        name: of the slice in the figure.
        number: of the slice in its volume, from 0.
        image: (rows, columns).
        target: the same shape, 1 inside; 0 throughout without a label. Of several classes, that with the point.
        before, after: cosine similarities, (cells, cells) of the feature map of the local stage, before its first step
            and after its last.
        class_number: of the target.
    """

    name: str
    number: int
    image: Image
    target: NDArray[np.uint8]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    class_number: int = 1


def draw(results: Path, settings: LocalSimilaritySettings) -> Figure:
    """The figure of a study, from its folder."""
    part = shown_part(settings.cohort, settings.title)
    pretext = restore_pretext(results / LAYOUT.pretext(Run(part, settings.method)))
    store = open_store(results / LAYOUT.store(settings.cohort))
    roles = read_subjects(results / LAYOUT.roles(part), "role")
    return local_similarity(*similar_places(pretext, store, roles, settings), settings)


def similar_places(
    pretext: RestoredPretext, store: Store, roles: pd.DataFrame, settings: LocalSimilaritySettings
) -> tuple[tuple[int, int], list[SimilarityMap]]:
    """The point (row, column), its own slice, and the slice of another subject at the nearest relative position.

    Raises:
        InputError: the method has no local stage, or the subject, slice or point does not exist.
    """
    stages: list[Any] = [pretext.objectives.get(name) for name in (f"{settings.stage}{START}", settings.stage)]
    if None in stages:
        raise InputError("pretext.safetensors: of no method with a local stage; give that of one that has it")
    figure = settings.figure
    subjects = shown_subjects(roles, [figure.subject], "local_similarity.subject")
    if figure.other is not None:
        shown_subjects(roles, [figure.other], "local_similarity.other")
    others = [figure.other] if figure.other else subjects[1:2]
    count = len(store.rows([subjects[0]]))
    chosen = largest_target(target_sizes(store, subjects[0])) if figure.slice is None else figure.slice
    if chosen >= count:
        raise InputError(f"figures.local_similarity.slice: {chosen} is none of {count} slices; the last is {count - 1}")
    numbers = [chosen, *(int((chosen + 0.5) / count * len(store.rows([name]))) for name in others)]
    rows = [store.rows([name])[index] for name, index in zip([subjects[0], *others], numbers, strict=True)]
    context = pretext.settings.network.context
    inputs, masks = Slices(store, CPU, context).images(np.array(rows)), np.asarray(store.masks[rows])
    images = inputs[:, shown_channel(store, context)].numpy()
    if figure.point and any(place >= side for place, side in zip(figure.point, images.shape[1:], strict=True)):
        point, size = figure.point, " x ".join(str(side) for side in images.shape[1:])
        raise InputError(f"figures.local_similarity.point: {point[0]}, {point[1]} lies outside the slice of {size}")
    number = class_at(masks[0], figure.point)
    targets = (masks == number).astype(np.uint8)
    point = figure.point or centre_point(targets[0])
    with torch.inference_mode():
        before, after = (similarity(stage.represent(inputs), point, images.shape[1:]) for stage in stages)
    names = ["with the point", "another subject"]
    return point, [
        SimilarityMap(name, at, image, target, first, last, number)
        for name, at, image, target, first, last in zip(
            names[: len(rows)], numbers, images, targets, before, after, strict=True
        )
    ]


def class_at(mask: NDArray[np.uint8], point: tuple[int, int] | None) -> int:
    """The number of the class of a mask (row, column) at a point; without a point or outside, the largest class."""
    if point is not None and mask[point]:
        return int(mask[point])
    sizes = np.bincount(mask.ravel(), minlength=2)[1:]
    return int(sizes.argmax()) + 1


def centre_point(target: NDArray[np.uint8]) -> tuple[int, int]:
    """The pixel of a target nearest to its centroid; without a target the middle of the slice."""
    places = np.argwhere(target)
    if not len(places):
        return target.shape[0] // 2, target.shape[1] // 2
    row, column = places[((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return int(row), int(column)


def similarity(maps: torch.Tensor, point: tuple[int, int], sides: Sequence[int]) -> NDArray[np.float64]:
    """Cosine similarity of each cell of maps (images, features, rows, columns) with that of the first image at a point.

    Args:
        maps: of local representations, coarser than the image.
        point: row and column in pixels of the image.
        sides: rows and columns of the image.

    Returns:
        (images, rows, columns) of the maps, -1 to 1.
    """
    count, features, rows, columns = maps.shape
    row, column = point[0] * rows // sides[0], point[1] * columns // sides[1]
    cells = maps.permute(0, 2, 3, 1).reshape(-1, features)
    return cosines(maps[:1, :, row, column], cells).reshape(count, rows, columns)


def inside_outside(values: NDArray[np.float64], target: NDArray[np.uint8]) -> tuple[float, float] | None:
    """Mean of a map over cells that lie at least half in the target, and over the others; None without either."""
    high, wide = target.shape[0] // values.shape[0], target.shape[1] // values.shape[1]
    share = target.reshape(values.shape[0], high, values.shape[1], wide).mean(axis=(1, 3))
    inside = share >= 0.5
    return (float(values[inside].mean()), float(values[~inside].mean())) if inside.any() and not inside.all() else None


def local_similarity(
    point: tuple[int, int], shown: Sequence[SimilarityMap], settings: LocalSimilaritySettings
) -> Figure:
    """Draw a row for each slice: its image, and the similarities before and after stage 2."""
    width = settings.figure.width_in
    with style.applied():
        figure = style.new_figure(width, HEAD + len(shown) * (width / 3.5 * _tall(shown) + FOOT))
        title = f"{settings.method_title.title}: similarity with one point · {settings.title.title}"
        title += _details(shown[0], settings)
        colour = style.PRETEXT_COLOURS.get(settings.method_title.pretext, style.INK)
        figure.suptitle(title, x=0.01, ha="left", fontsize=8.5, fontweight="bold", color=colour)
        grid = figure.subplots(len(shown), 3, squeeze=False)
        for index, (axes, seen) in enumerate(zip(grid, shown, strict=True)):
            picture(axes[0], seen.image, gid="image")
            axes[0].set_ylabel(f"Slice {seen.number}, {seen.name}", fontsize=7)
            rows, columns = seen.image.shape
            extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
            for place, name, values in zip(axes[1:], ("before", "after"), (seen.before, seen.after), strict=True):
                drawn = picture(place, values, cmap="RdBu_r", vmin=-1, extent=extent, gid=name)
                if (means := inside_outside(values, seen.target)) is not None:
                    text = f"mean inside {number(means[0])}, outside {number(means[1])}"
                    place.set_xlabel(text, fontsize=NOTE, labelpad=2)
            for place in axes:
                _outline(place, seen, point if index == 0 else None, settings)
        for place, head in zip(grid[0], ("Image", "Before stage 2", "After stage 2"), strict=True):
            place.set_title(head, fontsize=7.5, fontweight="normal", loc="center", pad=3)
        bar = figure.colorbar(drawn, ax=list(grid.ravel()), fraction=0.03, pad=0.02, shrink=0.6)
        bar.set_ticks([-1, 0, 1])
        bar.set_label("cosine similarity with the point", fontsize=NOTE)
        bar.outline.set_visible(False)
    return figure


def _details(seen: SimilarityMap, settings: LocalSimilaritySettings) -> str:
    """The class that is outlined, and what is shown of the input; empty for one class and one channel."""
    parts = [class_title(settings.classes[seen.class_number - 1])] if settings.classes else []
    parts += [settings.shown_input] if settings.shown_input else []
    return f" ({', '.join(parts)})" if parts else ""


def _tall(shown: Sequence[SimilarityMap]) -> float:
    rows, columns = shown[0].image.shape
    return float(rows / columns)


def _outline(axes: Axes, seen: SimilarityMap, point: tuple[int, int] | None, settings: LocalSimilaritySettings) -> None:
    on_image = axes.images[0].get_cmap().name == "gray"
    colours = list(style.class_colours(settings.classes).values()) or [style.TRUTH]
    outline(
        axes, seen.target, colours[seen.class_number - 1] if on_image else "black", 0.8, DARK if on_image else LIGHT
    )
    if point is not None:
        axes.plot(point[1], point[0], "o", markersize=5, markerfacecolor="yellow", markeredgecolor="black")
