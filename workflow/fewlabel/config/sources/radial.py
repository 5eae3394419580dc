"""Settings of a cohort of radial multi-coil acquisitions."""

from pathlib import PurePath
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fewlabel.config.base import LabelValues, Settings, Text
from fewlabel.config.sources.base import FileSource


class Destreak(Settings):
    """How streaks are removed from radial multi-coil data."""

    method: Literal["none", "remove_coils", "cactus", "bstar"] = "cactus"
    """`remove_coils`: coils that streak are left out; `cactus`: coil data are projected onto the null space of the
    interference; `bstar`: coils are combined for the most signal over interference."""
    energy: float = Field(0.95, gt=0, lt=1)
    """Of cactus: share of the interference that the removed directions hold."""
    threshold: float = Field(1.3, gt=1, le=1000)
    """Of remove_coils: coils whose streak ratio is above this many times the least are left out."""
    loading: float = Field(0.01, gt=0, le=1000)
    """Of bstar: diagonal loading, in mean eigenvalues of the interference covariance; more keeps more signal."""


class RadialImages(Settings):
    """What is made of a radial multi-coil fast spin echo acquisition."""

    destreak: Destreak = Destreak()
    """How streaks are removed before coils are combined."""
    input: Literal["composite", "echo", "t2_map"] = "composite"
    """What the network sees: the image of all spokes, the image of one echo, or the T2 map. All lie on one another."""
    echo: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Which echo, from 1, where `input` is echo; default: the middle one."""

    @property
    def image(self) -> str:
        """Which image is made, and how streaks are removed, for readers."""
        echo = self.echo or "in the middle"
        which = {"composite": "composite", "t2_map": "T2 map", "echo": f"echo {echo}"}[self.input]
        return f"radial ({which}, de-streaking: {self.destreak.method})"

    @property
    def has_masks(self) -> bool:
        """Whether the region of the interference is drawn by hand."""
        return False


class RadialSource(RadialImages, FileSource):
    """Radial multi-coil k-space, or complex coil images of it, reconstructed and de-streaked; masks as NIfTI."""

    implementation = "fewlabel.data.sources.radial:radial"

    kind: Literal["radial"]
    folder: Text
    """The cohort's folder, with `images/` and `labels/`; below `data_root` unless absolute."""
    subjects_table: Text | None = None
    """TSV or CSV in the folder: subject, patient, use; default: `subjects.tsv` or `subjects.csv` where present."""
    labels: LabelValues = Field([1])
    """Values in the label files that form the target; several are merged."""
    pixel_mm: float = Field(1.0, gt=0, le=20)
    """In-plane size of a pixel if neither the file nor a mask has it."""
    slice_mm: float = Field(1.0, gt=0, le=50)
    """Distance of slices, in the same case."""
    interference: Text | None = Field(None, exclude_if=lambda value: value is None)
    """Folder, below the cohort's, of masks `<subject>.nii.gz` on the images' grids, 1 where streaks are seen; none:
    the region is found automatically. In an overlay, null takes it back."""

    @property
    def has_masks(self) -> bool:
        """See `RadialImages`."""
        return self.interference is not None

    @property
    def reconstruction(self) -> RadialImages:
        """See `SourceSettings`."""
        return self

    @property
    def description(self) -> str:
        """See `SourceSettings`."""
        return f"{self.image}, folder {PurePath(self.folder).name}, {self.target}"

    @model_validator(mode="after")
    def _masks_are_of_use(self) -> Self:
        if self.interference is None:
            return self
        if self.destreak.method == "none":
            raise ValueError("interference is for method remove_coils, cactus or bstar, not none; leave it out")
        parts = PurePath(self.interference).parts
        if PurePath(self.interference).is_absolute() or ".." in parts or parts[:1] in ((), ("images",), ("labels",)):
            raise ValueError(
                f"interference {self.interference}; accepted: a folder of its own below the cohort's, next to images/ "
                "and labels/, such as interference"
            )
        return self
