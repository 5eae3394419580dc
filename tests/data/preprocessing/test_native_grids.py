"""From a native grid to the working grid and back: all orientations, anisotropic, oblique, resampled or not."""

import itertools

import numpy as np
import pytest
from nibabel.affines import apply_affine
from scipy.ndimage import center_of_mass
from scipy.spatial.transform import Rotation

from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import prepare_settings
from fewlabel.config.jobs.training import evaluate_settings
from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.data.preprocessing.volume import AXES, Orientation, Volume, read_nifti, save_nifti
from fewlabel.data.preprocessing.working_grid import Frame, working_slices
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.data.subjects.subject import Subject
from helpers.studies import ROOT

LETTERS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
ORIENTATIONS = [
    "".join(letters[dimension] for dimension in order)
    for order in itertools.permutations(range(3))
    for letters in itertools.product("RL", "AP", "SI")
]
PIXEL, THICK = 2.0, 5.0


def affine_of(codes, plane, pixel=PIXEL, thick=THICK, degrees=0.0):
    """An affine with axes along these letters, slices of that thickness, turned about a skew axis, off the origin."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    through = LETTERS[AXES[plane][0]][0]
    for axis, code in enumerate(codes):
        world, sign = LETTERS[code]
        affine[world, axis] = sign * (thick if world == through else pixel)
    turn = Rotation.from_rotvec(np.deg2rad(degrees) * np.array([0.6, -0.48, 0.64])).as_matrix()
    affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = [-31.5, 12.25, 100]
    return affine


def shape_of(codes, plane, slices=7, rows=22, columns=19):
    """A file's shape that has so many slices, rows and columns in this plane."""
    along = {LETTERS[letter][0]: side for letter, side in zip(AXES[plane], (slices, rows, columns), strict=True)}
    return tuple(along[LETTERS[code][0]] for code in codes)


def blob(shape, seed=0):
    """A ragged thing off the centre: no symmetry hides a flip."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(-1, 1, side) for side in shape], indexing="ij")
    inside = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, (0.2, -0.1, 0.15), (0.7, 0.5, 0.6), strict=True)) < 1
    return (inside & (rng.random(shape) > 0.1)).astype(np.uint8)


def smooth(shape, radius=0.62):
    axes = np.meshgrid(*[np.linspace(-1, 1, side) for side in shape], indexing="ij")
    return (sum(((axis - 0.1) / radius) ** 2 for axis in axes) < 1).astype(np.uint8)


def there_and_back(mask, affine, grid):
    frame = Frame.of(mask.shape, affine, grid)
    slices = frame.mask_slices(mask)
    assert slices.shape == (frame.resampled[0], *grid.matrix)
    return frame.native_mask(slices.astype(np.float32))


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_there_are_48_orientations():
    assert len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize("plane", AXES)
@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_where_pixels_keep_their_size_a_mask_comes_back_voxel_by_voxel(codes, plane):
    mask = blob(shape_of(codes, plane))
    # Native slices, and two or three working slices for each of them.
    for degrees, slice_mm in itertools.product((0, 17), (None, THICK, THICK / 2, THICK / 3)):
        grid = Grid(matrix=(32, 28), spacing_mm=PIXEL, plane=plane, slice_mm=slice_mm)
        affine = affine_of(codes, plane, degrees=degrees)
        assert np.array_equal(there_and_back(mask, affine, grid), mask)


@pytest.mark.parametrize("plane", AXES)
@pytest.mark.parametrize("codes", ["RAS", "LPS", "PSR", "IAL", "SLP"])
@pytest.mark.parametrize(("spacing", "slice_mm", "least"), [(1.7, None, 0.97), (3.1, None, 0.9), (1.7, 3.3, 0.93)])
def test_where_they_do_not_it_comes_back_nearly_and_in_place(codes, plane, spacing, slice_mm, least):
    mask = smooth(shape_of(codes, plane, 11, 32, 28))
    affine = affine_of(codes, plane, degrees=17)
    grid = Grid(matrix=(48, 48), spacing_mm=spacing, plane=plane, slice_mm=slice_mm)
    back = there_and_back(mask, affine, grid)
    assert back.shape == mask.shape and dice(back, mask) > least
    moved = apply_affine(affine, center_of_mass(back)) - apply_affine(affine, center_of_mass(mask))
    assert np.linalg.norm(moved) < 0.5


def test_coarser_slices_keep_place_and_volume():
    mask = smooth((60, 50, 40))
    affine = affine_of("LPS", "axial", 1, 1)
    back = there_and_back(mask, affine, Grid(matrix=(64, 64), spacing_mm=1, slice_mm=4))
    assert int(back.sum()) == pytest.approx(int(mask.sum()), rel=0.06) and dice(back, mask) > 0.93


def test_a_ramp_along_the_slices_keeps_its_values_at_its_places():
    depth = np.arange(12, dtype=np.float32) * 5 + 2.5  # mm from the volume's edge
    image = np.broadcast_to(depth, (8, 8, 12)).copy()
    frame = Frame.of(image.shape, affine_of("LPS", "axial"), Grid(matrix=(8, 8), spacing_mm=PIXEL, slice_mm=2))
    found = frame.image_slices(image)[:, 4, 4]
    assert found.shape == (30,)
    places = np.arange(30) * 2 + 1
    inner = (places > 2.5) & (places < 57.5)
    assert found[inner] == pytest.approx(places[inner], abs=1e-3)


@pytest.mark.parametrize(
    ("slices", "mm", "asked", "found"), [(20, 3.6, None, 20), (20, 3.6, 1.8, 40), (20, 3.6, 3, 24), (1, 2, 9, 1)]
)
def test_how_many_slices_there_are(slices, mm, asked, found):
    assert working_slices(slices, mm, Grid(slice_mm=asked)) == found


def test_what_is_written_lies_where_the_file_lies(tmp_path):
    codes, affine = "IAL", affine_of("IAL", "axial", degrees=17)
    mask = blob(shape_of(codes, "axial"))
    save_nifti(tmp_path / "mask.nii.gz", there_and_back(mask, affine, Grid(matrix=(32, 28), spacing_mm=PIXEL)), affine)
    read, placed = read_nifti(tmp_path / "mask.nii.gz")
    assert np.array_equal(read, mask) and placed == pytest.approx(affine, abs=1e-4)
    assert Orientation.of(placed).spacing(placed) == pytest.approx((THICK, PIXEL, PIXEL), abs=1e-4)


def test_a_store_of_resampled_slices_leads_back_to_the_native_ones(tmp_path):
    grid = Grid(matrix=(32, 28), spacing_mm=PIXEL, slice_mm=THICK / 2)
    mask = blob((19, 22, 7))
    volume = Volume(mask + np.random.default_rng(0).random(mask.shape, np.float32), affine_of("LPS", "axial"), mask)
    pack([Subject("a", "a", True)], lambda _: volume, grid, tmp_path / "slices", tmp_path / "native")
    store = open_store(tmp_path / "slices" / "store.json")
    assert store.images.shape == (14, 32, 28) and store.index["slice"].tolist() == list(range(14))
    assert store.subjects["slices"].tolist() == [7]
    frame, affine = store.frame("a", grid)
    assert np.array_equal(frame.native_mask(store.masks.astype(np.float32)), mask)
    assert np.array_equal(affine, volume.affine)


def test_the_demo_knows_nothing_of_it():
    demo = load(read_config([ROOT / "config.yaml"]), [])
    for name in demo.cohorts:
        assert "slice_mm" not in canonical(evaluate_settings(demo, name, "scratch", 1))
        assert canonical(prepare_settings(demo, name)).count("slice_mm") == 1  # the phantom's own
