"""Settings of a cohort of the Medical Segmentation Decathlon."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from fewlabel.config.base import LabelValues
from fewlabel.config.sources.base import Part
from fewlabel.config.sources.channels import Channels, ChannelSource


class DecathlonSource(ChannelSource):
    """A task of the Medical Segmentation Decathlon in its own layout."""

    implementation = "fewlabel.data.sources.decathlon:decathlon"
    licence = "CC BY-SA 4.0"
    citation = (
        "Antonelli et al., The Medical Segmentation Decathlon, Nat. Commun. 13, 4128 (2022), "
        "doi:10.1038/s41467-022-30695-9"
    )

    channels_are = (int,)

    kind: Literal["decathlon"]
    task: str = Field("Task05_Prostate", pattern=r"^Task\d\d_[A-Za-z]+$", max_length=100)
    """Name of the task: its folder and its archive `<task>.tar`, below `data_root`."""
    labels: LabelValues = Field([1, 2])
    """Values in the label files that form the target; several are merged."""
    channel: int | None = Field(0, ge=0, le=32_766)
    """Which channel of the 4D images, from 0 (prostate: 0 is T2w)."""
    channels: Channels = Field({}, exclude_if=lambda value: not value)
    """Several channels as the network's input, by name: indices of the 4D images (`{t2w: 0, adc: 1}`). Instead of
    `channel`."""
    url: str | None = Field(None, pattern=r"^https?://", max_length=4096)
    """Where the archive is downloaded from if neither folder nor archive is there; none: never download."""
    md5: str | None = Field(None, pattern=r"^[0-9a-f]{32}$")
    """MD5 of the archive."""

    @property
    def root(self) -> str:
        """See `FileSource`."""
        return self.task

    @property
    def parts(self) -> Sequence[Part]:
        """See `FileSource`."""
        return (Part(archive=f"{self.task}.tar", url=self.url),)

    @property
    def description(self) -> str:
        """See `SourceSettings`."""
        which = "" if self.channel is None else f", channel {self.channel}"
        return f"Medical Segmentation Decathlon {self.task}{which}, {self.content}"

    @model_validator(mode="after")
    def _a_download_is_verified(self) -> Self:
        if self.url is not None and self.md5 is None:
            raise ValueError("`url` needs `md5`: a download is always verified")
        return self
