"""Source `phantom`: synthetic T2w MR volumes of the abdomen or the pelvis, with exact masks.

A random anatomy (`abdomen`, `pelvis`) is smoothly deformed and painted onto a grid (`canvas`), and its tissues get the
signal of a spin echo (`signal`). Slices average over their thickness, coils shade the image and noise is Rician; or
all of it is acquired radially (`radial_acquisition`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.phantoms.abdomen import TARGET as LIVER
from fewlabel.data.phantoms.abdomen import abdomen
from fewlabel.data.phantoms.canvas import Axes, Labels, SmoothField, paint
from fewlabel.data.phantoms.label_map import class_numbers, label_map
from fewlabel.data.phantoms.pelvis import TARGET as PROSTATE
from fewlabel.data.phantoms.pelvis import pelvis
from fewlabel.data.phantoms.shapes import Scene
from fewlabel.data.phantoms.signal import Floats, Tissue, draw_tissues, rician, textures, tissue_signals
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.reconstruction.radial.acquisition import Acquisition
from fewlabel.data.subjects.subject import Subject

Seeds = dict[str, np.random.SeedSequence]
"""Seeds by step."""


@dataclass(frozen=True)
class _Anatomy:
    draw: Callable[[np.random.Generator], Scene]
    target: frozenset[Tissue]
    tr: tuple[float, float]  # ms
    te: tuple[float, float]


# Echo times of clinical half-Fourier single-shot (abdomen) and fast spin-echo (prostate) protocols.
ANATOMIES = {
    "abdomen": _Anatomy(abdomen, LIVER, tr=(2000, 6000), te=(55, 80)),
    "pelvis": _Anatomy(pelvis, PROSTATE, tr=(3000, 6500), te=(90, 110)),
}
THIN_MM = 3.0
"""Thickness above which slices are painted in three layers and averaged."""
TEXTURE_MM = 6.0
SHADING_MM = 100.0
"""Distances of the control points of the tissues' texture and of the coils' shading."""
SLOPE = 0.24 / 150
"""Standard deviation between subjects of the slope of the coils' log sensitivity along each axis, per mm."""


def list_subjects(source: PhantomSource) -> list[Subject]:
    """All subjects of the cohort, `<anatomy>_001` and so on; those with a mask come first."""
    count = source.labelled + source.unlabelled
    names = [f"{source.anatomy}_{number:03d}" for number in range(1, count + 1)]
    return [Subject(name, patient=name, labelled=number < source.labelled) for number, name in enumerate(names)]


def read_volume(source: PhantomSource, subject: Subject) -> Volume:
    """Make a subject's volume; `subject`: from `list_subjects`.

    Returns:
        Image of an arbitrary positive scale, which differs between subjects, or T2 in ms. Its axes run to the left,
        the back and the head, as in most axial NIfTI files, a few degrees oblique. The mask is of the whole liver or
        prostate, or holds the numbers of `classes`; None if the subject is not labelled. Equal (seed, anatomy, name)
        are the same person for any grid, noise, acquisition and classes.
    """
    grid, labels, mask = _paint_tissues(source, subject)
    seeds = _seeds(source, subject)
    noise, scale, affine = _position(source, grid, seeds)
    if source.radial is None:
        (clean,) = _shaded(source, grid, labels, np.random.default_rng(seeds["signal"]))
        image = scale * rician(clean, _level(clean, mask) / source.snr, noise)
    else:
        from fewlabel.data.phantoms.radial_acquisition import reconstructed

        image = reconstructed(_acquired(source, grid, labels, mask, seeds, noise), source.radial, mask.shape)
        if source.radial.input != "t2_map":
            image *= scale
    if not subject.labelled:
        return Volume(image, affine, None)
    if not source.classes:
        return Volume(image, affine, mask.astype(np.uint8))
    values = label_map(source.anatomy, labels, mask, grid.axes[0])
    return Volume(image, affine, class_numbers(values, source.classes))


def native_shape(source: PhantomSource, subject: Subject) -> tuple[int, int, int]:
    """The shape of a subject's volume (x, y, z), without making it."""
    rng = np.random.default_rng(_seeds(source, subject)["anatomy"])
    x, y, z = _grid_axes(source, ANATOMIES[source.anatomy].draw(rng))
    return len(x), len(y), len(z)


def read_tissues(source: PhantomSource, subject: Subject) -> Labels:
    """The `Tissue` in the middle of each voxel, on the grid of `read_volume`."""
    _, layers, _ = _paint_tissues(source, subject)
    return np.ascontiguousarray(layers[..., layers.shape[-1] // 2])


def read_acquisition(source: PhantomSource, subject: Subject) -> tuple[Acquisition, Labels]:
    """The raw data of a subject that is acquired radially.

    Returns:
        The acquisition, whose reconstruction is the image of `read_volume` except for its scale, and the tissue in the
        middle of each voxel: (slice, matrix, matrix), air outside the body's grid.
    """
    from fewlabel.data.phantoms.radial_acquisition import in_view

    grid, labels, mask = _paint_tissues(source, subject)
    seeds = _seeds(source, subject)
    noise, _, _ = _position(source, grid, seeds)
    acquisition = _acquired(source, grid, labels, mask, seeds, noise)
    return acquisition, in_view(labels[..., labels.shape[-1] // 2], acquisition.matrix)


@dataclass(frozen=True)
class _Grid:
    scene: Scene
    axes: Axes


def _seeds(source: PhantomSource, subject: Subject) -> Seeds:
    """Independent seeds of each step by SHA-256, since Python's hash() differs between runs."""
    digest = hashlib.sha256(f"{source.seed}/{source.anatomy}/{subject.subject}".encode()).digest()
    children = np.random.SeedSequence(int.from_bytes(digest)).spawn(5)
    return dict(zip(("anatomy", "warp", "signal", "noise", "arms"), children, strict=True))


def _paint_tissues(source: PhantomSource, subject: Subject) -> tuple[_Grid, Labels, NDArray[np.bool_]]:
    """The grid, the tissues (x, y, z, layer within the slice), and the target by majority of the layers."""
    seeds = _seeds(source, subject)
    anatomy = ANATOMIES[source.anatomy]
    scene = anatomy.draw(np.random.default_rng(seeds["anatomy"]))
    x, y, z = _grid_axes(source, scene)
    layers = 3 if source.slice_mm > THIN_MM else 1
    offsets = source.slice_mm * (np.arange(layers) - (layers - 1) / 2) / layers
    axes = (x[::-1], y[::-1], z)
    fine = (axes[0], axes[1], (z[:, None] + offsets).ravel())
    labels = paint(scene, fine, np.random.default_rng(seeds["warp"])).reshape(len(x), len(y), len(z), layers)
    is_target = np.isin(np.arange(256), [int(tissue) for tissue in anatomy.target])
    mask = 2 * is_target[labels].sum(axis=-1) > layers
    return _Grid(scene, axes), labels, mask


def _position(
    source: PhantomSource, grid: _Grid, seeds: Seeds
) -> tuple[np.random.Generator, np.float32, NDArray[np.float64]]:
    """The generator of the noise, and what is drawn from it first: the scale of intensities and the affine."""
    noise = np.random.default_rng(seeds["noise"])
    scale = np.float32(400 * np.exp(0.6 * noise.standard_normal()))
    return noise, scale, _affine(source, grid, noise)


def _acquired(
    source: PhantomSource,
    grid: _Grid,
    labels: Labels,
    mask: NDArray[np.bool_],
    seeds: Seeds,
    noise: np.random.Generator,
) -> Acquisition:
    from fewlabel.data.phantoms.radial_acquisition import echo_times, simulate

    assert source.radial is not None
    echoes = _shaded(source, grid, labels, np.random.default_rng(seeds["signal"]), echo_times(source.radial))
    level = _level(echoes.mean(axis=0), mask)
    return simulate(source, echoes, level, np.random.default_rng(seeds["arms"]), noise)


def _grid_axes(source: PhantomSource, scene: Scene) -> Axes:
    steps = (source.pixel_mm, source.pixel_mm, source.slice_mm)
    x, y, z = (_axis(low, high, step) for low, high, step in zip(scene.low, scene.high, steps, strict=True))
    return x, y, z


def _axis(low: float, high: float, step: float) -> NDArray[np.float64]:
    """Centres of all pixels that fit between low and high, in mm."""
    count = max(int((high - low) / step), 1)
    return np.asarray((low + high) / 2 + step * (np.arange(count) - (count - 1) / 2), dtype=np.float64)


def _shaded(
    source: PhantomSource, grid: _Grid, layers: Labels, rng: np.random.Generator, times: Sequence[float] = ()
) -> Floats:
    """Noise-free images (echo, x, y, z): tissue signals, texture, partial volume and shading of the coils.

    `times`: echo times in ms; by default one of the protocol.
    """
    anatomy = ANATOMIES[source.anatomy]
    tr, te = rng.uniform(*anatomy.tr), rng.uniform(*anatomy.te)
    tissues = draw_tissues(rng)
    scene = grid.scene
    texture = SmoothField.draw(rng, scene.low, scene.high, TEXTURE_MM).on(grid.axes)
    factor = np.maximum(1 + textures()[layers[..., layers.shape[-1] // 2]] * texture, 0)
    coil = _coil(grid, rng)
    images = []
    for time in times or [te]:
        image = tissue_signals(tissues, tr, time)[layers].mean(axis=-1)
        image *= factor
        image = ndimage.gaussian_filter(image, (0.5, 0.5, 0))
        images.append(image * coil)
    return np.asarray(images, dtype=np.float32)


def _level(image: Floats, mask: NDArray[np.bool_]) -> float:
    """Mean signal of the target, or of the whole image without a target."""
    return float(image[mask].mean() if mask.any() else image.mean())


def _coil(grid: _Grid, rng: np.random.Generator) -> Floats:
    """Sensitivity, about 1: smooth, and higher near a random side, as of surface coils."""
    scene = grid.scene
    smooth = SmoothField.draw(rng, scene.low, scene.high, SHADING_MM).on(grid.axes)
    middle = np.add(scene.low, scene.high) / 2
    x, y, z = (axis - centre for axis, centre in zip(grid.axes, middle, strict=True))
    slope = rng.normal(0, SLOPE, size=3)
    ramp = np.add.outer(np.add.outer(slope[0] * x, slope[1] * y), slope[2] * z)
    return np.asarray(np.exp(0.17 * smooth + ramp), dtype=np.float32)


def _affine(source: PhantomSource, grid: _Grid, rng: np.random.Generator) -> NDArray[np.float64]:
    """Affine from voxel indices to RAS+ mm: axes to the left, back and head, a few degrees oblique, off centre."""
    turn = Rotation.from_euler("xyz", rng.uniform(-4, 4, size=3), degrees=True).as_matrix()
    steps = np.diag([-source.pixel_mm, -source.pixel_mm, source.slice_mm])
    first = np.array([axis[0] for axis in grid.axes])
    affine = np.eye(4)
    affine[:3, :3] = turn @ steps
    affine[:3, 3] = turn @ first + rng.uniform(-15, 15, size=3)
    return affine
