"""Settings of intervals, figures and tables: the keys `intervals` and `figures` of an experiment file."""

from typing import Literal

from pydantic import Field, field_validator

from fewlabel.settings import Name, Settings, Share, distinct


class Intervals(Settings):
    """Bootstrap over draws, then test subjects."""

    level: float = Field(0.95, gt=0.5, lt=1)
    resamples: int = Field(2000, ge=100)
    seed: int = Field(0, ge=0)


class Scheme(Settings):
    """Figure 2: the two steps as the experiment sets them, with table 1 beneath."""

    methods: list[Name] | None = Field(None, min_length=1)
    """Which methods, in this order; none: the first regression and the first contrastive one."""
    width_in: float = Field(7, ge=6.5, le=14)
    """The height follows from what is shown."""
    table: bool = True
    """Table 1 beneath."""
    dpi: int = Field(300, ge=50, le=1200)

    _once = field_validator("methods")(lambda value: value if value is None else distinct(value))


class LabelCurves(Settings):
    """Figure 3: mean Dice against the number of labelled subjects."""

    panel_width_in: float = Field(3.4, gt=1, le=12)
    panel_height_in: float = Field(2.8, gt=1, le=12)
    dice_limits: tuple[Share, Share] | None = None
    """Limits of the Dice axis; none: from the data of each panel."""
    columns: int | None = Field(None, ge=1, le=6)
    """Panels beside each other; none: up to three, of four two."""
    intervals: Literal["bands", "bars", "none"] = "bands"
    """Each mean's interval: as a band along the curve, or as a bar at its N."""
    show_draws: bool = True
    """Every draw as a faint point."""
    show_paper: bool = True
    """The paper's numbers, where a cohort stands for one of the paper's."""
    dpi: int = Field(300, ge=50, le=1200)


class Figures(Settings):
    """Settings of figures; changing one re-draws that figure and nothing else."""

    scheme: Scheme = Scheme()
    label_curves: LabelCurves = LabelCurves()
