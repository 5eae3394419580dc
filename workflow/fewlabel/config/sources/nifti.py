"""Settings of a cohort in NIfTI, MetaImage, NRRD or MGH files."""

from pathlib import PurePath
from typing import Literal

from pydantic import Field

from fewlabel.config.base import LabelValues, Text
from fewlabel.config.sources.channels import Channels, ChannelSource


class NiftiSource(ChannelSource):
    """A folder with `images/` and `labels/` of NIfTI files: the way in for anyone's own data."""

    implementation = "fewlabel.data.sources.nifti:nifti"

    kind: Literal["nifti"]
    folder: Text
    """The cohort's folder, below `data_root` unless absolute."""
    subjects_table: Text | None = None
    """TSV or CSV in the folder: subject, patient, use; default: `subjects.tsv` or `subjects.csv` where present."""
    labels: LabelValues = Field([1])
    """Values in the label files that form the target; several are merged."""
    channel: int | None = Field(None, ge=0, le=32_766)
    """Which channel of a 4D image, from 0."""
    channels: Channels = Field({}, exclude_if=lambda value: not value)
    """Several channels as the network's input, by name: indices of 4D images (`{t2w: 0, adc: 1}`), or suffixes of file
    names (`{t2w: _t2w, adc: _adc}`: `<subject>_t2w.nii.gz`). Instead of `channel`."""
    resample_channels: bool = Field(False, exclude_if=lambda value: not value)
    """Resample further channels to the grid of the first (linear); else all must lie on one grid."""

    @property
    def description(self) -> str:
        """See `SourceSettings`."""
        return f"NIfTI folder {PurePath(self.folder).name}, {self.content}"
