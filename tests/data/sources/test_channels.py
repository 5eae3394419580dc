"""Several channels: listed, checked and read from files by suffix and from 4D files, against nibabel and SciPy."""

from functools import partial

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the library's own short name
from nibabel.processing import resample_from_to
from scipy import ndimage

from fewlabel.config.cohort import BiasCorrection, Grid
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.formats import volume_limits
from fewlabel.data.formats.volume_limits import COPIES
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.preprocessing.working_grid import preprocess, shown_images
from fewlabel.data.sources import registry
from fewlabel.data.sources.fingerprint import fingerprint
from fewlabel.data.sources.grid_fit import grid_findings
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.data.subjects.subject import ListingError
from fewlabel.utils.errors import InputError

SHAPE = (7, 6, 5)
AFFINE = np.array([[-0.8, 0.02, 0.1, 40.0], [0.02, -0.8, 0.05, 50.0], [0.03, 0.1, 3.0, -20.0], [0, 0, 0, 1]])
BOTH = {"t2w": "_t2w", "adc": "_adc"}
GRID = Grid(matrix=(8, 8), spacing_mm=1)


def source(**changes):
    return NiftiSource(kind="nifti", folder="mine", **{"labels": [1], "channels": BOTH, **changes})


def image(seed, shape=SHAPE):
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.int16)


def label(seed):
    return (np.random.default_rng(100 + seed).random(SHAPE) > 0.4).astype(np.uint8)


@pytest.fixture
def both(data, write):
    """A cohort of two files a subject: a and b with masks, c without."""
    for seed, name in enumerate("abc"):
        write(data / "mine" / "images" / f"{name}_t2w.nii.gz", image(seed))
        write(data / "mine" / "images" / f"{name}_ADC.nii.gz", image(10 + seed))
        if name != "c":
            write(data / "mine" / "labels" / f"{name}.nii.gz", label(seed))
    return data / "mine"


def problems_of(given):
    subjects, problems, _ = registry.survey(given)
    return [*problems, *registry.check(given, subjects)]


# ------------------------------------------------------------------------------------------------------ files by suffix
def test_files_of_one_subject_are_its_channels_in_the_order_of_the_setting(both):
    for channels, seeds in ((BOTH, (0, 10)), ({"adc": "_adc", "t2w": "_t2w"}, (10, 0)), ({"adc": "_adc"}, (10,))):
        given = source(channels=channels)
        if len(channels) == 1:
            assert any("images without the suffix of a channel" in problem for problem in problems_of(given))
            continue
        subjects = registry.list_subjects(given)
        assert [(one.subject, one.labelled, len(one.channels)) for one in subjects] == [
            ("a", True, 1),
            ("b", True, 1),
            ("c", False, 1),
        ]
        volume = registry.read_volume(given, subjects[0])
        assert volume.image.shape == (*SHAPE, 2) and volume.shape == SHAPE
        for channel, seed in zip(volume.channels, seeds, strict=True):
            assert np.array_equal(channel, image(seed))
        assert np.array_equal(volume.mask, label(0)) and np.allclose(volume.affine, AFFINE)
        assert problems_of(given) == []
        shape, affine = registry.geometry(given, subjects[0])
        assert tuple(shape) == SHAPE and np.allclose(affine, AFFINE)
        assert grid_findings(given, subjects, GRID, 1) == ([], [])
        assert registry.file_reader(given).images(given) == (both / "images", 3)


def test_all_channels_belong_to_the_hash_and_to_the_fingerprint(both, write):
    hashes, before = {}, fingerprint(source())
    subjects = registry.list_subjects(source())
    registry.check(source(), subjects, 1, hashes)
    assert len({one.digest for one in hashes.values()}) == 3
    write(both / "images" / "a_ADC.nii.gz", image(11))
    again = {}
    registry.check(source(), subjects, 1, again)
    assert [hashes[name] == again[name] for name in "abc"] == [False, True, True]
    assert fingerprint(source()) != before


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "images" / "b_ADC.nii.gz").unlink(), "channel adc: no file <subject>_adc of b"),
        (lambda folder: (folder / "images" / "b_t2w.nii.gz").unlink(), "channel t2w: no file <subject>_t2w of b"),
        (
            lambda folder: (folder / "images" / "b_ADC.nii.gz").rename(folder / "images" / "b_dwi.nii.gz"),
            "images without the suffix of a channel: images/b_dwi.nii.gz; accepted: <subject>_t2w and <subject>_adc",
        ),
        (
            lambda folder: (folder / "images" / "b_adc.nii").write_bytes(b""),
            "duplicate subject b: images/b_ADC.nii.gz, images/b_adc.nii; to fix: keep one of them",
        ),
        (
            lambda folder: (folder / "images" / "_adc.nii.gz").write_bytes(b""),
            "images without the suffix of a channel: images/_adc.nii.gz",
        ),
    ],
)
def test_missing_and_further_files_are_refused(both, spoil, said):
    spoil(both)
    with pytest.raises(ListingError) as caught:
        registry.list_subjects(source())
    assert any(problem.startswith(said) for problem in caught.value.problems)


def test_an_excluded_subject_needs_no_channel(both):
    (both / "images" / "b_ADC.nii.gz").unlink()
    (both / "subjects.csv").write_text("subject,use\nb,exclude\n")
    assert [one.subject for one in registry.list_subjects(source())] == ["a", "c"]


def test_the_longer_of_two_suffixes_wins(data, write):
    for name in ("a_t2w", "a_fs_t2w"):
        write(data / "mine" / "images" / f"{name}.nii.gz", image(len(name)))
    write(data / "mine" / "labels" / "a.nii.gz", label(0))
    given = source(channels={"plain": "_t2w", "fat": "_fs_t2w"})
    (one,) = registry.list_subjects(given)
    assert one.image.name == "a_t2w.nii.gz" and [path.name for path in one.channels] == ["a_fs_t2w.nii.gz"]


# ------------------------------------------------------------------------------------------------------------- one grid
def smooth(shape):
    axes = np.meshgrid(*[np.linspace(0, 1, side) for side in shape], indexing="ij")
    return (1000 * (axes[0] + axes[1] ** 2 + np.sin(3 * axes[2]))).astype(np.float32)


def test_channels_on_other_grids_are_refused_by_file_or_resampled(both, write):
    coarse = AFFINE @ np.diag([2, 2, 1, 1.0])
    write(both / "images" / "a_ADC.nii.gz", smooth((4, 3, 5)), coarse)
    moved = AFFINE.copy()
    moved[0, 3] += 1
    write(both / "images" / "b_ADC.nii.gz", image(11), moved)
    problems = problems_of(source())
    assert [problem.partition(";")[0] for problem in problems] == [
        "images/a_ADC.nii.gz: shape (4, 3, 5), but images/a_t2w.nii.gz has (7, 6, 5)",
        "images/b_ADC.nii.gz: its affine places it up to 1 mm from images/b_t2w.nii.gz",
    ]
    assert all("or set `resample_channels: true`" in problem for problem in problems)
    resampled = source(resample_channels=True)
    assert problems_of(resampled) == []
    first, second, third = registry.list_subjects(resampled)
    assert np.array_equal(registry.read_volume(resampled, third).channels[1], image(12))
    volume = registry.read_volume(resampled, first)
    expected = resample_from_to(
        nib.Nifti1Image(smooth((4, 3, 5)), coarse), (SHAPE, AFFINE), order=1, mode="nearest"
    ).get_fdata()
    # Within the field of view of the channel, whose edge lies half a voxel beyond the outermost centres.
    places = np.einsum("ij,jxyz->ixyz", np.linalg.inv(coarse) @ AFFINE, np.stack([*np.indices(SHAPE), np.ones(SHAPE)]))
    inside = np.all([(places[axis] >= -0.5) & (places[axis] <= side - 0.5) for axis, side in enumerate((4, 3, 5))], 0)
    assert inside.mean() > 0.7 and np.allclose(volume.channels[1][inside], expected[inside], atol=0.01)
    shifted = registry.read_volume(resampled, second).channels[1]
    offset = np.linalg.inv(moved) @ AFFINE
    by_scipy = ndimage.affine_transform(image(11).astype(float), offset[:3, :3], offset[:3, 3], order=1, mode="nearest")
    assert np.allclose(shifted[2:-2, 2:-2, 1:-1], by_scipy[2:-2, 2:-2, 1:-1], atol=0.01)


def test_beyond_its_field_of_view_a_channel_gets_its_minimum_and_one_elsewhere_is_refused(both, write):
    aside = AFFINE.copy()
    aside[:3, 3] += 5 * AFFINE[:3, 0]
    write(both / "images" / "a_ADC.nii.gz", image(10) + 50, aside)
    resampled = source(resample_channels=True)
    channel = registry.read_volume(resampled, registry.list_subjects(resampled)[0]).channels[1]
    assert (channel[:4] == (image(10) + 50).min()).all() and np.allclose(channel[5:], (image(10) + 50)[:2])
    aside[:3, 3] += 50 * AFFINE[:3, 0]
    write(both / "images" / "a_ADC.nii.gz", image(10) + 50, aside)
    (problem,) = problems_of(resampled)
    assert problem.startswith("images/a_ADC.nii.gz: constant (")
    assert "on the grid of images/a_t2w.nii.gz; accepted: channels that show the same part of the body" in problem


def test_each_channel_is_checked_by_itself(both, write):
    write(both / "images" / "a_ADC.nii.gz", np.full(SHAPE, 3, np.int16))
    write(both / "images" / "b_ADC.nii.gz", label(3))
    (both / "images" / "c_ADC.nii.gz").write_bytes(b"nothing")
    problems = problems_of(source())
    assert [problem.partition(":")[0] for problem in problems] == [f"images/{name}_ADC.nii.gz" for name in "abc"]
    assert "constant volume" in problems[0] and "so it is a mask" in problems[1]


def test_a_channel_that_is_a_copy_of_another_is_refused(both, write):
    write(both / "images" / "b_ADC.nii.gz", image(1))
    (problem,) = problems_of(source())
    assert problem.startswith("images/b_ADC.nii.gz: same voxels as images/b_t2w.nii.gz; accepted: another image")


# ------------------------------------------------------------------------------------------------------------- 4D files
def test_indices_of_a_4d_file_are_channels(data, write):
    array = np.stack([image(0), image(1), image(2)], axis=-1)
    write(data / "mine" / "images" / "a.nii.gz", array)
    write(data / "mine" / "labels" / "a.nii.gz", label(0))
    given = source(channels={"adc": 2, "t2w": 0})
    (one,) = registry.list_subjects(given)
    volume = registry.read_volume(given, one)
    assert np.array_equal(volume.image, array[..., [2, 0]]) and problems_of(given) == []
    (problem,) = problems_of(source(channels={"t2w": 0, "other": 3}))
    assert problem == "images/a.nii.gz: no channel 3; accepted: 0 to 2 (channel other)"
    named = source(channels={"adc": 2})
    assert np.array_equal(registry.read_volume(named, one).image, array[..., 2])
    assert np.array_equal(registry.read_volume(source(channels={}, channel=1), one).image, array[..., 1])


def test_files_of_one_channel_are_refused_where_indices_are_set(data, write):
    write(data / "mine" / "images" / "a.nii.gz", image(0))
    sitk.WriteImage(sitk.GetImageFromArray(image(1).T), str(data / "mine" / "images" / "b.mha"))
    write(data / "mine" / "labels" / "a.nii.gz", label(0))
    first, second = problems_of(source(channels={"t2w": 0, "adc": 1}))
    assert first.startswith("images/a.nii.gz: no channel 1, the file is 3D") and first.endswith("(channel adc)")
    assert "correct `channel` or `channels`" in first
    assert second.startswith("images/b.mha: has one channel, but channels: t2w 0, adc 1; accepted: 4D NIfTI or MGH")


def test_a_damaged_4d_file_is_told_by_name(data, write):
    path = write(data / "mine" / "images" / "a.nii.gz", np.stack([image(0), image(1)], axis=-1))
    path.write_bytes(path.read_bytes()[:-40])
    write(data / "mine" / "labels" / "a.nii.gz", label(0))
    problems = problems_of(source(channels={"t2w": 0, "adc": 1}))
    assert problems and all(problem.startswith("images/a.nii.gz: truncated or") for problem in problems)


def test_without_channels_the_message_on_their_files_says_what_to_set(both):
    (problem,) = registry.survey(source(channels={}))[1]
    assert "no image of the same name" in problem and problem.endswith("if they are channels, set `channels`")


def test_a_folder_of_unlabelled_volumes_in_the_cohort_is_not_called_unread(data, both):
    further = data / "mine" / "further"
    further.mkdir()
    assert any("further" in note for note in registry.notes(source()))
    assert not any("further" in note for note in registry.notes(source(unlabelled="mine/further")))


# ---------------------------------------------------------------------------------------------------- the other sources
def test_metaimage_files_are_channels_by_suffix(data):
    for number, name in enumerate(("Case00_t2w", "Case00_adc", "sub/Case01_T2W", "sub/Case01_adc", "Case02_adc")):
        path = data / "PROMISE12" / f"{name}.mha"
        path.parent.mkdir(exist_ok=True, parents=True)
        sitk.WriteImage(sitk.GetImageFromArray(image(number).T), str(path))
    sitk.WriteImage(sitk.GetImageFromArray(label(0).T), str(data / "PROMISE12" / "Case00_segmentation.mha"))
    given = MetaImageSource(kind="metaimage", folder="PROMISE12", channels=BOTH)
    with pytest.raises(InputError, match="channel t2w: no file <subject>_t2w of Case02"):
        registry.list_subjects(given)
    (data / "PROMISE12" / "Case02_adc.mha").unlink()
    first, second = registry.list_subjects(given)
    assert (first.labelled, second.labelled) == (True, False) and problems_of(given) == []
    volume = registry.read_volume(given, first)
    assert np.array_equal(volume.image, np.stack([image(0), image(1)], axis=-1))
    assert np.array_equal(volume.mask, label(0))


def test_decathlon_channels_are_indices_compared_with_dataset_json(data, make_task):
    make_task(data / "Task05_Prostate")
    given = DecathlonSource(kind="decathlon", channels={"t2": 0, "adc": 1})
    subjects = registry.list_subjects(given)
    assert problems_of(given) == []
    for one in subjects:
        assert np.array_equal(registry.read_volume(given, one).image, nib.load(one.image).get_fdata())
    for channels, said in (
        ({"t2": 0, "dwi": 2}, "channels: dwi: no channel 2; accepted: 0: T2, 1: ADC (dataset.json of Task05_Prostate)"),
        ({"adc": 0, "t2": 1}, "channels: adc: 0, but 1 is ADC (dataset.json of Task05_Prostate)"),
    ):
        problems = registry.survey(DecathlonSource(kind="decathlon", channels=channels))[1]
        assert any(problem.startswith(said) for problem in problems)


def test_classes_are_compared_with_dataset_json(data, make_task):
    make_task(data / "Task05_Prostate")
    for classes, said in (
        ({"pz": [2], "tz": [1]}, "classes: pz: 2, but 1 is PZ (dataset.json of Task05_Prostate)"),
        (
            {"pz": [1], "cyst": [3]},
            "classes: cyst: no value 3; accepted: 1: PZ, 2: TZ (dataset.json of Task05_Prostate)",
        ),
    ):
        problems = registry.survey(DecathlonSource(kind="decathlon", classes=classes))[1]
        assert any(problem.startswith(said) for problem in problems)
    assert problems_of(DecathlonSource(kind="decathlon", classes={"pz": [1], "tz": [2]})) == []


def test_unlabelled_folders_have_channels_too(both, data, write):
    for name in ("x", "y"):
        write(data / "further" / f"{name}_t2w.nii.gz", image(21))
        write(data / "further" / f"{name}_adc.nii", image(22))
    given = source(unlabelled="further")
    subjects = registry.list_subjects(given)
    assert [one.subject for one in subjects] == ["a", "b", "c", "x", "y"] and problems_of(given) == []
    volume = registry.read_volume(given, subjects[-1])
    assert np.array_equal(volume.image, np.stack([image(21), image(22)], axis=-1))
    (data / "further" / "y_adc.nii").unlink()
    (data / "further" / "z.nii.gz").write_bytes(b"")
    with pytest.raises(ListingError) as caught:
        registry.list_subjects(given)
    assert [problem.partition(";")[0] for problem in caught.value.problems] == [
        "channel adc: no file <subject>_adc of y",
        "images without the suffix of a channel: z.nii.gz",
    ]


def test_channels_that_the_memory_does_not_hold_are_refused(both, monkeypatch):
    one, many = 4 * COPIES * 7 * 6 * 5, source(channels={"t2w": "_t2w", "adc": "_adc"})
    monkeypatch.setattr(volume_limits, "memory_limit", lambda: one)
    problems = problems_of(many)
    assert len(problems) == 3 and "images/a_t2w.nii.gz: 7 x 6 x 5 voxels of 2 channels need" in problems[0]
    monkeypatch.setattr(volume_limits, "memory_limit", lambda: 2 * one)
    assert problems_of(many) == []


# ------------------------------------------------------------------------------------------------------------- settings
@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        (NiftiSource, {"channels": {"a": 1, "b": "_x"}}, "indices and suffixes"),
        (NiftiSource, {"channels": {"a": 1, "b": 1}}, "two names for one channel"),
        (NiftiSource, {"channels": {"a": "_x", "b": "_X"}}, "two names for one channel"),
        (NiftiSource, {"channels": {"a": 0, "b": 1}, "channel": 0}, "in an overlay: `channel: null`"),
        (NiftiSource, {"resample_channels": True}, "resample_channels: true, but there is one file a subject"),
        (NiftiSource, {"channels": {"a": 0, "b": 1}, "resample_channels": True}, "there is one file a subject"),
        (MetaImageSource, {"channels": {"a": 0, "b": 1}}, "accepted: suffixes of file names"),
        (MetaImageSource, {"channels": {"a": "_x", "b": "_segmentation"}}, "ends with `label_suffix`"),
        (DecathlonSource, {"channels": {"a": "_x"}}, "accepted: indices of the 4D images"),
        (DecathlonSource, {"channels": {"a": 0, "b": 1}, "channel": 0}, "accepted: one of the two"),
    ],
)
def test_settings_that_cannot_be_are_refused(kind, settings, said):
    of_kind = {NiftiSource: "nifti", MetaImageSource: "metaimage", DecathlonSource: "decathlon"}[kind]
    folder = {} if kind is DecathlonSource else {"folder": "mine"}
    with pytest.raises(ValueError, match=said):
        kind(kind=of_kind, **folder, **settings)


def test_settings_are_read_again_as_they_are_written():
    for given in (
        source(),
        source(resample_channels=True),
        DecathlonSource(kind="decathlon", channels={"b": 1, "a": 0}),
    ):
        again = type(given).model_validate(given.model_dump(mode="json"))
        assert again == given and again.channel_names == given.channel_names
    taken_back = source(channels={"t2w": "_t2w", "adc": None}, labels=None, classes={"zone": [1], "gland": None})
    assert (taken_back.channels, taken_back.classes, taken_back.labels) == ({"t2w": "_t2w"}, {"zone": [1]}, [1])
    assert source(channels=None, classes=None) == source(channels={}, classes={})
    assert not {"channels", "resample_channels"} & set(source(channels={}).model_dump())


# ---------------------------------------------------------------------------------------------------- slices and store
def volume_of_channels(seed=0, count=3):
    rng = np.random.default_rng(seed)
    scales = 10.0 ** np.arange(count)
    array = rng.random((24, 20, 4, count)) * scales + scales
    return Volume(array.astype(np.float32), AFFINE, (array[..., 0] > 1.6).astype(np.uint8))


@pytest.mark.parametrize("bias", [None, BiasCorrection(iterations=[2], shrink=2)], ids=["plain", "N4"])
def test_each_channel_is_prepared_as_if_it_were_alone(bias):
    volume, grid = volume_of_channels(), Grid(matrix=(16, 12), spacing_mm=1.1, slice_mm=2)
    images, masks, frame = preprocess(volume, grid, bias)
    assert images.shape == (len(masks), 3, 16, 12) and frame.native == (4, 20, 24)
    for index in range(3):
        alone, alone_masks, _ = preprocess(Volume(volume.image[..., index].copy(), AFFINE, volume.mask), grid, bias)
        assert np.array_equal(images[:, index], alone) and np.array_equal(masks, alone_masks)


def test_a_store_of_channels_is_those_of_single_channels_beside_one_another(both, tmp_path):
    stores = {}
    for name, channels in (("both", BOTH), ("t2w", {"t2w": "_t2w"}), ("adc", {"adc": "_ADC"})):
        given = source(channels=channels)
        subjects = registry.list_subjects(source())
        if len(channels) == 1:
            subjects = [
                type(one)(one.subject, one.patient, one.labelled, one.use, path, one.label)
                for one in subjects
                for path in (one.image if name == "t2w" else one.channels[0],)
            ]
        read = partial(registry.read_volume, given)
        folder = tmp_path / name / "slices"
        pack(subjects, read, GRID, folder, tmp_path / name / "native", 2, channels=given.channel_names)
        stores[name] = open_store(folder / "store.json")
    together = stores["both"]
    assert together.images.shape[1:] == (2, 8, 8) and together.prepared["channels"] == ["t2w", "adc"]
    for index, name in enumerate(("t2w", "adc")):
        assert np.array_equal(together.images[:, index], stores[name].images)
        assert np.array_equal(together.masks, stores[name].masks)
    assert np.array_equal(shown_images(together.images), stores["t2w"].images)
    assert together.subjects.equals(stores["t2w"].subjects) and together.index.equals(stores["adc"].index)
    frame, _ = together.frame("a", GRID)
    assert frame.native == (5, 6, 7)


def test_equal_channels_are_equal_slices(tmp_path):
    one = volume_of_channels(count=1)
    twice = Volume(np.repeat(one.image, 2, axis=-1), AFFINE, one.mask)
    images, _, _ = preprocess(twice, GRID)
    assert np.array_equal(images[:, 0], images[:, 1])
    assert np.array_equal(images[:, 0], preprocess(Volume(one.image[..., 0], AFFINE, one.mask), GRID)[0])


def test_a_volume_with_other_channels_than_the_source_says_is_refused(both, tmp_path):
    subjects = registry.list_subjects(source())
    read = partial(registry.read_volume, source())
    with pytest.raises(InputError, match="a: 2 channels; accepted: 1"):
        pack(subjects, read, GRID, tmp_path / "s", tmp_path / "n")
    with pytest.raises(InputError, match=r"a: class number 3 in its mask; accepted: 0 to 2 \(x, y\)"):
        pack(
            subjects[:1],
            lambda one: Volume(image(0).astype(np.float32), AFFINE, 3 * label(0)),
            GRID,
            tmp_path / "s",
            tmp_path / "n",
            classes=["x", "y"],
        )
    with pytest.raises(InputError, match=r"a: 2 channels; accepted: 3 \(x, y, z\)"):
        pack(subjects, read, GRID, tmp_path / "s", tmp_path / "n", channels=["x", "y", "z"])
