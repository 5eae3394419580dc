"""Settings of intervals, figures and tables: the keys `intervals` and `figures` of an experiment file."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from fewlabel.config.base import MEAN, Draw, LabelBudgets, Name, Seed, Settings, Share, Text, distinct

Index = Annotated[int, Field(ge=0, le=65_535)]
"""Index of a slice, row or column, from 0."""
Shown = Annotated[int, Field(ge=1, le=1000)]
"""Number of pictures."""
Methods = Annotated[list[Name], AfterValidator(distinct), Field(min_length=1, max_length=1000)]
"""Names of methods in the order of a figure."""
Strengths = Annotated[list[Annotated[float, Field(gt=0, le=1000)]], AfterValidator(distinct)]
MissingDistance = Literal["exclude", "diagonal"]
"""Value used for an undefined surface distance."""


IntervalMarks = Literal["auto", "bands", "bars", "none"]
"""Intervals in figures: none, or bars. `auto` and `bands` are older names for bars; bands hid each other."""


class Intervals(Settings):
    """Bootstrap over draws, then test subjects."""

    level: float = Field(0.95, gt=0.5, lt=1)
    resamples: int = Field(2000, ge=100, le=1_000_000)
    seed: Seed = 0


class MethodDiagram(Settings):
    """Figure 2: pretraining and finetuning with the experiment's settings, above table 1."""

    methods: Methods | None = None
    """Methods, in this order; none: the first of each pretext, the first without pretraining and the benchmark."""
    width_in: float = Field(7, ge=6.5, le=14)
    """The height follows from the content; a single method without pretraining takes less width."""
    table: bool = True
    """Whether table 1 is below the diagram."""
    dpi: int = Field(300, ge=50, le=1200)


class FigureOfClasses(Settings):
    """A figure of scores."""

    classes: Name = Field(MEAN, exclude_if=lambda value: value == MEAN)
    """What is shown of cohorts with several classes: `mean` of their scores, the name of one class, or `each`: a panel
    for the mean and for each class."""


class Panels(FigureOfClasses):
    """Sizes of a figure that has a panel a cohort."""

    panel_width_in: float = Field(3.4, gt=1, le=12)
    panel_height_in: float = Field(2.8, gt=1, le=12)
    columns: int | None = Field(None, ge=1, le=6)
    """Panels in a row; none: up to three, two for four cohorts."""
    dpi: int = Field(300, ge=50, le=1200)


class LabelCurves(Panels):
    """Figure 3: mean Dice, and gain over the study's `control`, against the number of labelled subjects."""

    dice_limits: tuple[Share, Share] | None = None
    """Limits of the Dice axis; none: from the data of each panel."""
    methods: Methods | None = None
    """Curves besides the control and the benchmarks; none: the first methods, `most` curves in all."""
    most: int = Field(8, ge=1, le=1000)
    """Number of curves if `methods` is not set; the figure states how many are left out."""
    intervals: IntervalMarks = "auto"
    """Whether means have intervals."""
    show_draws: bool = True
    """Every draw as a faint point."""
    show_paper: bool | Literal["all"] = True
    """Whether cohorts with `stands_for` show the paper's numbers; `all`: phantoms, too."""


class LabelEfficiency(Panels):
    """Labels that the study's `control` needs for the same Dice, as a multiple of each method's N; and table 4."""

    reference: Name | None = None
    """An older place of the study's `benchmark`."""
    levels: list[Annotated[float, Field(gt=0, lt=1)]] = Field([0.9, 0.95, 0.99], max_length=100)
    """Shares of the benchmark's Dice in table 4."""
    intervals: IntervalMarks = "auto"
    """Whether multiples have intervals."""


class PairedSubjects(Panels):
    """Each test subject's Dice with a method and with its control, at each N."""

    panel_height_in: float = Field(2.9, gt=1, le=12)
    """Height of both parts of a panel: the subjects, and the mean difference below."""
    control: Name | None = None
    """An older place of the study's `control`."""
    methods: Methods | None = None
    """Which methods, in this order; none: all others that share an N with the control, at most `most` of them."""
    most: int = Field(6, ge=1, le=1000)
    """Number of methods if `methods` is not set; the figure states how many are left out."""
    draws: Literal["mean", "each"] = "mean"
    """A pair is a subject's mean over draws, or each of its draws."""


class Differences(FigureOfClasses):
    """Every method's mean difference in Dice to the study's `control`: a row a method, a panel an N."""

    width_in: float = Field(7, ge=5, le=14)
    row_in: float = Field(0.17, ge=0.1, le=1)
    """Height of a method's row."""
    columns: int | None = Field(None, ge=1, le=12)
    """Panels in a row; none: as many as fit at 1.25 inches each."""
    one_scale: bool = True
    """The panels of a cohort have one scale, so that N can be compared; else each has its own."""
    dpi: int = Field(300, ge=50, le=1200)


class LearningCurves(Settings):
    """The loss of every training against its step, a small panel for each cohort and stage."""

    panel_width_in: float = Field(1.72, ge=1.2, le=6)
    panel_height_in: float = Field(1.45, ge=1, le=6)
    columns: int = Field(4, ge=1, le=12)
    """Panels in a row."""
    smoothing: Share = 0.05
    """Share of a training's steps over which a running mean is taken; 0: none."""
    show_draws: bool = True
    """Every draw as a faint line."""
    dpi: int = Field(300, ge=50, le=1200)


class Gallery(Settings):
    """A test subject of one cohort with truth and predictions (figure 4 of the liver, figure 5 of the prostate)."""

    methods: Methods | None = None
    """Methods, in this order; none: up to five, the first of each pretext before others, and the benchmark."""
    labels: LabelBudgets | None = None
    """N of all methods but the benchmark; none: one N, which is 2 if most methods have it."""
    draw: Draw = 1
    """Draw of labelled subjects."""
    subject: Text | None = None
    """A test subject; none: the one of median Dice (mean over the columns; of two in the middle the lower, of equals
    the first by name)."""
    slices: Shown | Annotated[list[Index], Field(min_length=1, max_length=1000)] = 3
    """How many, spread evenly over those with target; or which, from 0."""
    margin_mm: float | None = Field(25, ge=0, le=10_000)
    """Margin around truth and predictions; none: the whole slice."""
    panel_in: float = Field(1.08, ge=0.8, le=6)
    """Width of one image."""
    dpi: int = Field(300, ge=50, le=1200)

    _once = field_validator("labels")(lambda value: value if value is None else distinct(value))


class Explorer(Settings):
    """The page to explore: what of the volumes it holds, so that it stays small enough to be sent and opened."""

    size_limit_mb: int = Field(40, ge=8, le=500)
    """Of the whole file, in 10^6 bytes; 5 of them are the plotting library."""
    subjects: int = Field(12, ge=1, le=200)
    """Test subjects a cohort whose volumes are shown: the worst, the best, the middle one, and so on."""
    draws: int = Field(2, ge=1, le=20)
    """Of how many draws the predictions are shown, the first ones."""
    largest_side_px: int = Field(256, ge=32, le=1024)
    """Slices are made smaller until no side has more pixels than this."""
    largest_slices: int = Field(64, ge=4, le=512)
    """Of a volume with more slices, so many are shown, evenly spaced."""


class Pretexts(Settings):
    """Figure 1: what the pretexts ask of a network and what it answers, on slices of one cohort."""

    cohort: Name | None = None
    """Which cohort; none: the first."""
    regression: Name | None = None
    """Which regression; none: the first, if there is one."""
    contrastive: Name | None = None
    """Which contrastive method; none: the first, if there is one."""
    subject: Text | None = None
    """Whose slices; none: the first test subject, which no pretraining has seen."""
    slices: int = Field(2, ge=1, le=6)
    """How many are restored, spread evenly over those with target."""
    width_in: float = Field(7, ge=5, le=14)
    """The height follows from what is shown."""
    dpi: int = Field(300, ge=50, le=1200)


class LocalSimilarity(Settings):
    """How alike a point's local representation is to that of every other place, before and after stage 2."""

    cohort: Name | None = None
    """Which cohort; none: the first."""
    method: Name | None = None
    """Which contrastive method with a local stage; none: the first."""
    subject: Text | None = None
    """Who has the point; none: the first test subject, which no pretraining has seen."""
    other: Text | None = None
    """In whom it is looked for; none: the next test subject, or where there is but one, the first other subject."""
    slice: Index | None = None
    """Which slice has the point, from 0; none: the one with the largest target."""
    point: tuple[Index, Index] | None = None
    """Row and column on the working grid; none: the target's pixel nearest to its centre."""
    width_in: float = Field(7, ge=5, le=14)
    dpi: int = Field(300, ge=50, le=1200)


class ContactSheet(Settings):
    """Slices of every labelled subject of a cohort with its mask outlined, a sheet a cohort."""

    slices: int | None = Field(None, ge=1, le=9)
    """Of each subject, spread evenly over those with target; none: three of up to 24 subjects, one of more."""
    columns: int = Field(12, ge=1, le=40)
    """Slices in a row."""
    most: int = Field(240, ge=1, le=2000)
    """Of more subjects, those with warnings and others evenly spread are shown."""
    width_in: float = Field(8, ge=4, le=20)
    """The height follows from what is shown."""
    dpi: int = Field(150, ge=50, le=600)


class Destreaking(Settings):
    """What each method of de-streaking leaves of a radially acquired phantom's streaks, at several signals of the arms:
    a table and a figure. It is measured apart from all trainings."""

    cohort: Name | None = None
    """Which phantom; none: the first that is acquired radially. The signal of its own arms does not matter."""
    strengths: Strengths = Field([1, 2, 4, 8, 16], min_length=1, max_length=100)
    """Signals of the arms, in multiples of the target's mean signal."""
    shown: float | None = Field(None, gt=0, le=1000)
    """The one of them at which images are shown; none: the middle one."""
    subjects: int = Field(6, ge=1, le=1000)
    """How many are measured."""
    pixel_mm: float | None = Field(None, gt=0, le=10)
    """In-plane size of a pixel; none: the phantom's."""
    slice_mm: float | None = Field(None, gt=0, le=20)
    """Distance of slices; none: the phantom's."""
    width_in: float = Field(7.2, ge=5, le=14)
    dpi: int = Field(200, ge=50, le=1200)

    @model_validator(mode="after")
    def _shown_is_one_of_them(self) -> Self:
        if self.shown is not None and self.shown not in self.strengths:
            raise ValueError(f"shown {self.shown:g} is none of the strengths {self.strengths}")
        return self


class DiceTable(Settings):
    """Table 2."""

    hd95_missing: MissingDistance = "exclude"
    """How to treat an HD95 that is undefined because one of the two masks is empty. `exclude`: leave it out of the
    median and report the count. `diagonal`: use the diagonal of the subject's volume, the largest possible distance."""


class Figures(Settings):
    """Settings of figures; changing one re-draws that figure and nothing else.

    Figures and tables of installed packages may have settings of their own, by their names.
    """

    method_diagram: MethodDiagram = MethodDiagram()
    label_curves: LabelCurves = LabelCurves()
    label_efficiency: LabelEfficiency = LabelEfficiency()
    paired_subjects: PairedSubjects = PairedSubjects()
    differences: Differences = Differences()
    learning_curves: LearningCurves = LearningCurves()
    galleries: dict[Name, Gallery] = Field(default_factory=dict, max_length=100)
    """By cohort; one that is not named has a gallery with default settings."""
    explorer: Explorer = Explorer()
    pretexts: Pretexts = Pretexts()
    local_similarity: LocalSimilarity = LocalSimilarity()
    contact_sheets: ContactSheet = ContactSheet()
    destreaking: Destreaking | None = Field(None, exclude_if=lambda value: value is None)
    """Of a study with a phantom that is acquired radially, with `{}` or changed settings; none: it is not measured."""
    dice_table: DiceTable = Field(DiceTable(), exclude_if=lambda value: value == DiceTable())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Called at the first validation, since packages that are installed import this module."""
        from fewlabel.config.jobs.figures.registry import installed

        for name, each in installed().items():
            if (options := each.options) is not None:
                # Left out where nothing is set: such a study can be read without the package.
                field = Field(default_factory=options, exclude_if=options().__eq__)
                cls.__pydantic_fields__[name] = FieldInfo.from_annotated_attribute(options, field)
        return handler(source)
