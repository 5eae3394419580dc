"""The typed settings of a study: the one source of defaults, bounds, descriptions and of the JSON schema.

Every key of an experiment file (`config.yaml`, `experiments/*.yaml`) is a field below; nothing else is accepted.
"""

from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo

from fewlabel.figure_settings import Figures, Intervals
from fewlabel.settings import (
    Axis,
    Draw,
    Drawing,
    LabelBudgets,
    LabelValues,
    Line,
    Name,
    Seed,
    Settings,
    Share,
    Side,
    Steps,
    Subjects,
    Text,
    Title,
    distinct,
)

HeadWidth = Annotated[int, Field(ge=1, le=65_536)]
Widths = Annotated[list[Annotated[int, Field(ge=4, le=4096, multiple_of=4)]], Field(min_length=2, max_length=8)]
Percentile = Annotated[float, Field(ge=0, le=100)]


# ------------------------------------------------------------------------------------------------------- cohorts
class Destreak(Settings):
    """How streaks are removed from radial multi-coil data."""

    method: Literal["none", "remove_coils", "cactus", "bstar"] = "cactus"
    """`remove_coils`: coils that streak are left out; `cactus`: coil data are projected onto the null space of the
    interference; `bstar`: coils are combined for the most signal over interference."""
    energy: float = Field(0.95, gt=0, lt=1)
    """Of cactus: share of the interference that the removed directions hold."""
    threshold: float = Field(1.3, gt=1, le=1000)
    """Of remove_coils: coils whose streak ratio is above this many times the least are left out."""
    loading: float = Field(0.01, gt=0, le=1000)
    """Of bstar: diagonal loading, in mean eigenvalues of the interference covariance; more keeps more signal."""


class RadialImages(Settings):
    """What is made of a radial multi-coil fast spin echo acquisition."""

    destreak: Destreak = Destreak()
    """How streaks are removed before coils are combined."""
    input: Literal["composite", "echo", "t2_map"] = "composite"
    """What the network sees: the image of all spokes, the image of one echo, or the T2 map. All lie on one another."""
    echo: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Which echo, from 1, where `input` is echo; default: the middle one."""


class RadialPhantom(RadialImages):
    """A phantom acquired radially, with arms beside the body that make streaks."""

    coils: int = Field(16, ge=8, le=128)
    """Of the array around the body."""
    spokes: int = Field(192, ge=1, le=100_000)
    """Of all echoes together, by the golden angle; a multiple of `echoes`."""
    echoes: int = Field(8, ge=2, le=64)
    """Of the train."""
    echo_spacing_ms: float = Field(15, gt=0, le=100)
    """Between echoes; the first comes after one spacing."""
    streaks: float = Field(4, ge=0, le=1000)
    """Signal of the arms, in multiples of the target's mean signal; 0: no source of streaks."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.spokes % self.echoes:
            raise ValueError(f"spokes {self.spokes} is no multiple of echoes {self.echoes}")
        if self.echo is not None and self.echo > self.echoes:
            raise ValueError(f"echo {self.echo}, but the train has {self.echoes}")
        return self


class PhantomSource(Settings):
    """Synthetic T2w volumes with masks, made by code."""

    kind: Literal["phantom"]
    anatomy: Literal["abdomen", "pelvis"]
    """`abdomen` (target: liver) or `pelvis` (target: prostate)."""
    labelled: int = Field(ge=1, le=100_000)
    """Subjects with a mask."""
    unlabelled: int = Field(0, ge=0, le=100_000)
    """Further subjects without a mask, for pretraining."""
    seed: Seed = 0
    """Every volume is a function of (seed, subject)."""
    pixel_mm: float = Field(2.0, gt=0, le=10)
    """In-plane size of a native pixel."""
    slice_mm: float = Field(8.0, gt=0, le=20)
    """Distance of native slices."""
    snr: float = Field(25.0, gt=1, le=1_000_000)
    """Mean signal of the target over the standard deviation of the noise (in each of the two receiver channels)."""
    # What existing cohorts do not set, their jobs are not told: they stay as they are.
    radial: RadialPhantom | None = Field(None, exclude_if=lambda value: value is None)
    """Acquire the abdomen radially with several coils, arms and streaks; none: images are made directly."""

    @model_validator(mode="after")
    def _arms_lie_beside_the_abdomen(self) -> Self:
        if self.radial is not None and self.anatomy != "abdomen":
            raise ValueError(f"radial is for anatomy abdomen, which has arms beside it, not {self.anatomy}")
        return self


class _FileSource(Settings):
    unlabelled: Text | None = Field(None, exclude_if=lambda value: value is None)
    """Folder (below `data_root` unless absolute) of further volumes without masks, for pretraining: NIfTI, MetaImage,
    NRRD or MGH files, or one folder per DICOM series."""
    without_target: list[Text] = Field([], max_length=10_000, exclude_if=lambda value: not value)
    """Subjects without a target: their masks hold none of `labels`. Any other such mask is refused."""


class NiftiSource(_FileSource):
    """A folder with `images/` and `labels/` of NIfTI files: the way in for anyone's own data."""

    kind: Literal["nifti"]
    folder: Text
    """The cohort's folder, beneath `data_root` unless absolute."""
    subjects_table: Text | None = None
    """TSV or CSV in the folder: subject, patient, use; default: `subjects.tsv` or `subjects.csv` where present."""
    labels: LabelValues = Field([1])
    """Values in the label files that form the target; several are merged."""
    channel: int | None = Field(None, ge=0, le=32_766)
    """Which channel of a 4D image, from 0."""


class DecathlonSource(_FileSource):
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


class MetaImageSource(_FileSource):
    """A folder of MetaImage pairs, as PROMISE12 comes: `<subject>.mhd` and `<subject>_segmentation.mhd` (or `.mha`)."""

    kind: Literal["metaimage"]
    folder: Text
    """The cohort's folder, searched to its bottom; beneath `data_root` unless absolute."""
    label_suffix: str = Field("_segmentation", pattern=r"^[A-Za-z0-9._-]+$", max_length=100)
    """Suffix of mask names after the subject's name, in any case. Subjects without a mask are used for pretraining."""
    subjects_table: Text | None = None
    """TSV or CSV in the folder: subject, patient, use; default: `subjects.tsv` or `subjects.csv` where present."""
    labels: LabelValues = Field([1])
    """Values in the masks that form the target; several are merged."""


class Archive(Settings):
    """An archive to download."""

    url: str = Field(pattern=r"^https?://", max_length=4096)
    """Its address."""
    checksum: str = Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")
    """`md5:…` or `sha256:…`: a download is always verified."""


class ChaosSource(_FileSource):
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


class RadialSource(RadialImages, _FileSource):
    """Radial multi-coil k-space, or complex coil images of it, reconstructed and de-streaked; masks as NIfTI."""

    kind: Literal["radial"]
    folder: Text
    """The cohort's folder, with `images/` and `labels/`; beneath `data_root` unless absolute."""
    subjects_table: Text | None = None
    """TSV or CSV in the folder: subject, patient, use; default: `subjects.tsv` or `subjects.csv` where present."""
    labels: LabelValues = Field([1])
    """Values in the label files that form the target; several are merged."""
    pixel_mm: float = Field(1.0, gt=0, le=20)
    """In-plane size of a pixel, where neither the file nor a mask tells where the volume lies."""
    slice_mm: float = Field(1.0, gt=0, le=50)
    """Distance of slices, in the same case."""
    interference: Text | None = Field(None, exclude_if=lambda value: value is None)
    """Folder, beneath the cohort's, of masks `<subject>.nii.gz` on the images' grids, 1 where streaks are seen; none:
    the region is found automatically. In an overlay, null takes it back."""

    @model_validator(mode="after")
    def _masks_are_of_use(self) -> Self:
        if self.interference is None:
            return self
        if self.destreak.method == "none":
            raise ValueError("interference is for method remove_coils, cactus or bstar, not none; leave it out")
        parts = PurePath(self.interference).parts
        if PurePath(self.interference).is_absolute() or ".." in parts or parts[:1] in ((), ("images",), ("labels",)):
            raise ValueError(
                f"interference {self.interference}; accepted: a folder of its own beneath the cohort's, beside images/ "
                "and labels/, such as interference"
            )
        return self


Source = Annotated[
    PhantomSource | NiftiSource | DecathlonSource | MetaImageSource | ChaosSource | RadialSource,
    Field(discriminator="kind"),
]


def radial_images(source: Source) -> RadialImages | None:
    """How a source's images are reconstructed from radial k-space; None where they are not."""
    if isinstance(source, PhantomSource):
        return source.radial
    return source if isinstance(source, RadialSource) else None


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
    flip: list[Axis] = Field([], max_length=2)
    """Axes along which the anatomy may be mirrored in augmentation (`columns`: left and right)."""
    title: Title | None = None
    """How figures and tables name the cohort; default: its key."""
    stands_for: Literal["liver", "prostate"] | None = None
    """The paper's cohort that this one stands for: its published numbers are shown beside ours."""
    licence: Title | None = Field(None, exclude_if=lambda value: value is None)
    """Of the volumes, beneath table 1; known for the Decathlon and CHAOS."""
    citation: Line | None = Field(None, exclude_if=lambda value: value is None)
    """What to cite for the volumes, beneath table 1; known for the Decathlon and CHAOS."""

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
        return self

    @model_serializer(mode="wrap")
    def _told(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """With folds `test` says nothing, and is not written down."""
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if key != "test" or self.folds is None}


# ------------------------------------------------------------------------------------------------------ training
class Network(Settings):
    """The U-Net."""

    widths: Widths = Field([16, 32, 64, 128, 128, 128])
    """Channels of each stage, finest first; each further stage halves the matrix. Multiples of 4 (GroupNorm)."""

    @property
    def reduction(self) -> int:
        """By what the matrix must be divisible."""
        return int(2 ** (len(self.widths) - 1))


class Augmentation(Settings):
    """Ranges of random transforms, each uniform unless said otherwise; the defaults change nothing."""

    rotation_deg: float = Field(0, ge=0, le=180)
    """Rotation within plus or minus this."""
    scale: float = Field(0, ge=0, lt=1)
    """Zoom between 1 - scale and 1 + scale."""
    shift: Share = 0
    """Translation within plus or minus this share of the matrix."""
    elastic_px: float = Field(0, ge=0, le=1000)
    """Standard deviation, in pixels, of the displacements of a coarse grid, interpolated smoothly."""
    elastic_grid: int = Field(3, ge=2, le=32)
    """Rows and columns of that coarse grid."""
    flip: bool = False
    """Mirror, with probability one half, each axis that the cohort allows."""
    crop_min: float = Field(1, gt=0, le=1)
    """A random crop of between this share and the whole of the matrix's sides, enlarged back."""
    brightness: float = Field(0, ge=0, le=100)
    """Added constant within plus or minus this (images are about 0 to 1)."""
    contrast: float = Field(0, ge=0, lt=1)
    """Factor about the mean between 1 - contrast and 1 + contrast."""
    gamma: float = Field(0, ge=0, lt=1)
    """Exponent between 1 - gamma and 1 + gamma."""
    shading: float = Field(0, ge=0, lt=1)
    """Amplitude of a smooth multiplicative field (coil shading)."""
    noise: float = Field(0, ge=0, le=100)
    """Standard deviation of added Gaussian noise: uniform between 0 and this."""


class Training(Settings):
    """A budget in optimiser steps, and how they are taken."""

    steps: int = Field(10_000, ge=1, le=100_000_000)
    batch: Side = 12
    """Slices a step."""
    learning_rate: float = Field(1e-3, gt=0, le=1)
    """Of Adam, after the warm-up."""
    warmup: Steps = 0
    """Steps over which the learning rate rises linearly."""
    schedule: Literal["constant", "cosine"] = "constant"
    """After the warm-up: constant, or half a cosine to 0."""
    weight_decay: float = Field(0, ge=0, le=1000)
    """Decoupled (AdamW)."""
    augmentation: Name
    """A name under `augmentations`."""


class Finetuning(Training):
    """Supervised training on the labelled subjects of a draw, with Dice loss."""

    batch: Side = 20
    augmentation: Name = "standard"
    foreground: Share = 0.5
    """Share of a batch drawn from slices that hold the target; the rest from all slices of the labelled subjects."""


def _optional(field: FieldInfo) -> tuple[Any, Any]:
    annotation: Any = field.annotation
    for bound in field.metadata:
        annotation = Annotated[annotation, bound]
    return annotation | None, Field(None, description=field.description)


_changes: dict[str, Any] = {name: _optional(field) for name, field in Finetuning.model_fields.items()}
FinetuningChange = create_model(
    "FinetuningChange",
    __base__=Settings,
    __doc__="What a method does differently in finetuning; what is not named stays as in `finetuning`.",
    **_changes,
)


class GlobalStage(Training):
    """Contrastive stage 1: the encoder on global representations of slices."""

    augmentation: Name = "views"
    """Of each of the two views of a slice."""
    batch: Side = 12
    """Slices a step, each seen in two views; partitions times volumes."""
    partitions: Side = 4
    """Equal parts of a volume along the slice axis; slices of one part count as anatomically similar."""
    positives: list[Literal["augmentation", "anatomy"]] = Field(["augmentation"], min_length=1, max_length=2)
    """Views of the same slice, slices of the same part of other volumes, or both."""
    similar_as_negatives: bool = False
    """Whether slices of the same part (that are no positives) count as negatives."""
    temperature: float = Field(0.1, gt=0, le=10)
    head: tuple[HeadWidth, HeadWidth] = (1024, 128)
    """Widths of the projection head: hidden and output."""

    _once = field_validator("positives")(distinct)

    @model_validator(mode="after")
    def _balanced(self) -> Self:
        if self.batch % self.partitions:
            raise ValueError(f"batch {self.batch} is no multiple of partitions {self.partitions}")
        if self.partitions < 2 and not self.similar_as_negatives:
            raise ValueError("partitions 1 leaves no negatives; use 2 or more, or similar_as_negatives: true")
        if "anatomy" in self.positives and self.batch // self.partitions < 2:
            raise ValueError(f"positives by anatomy need two volumes a batch: batch of at least {2 * self.partitions}")
        return self


class LocalStage(Training):
    """Contrastive stage 2: decoder stages on representations of local regions."""

    augmentation: Name = "intensity"
    """Of each of the two views; only its intensity transforms may be set, since regions must stay in place."""
    decoder_stages: int = Field(3, ge=1, le=7)
    """How many decoder stages are trained, coarsest first."""
    regions: int = Field(13, ge=2, le=65_536)
    """Regions compared in each image."""
    region_size: Side = 3
    """Side of a region, in pixels of the stage's feature map."""
    temperature: float = Field(0.1, gt=0, le=10)
    freeze_encoder: bool = True
    """Whether stage 1's encoder stays as it is."""
    head: tuple[HeadWidth, HeadWidth] = (128, 64)
    """Widths of the two 1 x 1 convolutions of the head."""


class _Method(Settings):
    labels: LabelBudgets | None = None
    """This method's own label budgets instead of the experiment's."""
    finetuning: FinetuningChange = FinetuningChange()
    """What this method does differently in finetuning."""
    title: Title | None = None
    """How figures and tables name the method; default: its key."""

    _once = field_validator("labels")(lambda value: value if value is None else distinct(value))


class ScratchMethod(_Method):
    """Random initialisation: the control at every N, and with all labels the supervised benchmark."""

    pretext: Literal["none"]


class _Pretrained(_Method):
    pretraining_subjects: Subjects | None = Field(None, exclude_if=lambda value: value is None)
    """How many subjects pretraining sees, drawn by seed and nested; none: all that are not tested."""
    transfer: Literal["encoder"] | None = Field(None, exclude_if=lambda value: value is None)
    """`encoder`: the decoder starts at random; none: all decoder stages that pretraining trained are handed on, too."""


class RegressionMethod(_Pretrained):
    """Pretrained to restore corrupted pixels: L1 at those pixels only."""

    pretext: Literal["regression"]
    training: Training = Training(augmentation="geometry")
    corrupted: float = Field(0.25, gt=0, lt=1)
    """Share of the pixels that Gaussian noise replaces."""
    block: Side = 1
    """Side in pixels of the squares that are corrupted as a whole; 1: pixels independently."""
    noise_scale: float = Field(1.0, gt=0, le=1000)
    """Standard deviation of the noise, in standard deviations of the slice (its mean is the slice's)."""


class ContrastiveMethod(_Pretrained):
    """Pretrained by contrastive loss: the encoder on slices, then decoder stages on regions."""

    pretext: Literal["contrastive"]
    global_stage: GlobalStage = GlobalStage()
    local_stage: LocalStage | None = LocalStage()
    """None: stage 1 alone."""


class JointMethod(_Pretrained):
    """Pretrained by both losses at once: the U-Net restores corrupted slices, its encoder contrasts them (ours)."""

    pretext: Literal["joint"]
    joint_stage: GlobalStage = GlobalStage()
    """Of the contrastive loss; the first of its two views is corrupted and restored."""
    contrast_weight: float = Field(0.1, gt=0, le=1000)
    """Of the contrastive loss (nats) beside the L1 loss."""
    corrupted: float = Field(0.25, gt=0, lt=1)
    """Share of the pixels that Gaussian noise replaces."""
    block: Side = 1
    """Side in pixels of the squares that are corrupted as a whole; 1: pixels independently."""
    noise_scale: float = Field(1.0, gt=0, le=1000)
    """Standard deviation of the noise, in standard deviations of the slice (its mean is the slice's)."""


PretrainedMethod = RegressionMethod | ContrastiveMethod | JointMethod
Method = Annotated[ScratchMethod | PretrainedMethod, Field(discriminator="pretext")]


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "geometry": Augmentation(rotation_deg=15, scale=0.05, flip=True),
    "standard": Augmentation(
        rotation_deg=15, scale=0.05, shift=0.05, elastic_px=2, flip=True, brightness=0.1, contrast=0.2
    ),
    "extensive": Augmentation(
        rotation_deg=20,
        scale=0.15,
        shift=0.08,
        elastic_px=3,
        flip=True,
        brightness=0.15,
        contrast=0.3,
        gamma=0.25,
        shading=0.3,
        noise=0.05,
    ),
    "views": Augmentation(crop_min=0.52, flip=True, brightness=0.3, contrast=0.3),
    "intensity": Augmentation(brightness=0.3, contrast=0.3),
}


class Experiment(Settings):
    """A study: cohorts x methods x label budgets x draws."""

    study: Name = "demo"
    """Everything is written beneath `results/<study>/`."""
    data_root: Text | None = None
    """Where cohorts on disk and downloads lie; default: the environment variable FEWLABEL_DATA, then `data`."""
    seed: Seed = 3914
    """Of splits, draws and trainings."""
    drawing: Drawing = Field("permutation", exclude_if=lambda value: value == "permutation")
    """How subjects are drawn. `hash` (config.yaml): by a seeded hash of each, so adding subjects does not move the
    others. `permutation`: the method of older studies."""
    redraw: bool = Field(False, exclude=True)
    """Draw all subjects of a study with results again, as in a new study; accepted only on the command line:
    `--config redraw=true`. It is never recorded. False: test subjects, folds and draws are kept, and changes to them
    are refused."""
    cohorts: dict[Name, Cohort] = Field(min_length=1, max_length=100)
    """By name; an overlay drops one of `config.yaml` by setting it to null."""
    methods: dict[Name, Method] = Field(min_length=1, max_length=1000)
    """By name; an overlay drops one of `config.yaml` by setting it to null."""
    labels: LabelBudgets = Field([1, 2, 4, 8])
    """Numbers of labelled subjects to finetune on: numbers, or `all` (the whole labelled pool)."""
    draws: Draw = 2
    """Random choices of the labelled subjects, nested over N and shared by all methods."""
    network: Network = Network()
    finetuning: Finetuning = Finetuning()
    augmentations: dict[Name, Augmentation] = Field(default_factory=dict, max_length=1000)
    """Further augmentations by name, beside the built-in ones (an equal name replaces the built-in)."""
    precision: Literal["auto", "f32", "bf16"] = "auto"
    """Of training: bf16 autocast where the hardware has it (auto)."""
    deterministic: bool = False
    """Of training on a GPU: only operations that give the same bits each time, slower. CPUs always do so."""
    checkpoint_every: float = Field(60, ge=0, le=10_000_000)
    """Seconds between two saved states of a training: what a killed one loses at most. Changes no result."""
    tensorboard: bool = False
    """Also write TensorBoard logs of every training, beside its results; needs the extra `tensorboard`. Changes no
    result."""
    intervals: Intervals = Intervals()
    figures: Figures = Figures()
