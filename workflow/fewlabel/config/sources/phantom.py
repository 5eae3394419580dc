"""Settings of a synthetic cohort."""

from typing import Literal, Self

from pydantic import Field, model_validator

from fewlabel.config.base import Seed
from fewlabel.config.sources.base import SourceSettings
from fewlabel.config.sources.radial import RadialImages

VALUES: dict[str, dict[int, str]] = {
    "abdomen": {1: "liver", 2: "right_kidney", 3: "left_kidney", 4: "spleen"},
    "pelvis": {1: "transition_zone", 2: "peripheral_zone"},
}
"""Structures in the label map of each anatomy, by value; those of the abdomen are the values of CHAOS."""


class RadialPhantom(RadialImages):
    """A phantom acquired radially; its arms cause streaks."""

    coils: int = Field(16, ge=8, le=128)
    """Of the array around the body."""
    spokes: int = Field(192, ge=1, le=100_000)
    """Of all echoes together, by the golden angle; a multiple of `echoes`."""
    echoes: int = Field(8, ge=2, le=64)
    """Of the train."""
    echo_spacing_ms: float = Field(15, gt=0, le=100)
    """Between echoes; the first comes after one spacing."""
    streaks: float = Field(4, ge=0, le=1000)
    """Signal of the arms, in multiples of the target's mean signal; 0: no source of streaks."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.spokes % self.echoes:
            raise ValueError(f"spokes {self.spokes} is no multiple of echoes {self.echoes}")
        if self.echo is not None and self.echo > self.echoes:
            raise ValueError(f"echo {self.echo}, but the train has {self.echoes}")
        return self


class PhantomSource(SourceSettings):
    """Synthetic T2w volumes with masks, made by code."""

    implementation = "fewlabel.data.sources.phantom:phantom"
    made_by_code = True

    kind: Literal["phantom"]
    anatomy: Literal["abdomen", "pelvis"]
    """`abdomen` (target: liver) or `pelvis` (target: prostate). Values for `classes`: of the abdomen 1 liver, 2 right
    kidney, 3 left kidney, 4 spleen; of the pelvis 1 transition zone, 2 peripheral zone."""
    labelled: int = Field(ge=1, le=100_000)
    """Subjects with a mask."""
    unlabelled: int = Field(0, ge=0, le=100_000)
    """Further subjects without a mask, for pretraining."""
    seed: Seed = 0
    """Every volume is a function of (seed, subject)."""
    pixel_mm: float = Field(2.0, gt=0, le=10)
    """In-plane size of a native pixel."""
    slice_mm: float = Field(8.0, gt=0, le=20)
    """Distance of native slices."""
    snr: float = Field(25.0, gt=1, le=1_000_000)
    """Mean signal of the target over the standard deviation of the noise (in each of the two receiver channels)."""
    # Left out of the settings of cohorts without it, so that their jobs do not run again.
    radial: RadialPhantom | None = Field(None, exclude_if=lambda value: value is None)
    """Acquire the abdomen radially with several coils, arms and streaks; none: images are made directly."""

    @property
    def reconstruction(self) -> RadialPhantom | None:
        """See `SourceSettings`."""
        return self.radial

    @property
    def volume_work(self) -> str:
        """See `SourceSettings`."""
        return f"make {self.anatomy}"

    @property
    def description(self) -> str:
        """See `SourceSettings`."""
        how = "" if self.radial is None else f", {self.radial.image}, streaks {self.radial.streaks:g}"
        which = "".join(f", {name} {' + '.join(map(str, values))}" for name, values in self.classes.items())
        return f"synthetic T2w phantom, {self.anatomy}{how}{which}"

    @model_validator(mode="after")
    def _arms_lie_beside_the_abdomen(self) -> Self:
        if self.radial is not None and self.anatomy != "abdomen":
            raise ValueError(f"radial is for anatomy abdomen, which has arms, not {self.anatomy}")
        return self

    @model_validator(mode="after")
    def _classes_are_in_the_label_map(self) -> Self:
        known = VALUES[self.anatomy]
        unknown = sorted({value for values in self.classes.values() for value in values} - set(known))
        if unknown:
            accepted = ", ".join(f"{value} ({name.replace('_', ' ')})" for value, name in known.items())
            raise ValueError(f"classes: {self.anatomy} has no value {unknown[0]}; accepted: {accepted}")
        return self
