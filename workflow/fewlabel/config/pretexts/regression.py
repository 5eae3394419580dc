"""The regression pretext: its settings and its specification."""

from typing import Literal

from pydantic import Field

from fewlabel.config.base import Side
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.specification import Pretext, PretextStage, StageOutline, budget
from fewlabel.config.training import Training


class RegressionMethod(PretrainedBase):
    """Pretrained to restore corrupted pixels: L1 at those pixels only."""

    pretext: Literal["regression"]
    training: Training = Training(augmentation="geometry")
    corrupted: float = Field(0.25, gt=0, lt=1)
    """Share of the pixels that Gaussian noise replaces."""
    block: Side = 1
    """Side in pixels of the squares that are corrupted as a whole; 1: pixels independently."""
    noise_scale: float = Field(1.0, gt=0, le=1000)
    """Standard deviation of the noise, in standard deviations of the slice (its mean is the slice's)."""


def _outline(method: RegressionMethod) -> StageOutline:
    squares = f", in squares of {method.block} × {method.block}" if method.block > 1 else ""
    corrupted = f"{100 * method.corrupted:g} %"
    return StageOutline(
        task="Restore corrupted pixels",
        input="corrupted slice",
        loss="L1",
        caption=f"{budget(method.training)}, {corrupted} of the pixels corrupted",
        notes=(f"{corrupted} of pixels replaced by noise{squares}; loss at these only",),
        decoder="all",
    )


REGRESSION = Pretext(
    settings=RegressionMethod,
    stages={"training": PretextStage(title="Regression", loss="L1", outline=_outline)},
    implementation="fewlabel.training.pretexts.regression:STAGES",
    picture="fewlabel.reporting.images.pretexts:REGRESSION",
    recipe=2,
    colour="#0173b2",  # blue of seaborn's "colorblind"
)
