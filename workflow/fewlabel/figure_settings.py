"""Settings of intervals, figures and tables: the keys `intervals` and `figures` of an experiment file."""

from pydantic import Field

from fewlabel.settings import Settings, Share


class Intervals(Settings):
    """Bootstrap over draws, then test subjects."""

    level: float = Field(0.95, gt=0.5, lt=1)
    resamples: int = Field(2000, ge=100)
    seed: int = Field(0, ge=0)


class LabelCurves(Settings):
    """Figure 3: mean Dice against the number of labelled subjects."""

    panel_width_in: float = Field(3.4, gt=1, le=12)
    panel_height_in: float = Field(2.8, gt=1, le=12)
    dice_limits: tuple[Share, Share] | None = None
    """Limits of the Dice axis; none: from the data."""
    show_draws: bool = True
    """Every draw as a faint point."""
    dpi: int = Field(300, ge=50, le=1200)


class Figures(Settings):
    """Settings of figures; changing one re-draws that figure and nothing else."""

    label_curves: LabelCurves = LabelCurves()
