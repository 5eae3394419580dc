"""Settings of the CHAOS cohort."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from fewlabel.config.base import Text
from fewlabel.config.sources.base import Archive, FileSource, Part


class ChaosSource(FileSource):
    """The T2-SPIR volumes of the CHAOS challenge in their original layout: DICOM series, and PNGs as masks."""

    implementation = "fewlabel.data.sources.chaos:chaos"
    licence = "CC BY-NC-SA 4.0"
    citation = (
        "Kavur et al., CHAOS Challenge, Med. Image Anal. 69, 101950 (2021), doi:10.1016/j.media.2020.101950, "
        "and its data, doi:10.5281/zenodo.3431873"
    )

    kind: Literal["chaos"]
    folder: Text = "CHAOS"
    """Folder with `Train_Sets` (and `Test_Sets`), below `data_root` unless absolute; the archives are next to it."""
    labels: list[Annotated[int, Field(ge=1, le=4)]] = Field([1], min_length=1, max_length=4)
    """Organs that form the target: 1 liver, 2 right kidney, 3 left kidney, 4 spleen; several are merged."""
    test_sets: bool = False
    """Whether the 20 volumes of `Test_Sets`, whose masks are not public, are there too, for pretraining."""
    png_order: Literal["verified", "numbered", "reversed"] = "verified"
    """Order of the PNG masks. `verified`: by comparison with the images. If these do not decide, `numbered`: by the
    numbers of the files, or `reversed`: against these numbers."""
    train: Archive | None = None
    """`CHAOS_Train_Sets.zip`, downloaded if neither folder nor archive is there; none: never download."""
    test: Archive | None = None
    """`CHAOS_Test_Sets.zip`."""

    @property
    def parts(self) -> Sequence[Part]:
        """See `FileSource`."""
        sets = {"Train_Sets": self.train, **({"Test_Sets": self.test} if self.test_sets else {})}
        return [Part(f"{name}/MR", f"CHAOS_{name}.zip", known.url if known else None) for name, known in sets.items()]

    @property
    def description(self) -> str:
        """See `SourceSettings`."""
        sets = "training and test sets" if self.test_sets else "training set"
        return f"CHAOS T2-SPIR, {sets}, {self.target}"
