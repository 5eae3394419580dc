"""Settings of sources whose images have several channels, in one 4D file or in several files a subject."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from fewlabel.config.base import Name
from fewlabel.config.sources.base import FileSource, without_nulls

Channels = Annotated[
    dict[
        Name,
        Annotated[int, Field(ge=0, le=32_766)] | Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=100)],
    ],
    Field(max_length=100),
]
"""Channels of the images by name: the index along the fourth axis of a 4D file, from 0, or the suffix of a file's name
after the subject's."""


class ChannelSource(FileSource):
    """Specification of a source of images with channels; a subclass adds `channels`, and perhaps `channel`."""

    if TYPE_CHECKING:
        channels: dict[str, int | str]

    channels_are: ClassVar[tuple[type, ...]] = (int, str)
    """What `channels` may hold: indices (int), suffixes of file names (str)."""

    @property
    def channel_names(self) -> list[str]:
        """See `SourceSettings`."""
        return list(self.channels)

    @property
    def indices(self) -> dict[str, int]:
        """Index along the fourth axis of each channel; empty: channels are files, or there is one without a name."""
        return {name: value for name, value in self.channels.items() if isinstance(value, int)}

    @property
    def suffixes(self) -> dict[str, str]:
        """Suffix of the file names of each channel; empty: a subject has one file."""
        return {name: value for name, value in self.channels.items() if isinstance(value, str)}

    @property
    def content(self) -> str:
        """The names of the channels, if they have some, and the target, for readers."""
        return f"channels {', '.join(self.channels)}; {self.target}" if self.channels else self.target

    @model_validator(mode="before")
    @classmethod
    def _instead_of_channel(cls, data: Any) -> Any:
        """With `channels`, the default of `channel` does not apply."""
        data = without_nulls(data, "channels")
        if not isinstance(data, dict) or not data.get("channels") or "channel" not in cls.model_fields:
            return data
        return {"channel": None, **data}

    @model_validator(mode="after")
    def _channels_fit(self) -> Self:
        values = list(self.channels.values())
        if self.indices and self.suffixes:
            raise ValueError(
                f"channels {self.channels}: indices and suffixes; accepted: indices of 4D files, or suffixes of file "
                "names"
            )
        if wrong := [value for value in values if not isinstance(value, self.channels_are)]:
            accepted = "indices of the 4D images, from 0" if self.channels_are == (int,) else "suffixes of file names"
            raise ValueError(f"channels: {wrong[0]!r}; accepted: {accepted}")
        if len({str(value).lower() for value in values}) < len(values):
            raise ValueError(f"channels {self.channels}: two names for one channel; accepted: each channel once")
        if self.channels and (channel := getattr(self, "channel", None)) is not None:
            raise ValueError(
                f"channel {channel} and channels {self.channels}; accepted: one of the two (in an overlay: `channel: "
                "null`)"
            )
        if getattr(self, "resample_channels", False) and len(self.suffixes) < 2:
            raise ValueError(
                "resample_channels: true, but there is one file a subject; accepted: with `channels` as suffixes of "
                "file names"
            )
        return self
