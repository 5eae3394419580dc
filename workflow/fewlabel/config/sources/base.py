"""What the settings of every source offer: a specification without files and without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from fewlabel.config.base import Classes, LabelValues, Settings, Text

if TYPE_CHECKING:
    from fewlabel.config.sources.radial import RadialImages

_VALUES = TypeAdapter(dict[Any, LabelValues])


def without_nulls(data: Any, key: str) -> Any:
    """Settings without this mapping, or without entries of it, that are null because an overlay takes them back."""
    if not isinstance(data, dict) or key not in data:
        return data
    if data[key] is None:
        return {name: value for name, value in data.items() if name != key}
    if not isinstance(data[key], dict):
        return data
    return {**data, key: {name: value for name, value in data[key].items() if value is not None}}


class SourceSettings(Settings):
    """Specification of a source, and base of its settings; a subclass declares `kind: Literal["<its name>"]`."""

    if TYPE_CHECKING:
        kind: str

    classes: Classes = Field({}, exclude_if=lambda value: not value)
    """Structures to segment, each with its values in the masks: `{right_ventricle: [1], myocardium: [2]}`. Default: one
    target."""

    implementation: ClassVar[str] = ""
    """`module:attribute` of the object that lists, checks and reads the volumes (see `data/sources/registry.py`).
    Imported only when it is used."""
    made_by_code: ClassVar[bool] = False
    """Whether volumes are computed, so that nothing of them is on disk."""
    licence: ClassVar[str] = ""
    """Licence of the volumes; empty: unknown."""
    citation: ClassVar[str] = ""
    """What to cite for the volumes, in one line; empty: unknown."""

    @model_validator(mode="before")
    @classmethod
    def _classes_taken_back(cls, data: Any) -> Any:
        return without_nulls(data, "classes")

    @property
    def channel_names(self) -> list[str]:
        """Names of the image's channels; empty: one channel without a name."""
        return []

    @property
    def description(self) -> str:
        """Where the volumes come from, in words for table 1, without any path of the machine."""
        return self.kind

    @property
    def reconstruction(self) -> "RadialImages | None":
        """How images are reconstructed from radial k-space; None: they are not."""
        return None

    @property
    def volume_work(self) -> str:
        """The calibrated work (`VolumeWork`) that takes as long per voxel as reading or making a volume."""
        return "check"


@dataclass(frozen=True)
class Part:
    """A folder that a cohort consists of, and where it can be obtained.

    Attributes:
        folder: relative to the cohort's folder.
        archive: name of the archive that it is unpacked from, in the cohort's folder or next to it; empty: none.
        url: address of the archive; None: it is not downloaded.
    """

    folder: str = ""
    archive: str = ""
    url: str | None = None


class FileSource(SourceSettings):
    """Specification of a source whose volumes are files; a subclass adds `folder` and `labels`."""

    if TYPE_CHECKING:
        labels: list[int]

    unlabelled: Text | None = Field(None, exclude_if=lambda value: value is None)
    """Folder (below `data_root` unless absolute) of further volumes without masks, for pretraining: NIfTI, MetaImage,
    NRRD or MGH files, or one folder per DICOM series."""
    without_target: list[Text] = Field([], max_length=10_000, exclude_if=lambda value: not value)
    """Subjects without a target: their masks hold none of `labels`. Any other such mask is refused."""

    @model_validator(mode="before")
    @classmethod
    def _labels_of_classes(cls, data: Any) -> Any:
        """With `classes`, `labels` holds the values of all of them."""
        data = without_nulls(data, "classes")
        if not isinstance(data, dict) or not isinstance(classes := data.get("classes"), dict) or not classes:
            return data
        try:
            values = sorted({value for numbers in _VALUES.validate_python(classes).values() for value in numbers})
            given = sorted(data.get("labels") or values)
        except (TypeError, ValidationError):
            return data  # reported with the place of the wrong value
        if given != values:
            raise ValueError(
                f"labels {given} and classes of the values {values}; accepted: one of the two (in an overlay: "
                "`labels: null`)"
            )
        return {**data, "labels": values}

    @property
    def root(self) -> str:
        """The cohort's folder, below `data_root` unless absolute."""
        return str(getattr(self, "folder"))  # noqa: B009  # declared by subclasses, after `kind`

    @property
    def parts(self) -> Sequence[Part]:
        """What must exist before subjects are listed; the cohort counts as present if the first does."""
        return (Part(),)

    @property
    def description(self) -> str:
        """See `SourceSettings`."""
        return f"{self.kind} folder {PurePath(self.root).name}, {self.target}"

    @property
    def target_values(self) -> list[list[int]]:
        """The values in the masks of each class number, from 1."""
        return list(self.classes.values()) or [self.labels]

    @property
    def target(self) -> str:
        """The label values that form the target, for readers."""
        if self.classes:
            return ", ".join(f"{name} {' + '.join(map(str, values))}" for name, values in self.classes.items())
        return f"label {' + '.join(str(label) for label in self.labels)}"


class Archive(Settings):
    """An archive to download."""

    url: str = Field(pattern=r"^https?://", max_length=4096)
    """Its address."""
    checksum: str = Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")
    """`md5:…` or `sha256:…`: a download is always verified."""
