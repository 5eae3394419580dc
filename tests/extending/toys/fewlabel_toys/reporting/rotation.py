"""The part of figure 1 on the rotation pretext: a turned slice, and how sure the network is of its angle."""

from collections.abc import Sequence

import torch
from matplotlib.figure import SubFigure
from numpy.typing import NDArray

from fewlabel.config.jobs.figures.pretexts import PretextsSettings
from fewlabel.data.store.slice_store import Store
from fewlabel.reporting.images.pretext_cases import inputs_of, largest_target, shown_channel, target_sizes
from fewlabel.reporting.images.pretexts import PretextPicture, picture
from fewlabel.training.pretexts.restore import RestoredPretext
from fewlabel_toys.config.rotation import ANGLES

Turned = list[tuple[NDArray, float]]
"""Slices turned by each angle, with the probability that the network gives it."""


def turned(pretext: RestoredPretext, store: Store, subjects: Sequence[str], settings: PretextsSettings) -> Turned:
    """The slice with the largest target of the first subject."""
    objective = pretext.objectives["rotation_stage"]
    context = pretext.settings.network.context
    image = inputs_of(store, subjects[0], context)[largest_target(target_sizes(store, subjects[0]))]
    images = torch.stack([image.rot90(angle, (1, 2)) for angle in range(ANGLES)])
    with torch.inference_mode():
        sure = objective.head(objective.encoder(images)[-1]).softmax(dim=1).diagonal()
    shown = images[:, shown_channel(store, context)]
    return [(one.numpy(), float(share)) for one, share in zip(shown, sure, strict=True)]


def draw(part: SubFigure, shown: Turned) -> None:
    """A row of the turned slices."""
    for angle, (axes, (image, share)) in enumerate(zip(part.subplots(1, ANGLES), shown, strict=True)):
        picture(axes, image).axes.set_title(f"{90 * angle}°: {share:.0%}", fontsize=7)


PICTURE = PretextPicture(
    task="predict the rotation", case=turned, height=lambda shown, side: 0.5 + 1.3 * side, draw=draw
)
