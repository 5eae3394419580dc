"""Settings of a cohort in MetaImage files."""

from pathlib import PurePath
from typing import Literal, Self

from pydantic import Field, model_validator

from fewlabel.config.base import LabelValues, Text
from fewlabel.config.sources.channels import Channels, ChannelSource


class MetaImageSource(ChannelSource):
    """A folder of MetaImage pairs, as PROMISE12 comes: `<subject>.mhd` and `<subject>_segmentation.mhd` (or `.mha`)."""

    implementation = "fewlabel.data.sources.metaimage:metaimage"

    channels_are = (str,)

    kind: Literal["metaimage"]
    folder: Text
    """The cohort's folder, searched recursively; below `data_root` unless absolute."""
    label_suffix: str = Field("_segmentation", pattern=r"^[A-Za-z0-9._-]+$", max_length=100)
    """Suffix of mask names after the subject's name, in any case. Subjects without a mask are used for pretraining."""
    subjects_table: Text | None = None
    """TSV or CSV in the folder: subject, patient, use; default: `subjects.tsv` or `subjects.csv` where present."""
    channels: Channels = Field({}, exclude_if=lambda value: not value)
    """Several channels as the network's input, by name: suffixes of file names (`{t2w: _t2w, adc: _adc}`:
    `<subject>_t2w.mhd`)."""
    resample_channels: bool = Field(False, exclude_if=lambda value: not value)
    """Resample further channels to the grid of the first (linear); else all must lie on one grid."""
    labels: LabelValues = Field([1])
    """Values in the masks that form the target; several are merged."""

    @property
    def description(self) -> str:
        """See `SourceSettings`."""
        return f"MetaImage folder {PurePath(self.folder).name}, {self.content}"

    @model_validator(mode="after")
    def _masks_differ_from_channels(self) -> Self:
        for name, suffix in self.suffixes.items():
            if suffix.lower().endswith(self.label_suffix.lower()):
                raise ValueError(
                    f"channels: {name}: {suffix} ends with `label_suffix` {self.label_suffix}; accepted: different "
                    "suffixes of images and masks"
                )
        return self
