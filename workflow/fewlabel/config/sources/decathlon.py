"""Settings of a cohort of the Medical Segmentation Decathlon."""

from typing import Literal, Self

from pydantic import Field, model_validator

from fewlabel.config.base import LabelValues
from fewlabel.config.sources.base import FileSource


class DecathlonSource(FileSource):
    """A task of the Medical Segmentation Decathlon in its own layout."""

    kind: Literal["decathlon"]
    task: str = Field("Task05_Prostate", pattern=r"^Task\d\d_[A-Za-z]+$", max_length=100)
    """Name of the task: its folder and its archive `<task>.tar`, beneath `data_root`."""
    labels: LabelValues = Field([1, 2])
    """Values in the label files that form the target; several are merged."""
    channel: int | None = Field(0, ge=0, le=32_766)
    """Which channel of the 4D images, from 0 (prostate: 0 is T2w)."""
    url: str | None = Field(None, pattern=r"^https?://", max_length=4096)
    """Where the archive is downloaded from if neither folder nor archive is there; none: never download."""
    md5: str | None = Field(None, pattern=r"^[0-9a-f]{32}$")
    """MD5 of the archive."""

    @model_validator(mode="after")
    def _a_download_is_verified(self) -> Self:
        if self.url is not None and self.md5 is None:
            raise ValueError("`url` needs `md5`: a download is always verified")
        return self
