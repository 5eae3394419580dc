"""Settings that sources of volumes in files share."""

from pydantic import Field

from fewlabel.config.base import Settings, Text


class FileSource(Settings):
    """Settings of every source whose masks are files."""

    unlabelled: Text | None = Field(None, exclude_if=lambda value: value is None)
    """Folder (below `data_root` unless absolute) of further volumes without masks, for pretraining: NIfTI, MetaImage,
    NRRD or MGH files, or one folder per DICOM series."""
    without_target: list[Text] = Field([], max_length=10_000, exclude_if=lambda value: not value)
    """Subjects without a target: their masks hold none of `labels`. Any other such mask is refused."""


class Archive(Settings):
    """An archive to download."""

    url: str = Field(pattern=r"^https?://", max_length=4096)
    """Its address."""
    checksum: str = Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")
    """`md5:…` or `sha256:…`: a download is always verified."""
