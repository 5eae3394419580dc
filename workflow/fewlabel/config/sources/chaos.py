"""Settings of the CHAOS cohort."""

from typing import Annotated, Literal

from pydantic import Field

from fewlabel.config.base import Text
from fewlabel.config.sources.base import Archive, FileSource


class ChaosSource(FileSource):
    """The T2-SPIR volumes of the CHAOS challenge in their original layout: DICOM series, and PNGs as masks."""

    kind: Literal["chaos"]
    folder: Text = "CHAOS"
    """Holds `Train_Sets` (and `Test_Sets`); beneath `data_root` unless absolute. The archives lie beside it."""
    labels: list[Annotated[int, Field(ge=1, le=4)]] = Field([1], min_length=1, max_length=4)
    """Organs that form the target: 1 liver, 2 right kidney, 3 left kidney, 4 spleen; several are merged."""
    test_sets: bool = False
    """Whether the 20 volumes of `Test_Sets`, whose masks are not public, are there too, for pretraining."""
    png_order: Literal["verified", "numbered", "reversed"] = "verified"
    """Which PNG belongs to which slice: as the images tell, or, where they do not, by the numbers of the files or
    against them."""
    train: Archive | None = None
    """`CHAOS_Train_Sets.zip`, downloaded if neither folder nor archive is there; none: never download."""
    test: Archive | None = None
    """`CHAOS_Test_Sets.zip`."""
