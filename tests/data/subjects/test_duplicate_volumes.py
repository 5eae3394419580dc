"""One volume under two names: refused across a split, told within one side of it."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from fewlabel.cli.data import fetch
from fewlabel.config.jobs.data import FetchSettings, PlannedSplit
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.sources import registry
from fewlabel.data.subjects.duplicate_volumes import VolumeHash, duplicates_elsewhere, voxel_digest, write_hashes
from fewlabel.utils.errors import InputError
from helpers.missing_packages import needs_radial


@pytest.fixture
def cohort(data, write):
    """Six labelled subjects of `mine`, a to f, and a folder `scans` with one more volume."""
    for seed, name in enumerate("abcdef"):
        image = np.random.default_rng(seed).integers(0, 1000, (7, 6, 5)).astype(np.int16)
        write(data / "mine" / "images" / f"{name}.nii.gz", image)
        write(data / "mine" / "labels" / f"{name}.nii.gz", (image > 500).astype(np.uint8))
    write(data / "scans" / "other.nii.gz", np.random.default_rng(9).integers(0, 1000, (7, 6, 5)).astype(np.int16))
    return data


def again(source, target):
    """The same voxels in another file: floating point, not compressed, in another place."""
    image = nib.load(source)
    nib.save(nib.Nifti1Image(image.get_fdata(dtype=np.float32), np.diag([2, 2, 2, 1])), target)


def fetched(folder, voxel_hashes=None, unlabelled="scans", **split):
    """Run the check as the workflow does; the folder of the list of subjects."""
    source = NiftiSource(kind="nifti", folder="mine", unlabelled=unlabelled)
    settings = FetchSettings(cohort="own", source=source, fingerprint="")
    chosen = {"test": ["a"], "seed": 1, "drawing": "hash", "voxel_hashes": voxel_hashes or {}, **split}
    planned = PlannedSplit(cohort="own", **chosen)
    out = folder / "fetched"
    fetch(settings, out / "subjects.csv", out / "source.json", planned, largest=1, pretrained=1, threads=1)
    return out


def test_different_volumes_are_no_matter(cohort, tmp_path, capsys):
    out = fetched(tmp_path)
    assert "the same voxels" not in capsys.readouterr().out
    assert set(json.loads((out / "voxels.json").read_text())) == {*"abcdef", "other"}


def test_a_tested_volume_among_the_unlabelled_ones_is_refused_with_both_files(cohort, tmp_path):
    again(cohort / "mine" / "images" / "a.nii.gz", cohort / "scans" / "z.nii")
    with pytest.raises(InputError) as error:
        fetched(tmp_path)
    text = str(error.value)
    assert "images/a.nii.gz" in text and "scans/z.nii: the same voxels under 2 names on both sides" in text
    assert "(a is tested, z is trained on); accepted: each volume once" in text
    assert not (tmp_path / "fetched").exists()


def test_twins_on_one_side_are_told(cohort, tmp_path, capsys):
    again(cohort / "mine" / "images" / "b.nii.gz", cohort / "scans" / "z.nii")
    fetched(tmp_path)
    (note,) = [line for line in capsys.readouterr().out.splitlines() if "the same voxels" in line]
    assert note.startswith("own: images/b.nii.gz, ") and note.endswith("under 2 names; it counts as 2 subjects")


def test_volumes_of_one_patient_are_on_one_side(cohort, tmp_path, capsys):
    shutil.copyfile(cohort / "mine" / "images" / "a.nii.gz", cohort / "mine" / "images" / "b.nii.gz")
    with pytest.raises(InputError, match="a is tested, b is trained on"):
        fetched(tmp_path)
    (cohort / "mine" / "subjects.csv").write_text("subject,patient\na,p\nb,p\n")
    fetched(tmp_path)
    assert "the same voxels" in capsys.readouterr().out


def test_twins_in_two_test_folds_are_refused_and_in_one_told(cohort, tmp_path, capsys):
    images = cohort / "mine" / "images"
    fetched(tmp_path, test=[], folds=2)
    plan = {"test": [], "folds": 2}
    told = []
    for name in "bcdef":
        kept = (images / f"{name}.nii.gz").read_bytes()
        shutil.copyfile(images / "a.nii.gz", images / f"{name}.nii.gz")
        try:
            fetched(tmp_path / name, **plan)
        except InputError as error:
            told.append("a is tested in fold" in str(error) and f"{name} is tested in fold" in str(error))
        else:
            assert "the same voxels" in capsys.readouterr().out
        (images / f"{name}.nii.gz").write_bytes(kept)
    # Two others share its fold of three, three are in the other one.
    assert told == [True] * 3


def test_two_withheld_or_tested_subjects_are_on_one_side(cohort, tmp_path, capsys):
    shutil.copyfile(cohort / "mine" / "images" / "a.nii.gz", cohort / "mine" / "images" / "b.nii.gz")
    fetched(tmp_path, test=["a", "b"], validation=1)
    assert "the same voxels" in capsys.readouterr().out


def test_other_names_in_a_cohort_that_is_split_alike_are_refused_across_the_split(cohort, tmp_path):
    beside = tmp_path / "there" / "voxels.json"
    write_hashes(beside, json.loads((fetched(tmp_path / "first") / "voxels.json").read_text()))
    fetched(tmp_path / "same", voxel_hashes={"t2": str(beside)})
    images = cohort / "mine" / "images"
    first, second = ((images / f"{name}.nii.gz").read_bytes() for name in "ab")
    (images / "a.nii.gz").write_bytes(second)
    (images / "b.nii.gz").write_bytes(first)
    fetched(tmp_path / "alone")
    with pytest.raises(InputError, match=r"images/a.nii.gz, images/b.nii.gz of cohort t2: the same voxels"):
        fetched(tmp_path / "swapped", voxel_hashes={"t2": str(beside)})


@pytest.mark.parametrize("text", [None, "", "[]", '{"a": 1}', '{"a": ["x"]}'])
def test_hashes_that_are_missing_or_damaged_stop_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / "voxels.json").write_text(text)
    seen = {"b": VolumeHash("x", "b.nii.gz")}
    assert duplicates_elsewhere(seen, {"t2": tmp_path / "voxels.json"}, {"a": "tested", "b": "trained on"}) == ([], [])


def test_all_workers_see_the_same(cohort):
    source = NiftiSource(kind="nifti", folder="mine")
    one, three = {}, {}
    for workers, seen in ((1, one), (3, three)):
        assert registry.check(source, registry.list_subjects(source), workers, seen) == []
    assert one == three and len({seen.digest for seen in one.values()}) == 6


@needs_radial
def test_coil_images_that_are_not_reconstructed_yet_are_told_by_their_files(data, write):
    chance = np.random.default_rng(0)
    coils = chance.normal(size=(2, 16, 16, 2, 4, 2)).astype(np.float32).view(np.complex64)[..., 0]
    (data / "mine" / "images").mkdir(parents=True)
    for name, array in (("a", coils[0]), ("b", coils[0]), ("c", coils[1])):
        np.save(data / "mine" / "images" / f"{name}.npy", array)
        write(
            data / "mine" / "labels" / f"{name}.nii.gz", np.pad(np.ones((4, 4, 2), np.uint8), ((6, 6), (6, 6), (0, 0)))
        )
    source = RadialSource(kind="radial", folder="mine", destreak={"method": "none"})
    seen = {}
    assert registry.check(source, registry.list_subjects(source), 1, seen) == []
    assert seen["a"].digest == seen["b"].digest != seen["c"].digest


def test_the_hash_is_of_shape_and_values():
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert voxel_digest(array) == voxel_digest(np.asfortranarray(array)) == voxel_digest(array.astype(">f4"))
    others = [array.reshape(2, 4, 3), array.transpose(2, 1, 0), array + 1, array[:, :, ::-1]]
    assert len({voxel_digest(array), *map(voxel_digest, others)}) == 5
