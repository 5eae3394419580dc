"""Settings of a cohort: its source, its working grid, its split."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from fewlabel.config.base import (
    Axis,
    LabelCount,
    Line,
    Name,
    Settings,
    Share,
    Side,
    Subjects,
    Text,
    Title,
    Unit,
    distinct,
)
from fewlabel.config.sources.registry import Source

Percentile = Annotated[float, Field(ge=0, le=100)]
NamedDraw = Annotated[list[Text], Field(min_length=1, max_length=100_000), AfterValidator(distinct)]
"""Labelled subjects, or patients, in the order of a draw."""
PUBLISHED_DRAWS: dict[str, list[list[str]]] = {
    "acdc": [
        ["patient099", "patient038", "patient050", "patient021", "patient049", "patient058", "patient100"],
    ],
}
"""Choices of labelled patients in the literature, by name. `acdc`: the 1, 3 and 7 cases of the semi-supervised
benchmarks of ACDC (Luo et al., SSL4MIS)."""


class Grid(Settings):
    """The working grid: what the network sees of a slice."""

    matrix: tuple[Side, Side] = (192, 192)
    """Rows and columns after centre crop or pad."""
    spacing_mm: float = Field(1.5, gt=0, le=20)
    """In-plane pixel size after resampling."""
    slice_mm: float | None = Field(None, gt=0, le=50, exclude_if=lambda value: value is None)
    """Distance of slices after resampling through plane; none: slices stay native, whatever their distance."""
    plane: Literal["axial", "coronal", "sagittal"] = "axial"
    """Orientation of the slices."""
    percentiles: tuple[Percentile, Percentile] = (1.0, 99.0)
    """Percentiles of the whole volume that become 0 and 1 (values beyond are kept)."""

    @field_validator("percentiles")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not value[0] < value[1]:
            raise ValueError(f"two rising percentiles between 0 and 100, but got {value[0]} and {value[1]}")
        return value


class BiasCorrection(Settings):
    """N4 (Tustison et al. 2010): each image is divided by a smooth field before its intensities are scaled."""

    threshold: Annotated[float, Field(ge=0, lt=1)] | Literal["otsu"] = 0.1
    """Voxels above this share of the volume's 99th percentile are fitted (0: all above 0), or those above Otsu's."""
    iterations: list[Annotated[int, Field(ge=1, le=1000)]] = Field([50, 50, 50, 50], min_length=1, max_length=8)
    """The most of each fitting level, coarsest first; there are as many levels as numbers."""
    knots_mm: float = Field(200, gt=0, le=2000)
    """Distance of the field's control points on the coarsest level; each further level halves it."""
    convergence: float = Field(0.001, gt=0, lt=1)
    """A level ends before its iterations do where the field changes by less (coefficient of variation)."""
    shrink: int = Field(6, ge=1, le=16)
    """The field is fitted to one of so many voxels along the finest axis, at about that distance along the others."""


class Labelling(Settings):
    """How labelled subjects are drawn from the pool."""

    count: Unit = "subjects"
    """What N counts."""
    named: list[NamedDraw] = Field([])
    """The first draws; the others are random."""

    def first(self, draw: int) -> list[str]:
        """The named subjects or patients that a draw, from 1, begins with."""
        return self.named[draw - 1] if draw <= len(self.named) else []


RANDOM_SUBJECTS = Labelling()
"""The default: random draws, of subjects."""


class PublishedDice(Settings):
    """A mean Dice that others published, shown beside the study's own in table 2 and figure 3."""

    method: Title
    """Its name, as published."""
    n: LabelCount
    """Labelled subjects, or patients with `count: patients`."""
    dice: Share
    """Mean Dice, of several classes the mean of them."""
    source: Line
    """Where it is published."""


class Cohort(Settings):
    """One segmentation task on one group of subjects."""

    source: Source
    grid: Grid = Grid()
    bias_correction: BiasCorrection | None = Field(None, exclude_if=lambda value: value is None)
    """N4 correction of slow shading, with `{}` or changed settings; none: intensities as stored."""
    test: Subjects | Annotated[list[Text], Field(min_length=1, max_length=100_000)] = 10
    """Test subjects: how many (drawn by seed, whole patients), or their names. In an overlay, null takes it back."""
    folds: int | None = Field(None, ge=2, le=1000, exclude_if=lambda value: value is None)
    """Instead of `test`: so many test folds (by seed, whole patients), so that every labelled subject is tested once.
    Each fold is trained for itself, on the subjects that it does not test; scores are joined, draw by draw."""
    split_as: Name | None = Field(None, exclude_if=lambda value: value is None)
    """Another cohort of the study that holds the same subjects (the same people, other images): this one is split, and
    its labelled subjects drawn, like that one, so that the two can be compared in pairs."""
    validation: Subjects | None = Field(None, exclude_if=lambda value: value is None)
    """For choosing recipes: the test subjects are set aside, and so many subjects of the pool (drawn by seed, whole
    patients) are scored in their place; none: the test subjects are scored."""
    count: Unit = Field("subjects", exclude_if=lambda value: value == "subjects")
    """What N counts: subjects (volumes), or patients of the subjects table, each with all its labelled volumes."""
    draws: Literal["acdc"] | Annotated[list[NamedDraw], Field(min_length=1, max_length=1000)] | None = Field(
        None, exclude_if=lambda value: value is None
    )
    """The first draws by name, each a list of subjects (with `count: patients`, of patients); each N takes the first
    N, and the rest of the pool follows at random. Or the published choice `acdc`. Further draws are random."""
    flip: list[Axis] = Field([], max_length=2)
    """Axes along which the anatomy may be mirrored in augmentation (`columns`: left and right)."""
    title: Title | None = None
    """How figures and tables name the cohort; default: its key."""
    stands_for: Literal["liver", "prostate"] | None = None
    """The paper's cohort that this one represents; tables and figures then show its published numbers, too."""
    published: list[PublishedDice] = Field([], max_length=1000, exclude_if=lambda value: not value)
    """Mean Dice that others published for this cohort, shown beside the study's own in table 2 and figure 3."""
    licence: Title | None = Field(None, exclude_if=lambda value: value is None)
    """Licence of the volumes, in the notes of table 1. Default: known for the Decathlon and CHAOS."""
    citation: Line | None = Field(None, exclude_if=lambda value: value is None)
    """Citation of the volumes, in the notes of table 1. Default: known for the Decathlon and CHAOS."""

    @model_validator(mode="before")
    @classmethod
    def _test_taken_back(cls, data: Any) -> Any:
        """Only so can an overlay put `folds` in the place of `test`."""
        if isinstance(data, dict) and data.get("test", 0) is None:
            return {key: value for key, value in data.items() if key != "test"}
        return data

    @model_validator(mode="after")
    def _tests_in_one_way(self) -> Self:
        if self.folds is not None and "test" in self.model_fields_set:
            raise ValueError(
                f"folds {self.folds} and test {self.test}: with folds every labelled subject is tested; drop one of "
                "the two (in an overlay: `test: null`)"
            )
        if self.folds is not None and self.validation is not None:
            raise ValueError(
                f"folds {self.folds} and validation {self.validation}: recipes are chosen where test subjects are set "
                "aside; use `test` with `validation`, or `folds` alone"
            )
        if self.folds is not None and self.draws is not None:
            raise ValueError(
                f"folds {self.folds} and named draws: with folds every labelled subject is tested once, named ones "
                "too; use `test` with `draws`, or `folds` alone"
            )
        return self

    @property
    def labelling(self) -> Labelling:
        """How labelled subjects are drawn from the pool."""
        named = PUBLISHED_DRAWS[self.draws] if isinstance(self.draws, str) else self.draws or []
        return Labelling(count=self.count, named=named)

    @model_serializer(mode="wrap")
    def _told(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """With folds `test` says nothing, and is not written down."""
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if key != "test" or self.folds is None}
