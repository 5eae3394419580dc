"""Prediction by hand: what is planned, refused and written, on any grid and in any format."""

from functools import partial

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch
from skimage.measure import label

from fewlabel.config.augmentation import Augmentation
from fewlabel.config.cohort import BiasCorrection, Grid
from fewlabel.config.evaluation import EvaluationOptions
from fewlabel.config.jobs.data import Preparation
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.preprocessing.volume import save_nifti
from fewlabel.data.sources.nifti import nifti
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.inference.evaluate import evaluate_subject
from fewlabel.inference.image_channels import ImageChannels
from fewlabel.inference.predict import segment
from fewlabel.inference.prediction_plan import PredictionTask, plan
from fewlabel.inference.segmenter import Segmenter
from fewlabel.inference.trained_network import open_trained_network
from fewlabel.training.sampling import Slices
from fewlabel.utils.errors import InputError
from helpers import preloaded
from helpers.dicom_trees import OBLIQUE, orthogonal, write_series
from helpers.networks import finetuning_settings, ragged_network, write_network

WIDTHS = [4, 8]
GRID = Grid(matrix=(32, 24), spacing_mm=3.0)
CPU = torch.device("cpu")


@pytest.fixture
def weights(tmp_path):
    """A function that writes the weights of a training with mirrored columns."""
    mirrored = finetuning_settings(WIDTHS, augmentation=Augmentation(flip=True), flip=["columns"])

    def make(name="weights.safetensors", **changes):
        return write_network(tmp_path / name, WIDTHS, GRID, **{"settings": mirrored, **changes})

    return make


def image(seed=0, shape=(40, 31, 7)):
    return (1000 * np.random.default_rng(seed).random(shape)).astype(np.int16)


def segmenter(weights, flips=()):
    trained = open_trained_network(weights)
    return Segmenter.of(trained, CPU, "f32", flips=flips, ranges=None)


def read(path):
    file = nib.load(path)
    return np.asarray(file.dataobj), file.affine


@pytest.mark.parametrize("options", [{}, {"mirror": True, "largest_component": True}, {"smallest_ml": 0.5}], ids=str)
def test_the_mask_is_that_of_a_study_to_the_byte(weights, tmp_path, options):
    """From files, packed and evaluated, as the rules of a study do it."""
    cohort = tmp_path / "cohort"
    save_nifti(cohort / "images" / "a.nii.gz", image(), OBLIQUE)
    save_nifti(cohort / "labels" / "a.nii.gz", (image() > 500).astype(np.uint8), OBLIQUE)
    source = NiftiSource(kind="nifti", folder=str(cohort))
    pack(
        nifti.list_subjects(source), partial(nifti.read_volume, source), GRID, tmp_path / "slices", tmp_path / "native"
    )
    store = open_store(tmp_path / "slices" / "store.json")
    assert store.prepared == Preparation(grid=GRID).model_dump(mode="json")
    (tmp_path / "predictions").mkdir()
    folders = tmp_path / "native" / "labels", tmp_path / "predictions"
    processing = {"options": EvaluationOptions(**options), "flips": ["columns"] if "mirror" in options else []}
    evaluate_subject(ragged_network(WIDTHS, GRID.matrix), Slices(store, CPU), GRID, "a", *folders, "f32", **processing)
    flags = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is True]
    flags += ["--smallest-ml", "0.5"] if "smallest_ml" in options else []
    done = preloaded.run("predict", weights(), cohort / "images", "-o", tmp_path / "masks", *flags, check=True)
    assert ("post-processing by options: " in done.stderr) == bool(options)
    mask = tmp_path / "predictions" / "a.nii.gz"
    assert (tmp_path / "masks" / "a.nii.gz").read_bytes() == mask.read_bytes()
    assert (label(read(mask)[0], connectivity=3).max() == 1) == ("largest_component" in options)


# ------------------------------------------------------------------------------------------------------- any grid
@pytest.mark.parametrize("affine", [np.diag([-2.0, -2.0, 6.0, 1.0]), OBLIQUE], ids=["upright", "oblique"])
def test_flipped_and_turned_files_get_the_same_mask_in_the_same_place(weights, tmp_path, affine):
    use, array = segmenter(weights()), image()
    save_nifti(tmp_path / "one.nii.gz", array, affine)
    segment(use, [PredictionTask(tmp_path / "one.nii.gz", tmp_path / "mask.nii.gz")])
    mask, placed = read(tmp_path / "mask.nii.gz")
    assert mask.dtype == np.uint8 and mask.shape == array.shape and set(np.unique(mask)) == {0, 1}
    assert np.array_equal(placed, read(tmp_path / "one.nii.gz")[1])
    turned = nib.Nifti1Image(array, affine).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    nib.save(turned, tmp_path / "turned.nii")
    segment(use, [PredictionTask(tmp_path / "turned.nii", tmp_path / "again.nii")])
    again, elsewhere = read(tmp_path / "again.nii")
    assert again.shape == turned.shape and np.array_equal(elsewhere, read(tmp_path / "turned.nii")[1])
    expected = nib.Nifti1Image(mask, affine).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    assert np.array_equal(again, np.asarray(expected.dataobj))


def test_every_format_gives_the_same_mask(weights, tmp_path):
    array, affine = image(), orthogonal(OBLIQUE)
    folder = tmp_path / "images"
    save_nifti(folder / "nifti.nii", array, affine)
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    meta = SimpleITK.GetImageFromArray(array.transpose(2, 1, 0))
    meta.SetSpacing(sizes.tolist())
    meta.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    meta.SetOrigin(lps[:3, 3].tolist())
    SimpleITK.WriteImage(meta, folder / "meta.mhd")
    write_series(tmp_path / "series" / "dicom", array, affine)
    tasks = plan([folder, tmp_path / "series"], tmp_path / "masks")
    assert [task.mask.name for task in tasks] == ["meta.nii.gz", "nifti.nii.gz", "dicom.nii.gz"]
    volumes = segment(segmenter(weights()), tasks)
    # The slices of a series are stacked by their places, whatever the order of the files.
    masks = [nib.as_closest_canonical(nib.load(task.mask)) for task in tasks]
    for mask in masks:
        assert np.allclose(mask.affine, masks[1].affine, atol=1e-3)
        # Affines are rounded on their way through files, so a voxel at 0.5 may go either way.
        assert np.mean(mask.get_fdata() != masks[1].get_fdata()) < 1e-3
    found = [volumes[task.mask][""] for task in tasks]
    assert found == pytest.approx([found[0]] * 3, rel=0.01)


def test_the_volume_is_that_of_the_mask_in_ml(weights, tmp_path):
    save_nifti(tmp_path / "one.nii.gz", image(), np.diag([-2.0, -2.0, 6.0, 1.0]))
    found = segment(segmenter(weights()), [PredictionTask(tmp_path / "one.nii.gz", tmp_path / "mask.nii.gz")])
    assert found[tmp_path / "mask.nii.gz"][""] == pytest.approx(read(tmp_path / "mask.nii.gz")[0].sum() * 24 / 1000)


def test_percentiles_plane_and_bias_correction_are_those_of_the_weights(weights, tmp_path):
    save_nifti(tmp_path / "one.nii.gz", image(shape=(30, 31, 26)), np.diag([-3.0, -3.0, 3.0, 1.0]))
    masks = []
    for grid, bias in (
        (GRID, None),
        (GRID.model_copy(update={"percentiles": (20.0, 60.0)}), None),
        (GRID.model_copy(update={"plane": "sagittal"}), None),
        (GRID, BiasCorrection(iterations=[5], knots_mm=30)),
    ):
        prepared = Preparation(grid=grid, bias_correction=bias).model_dump(mode="json")
        use = segmenter(weights(prepared=prepared))
        segment(use, [PredictionTask(tmp_path / "one.nii.gz", tmp_path / f"{len(masks)}.nii.gz")])
        masks.append(read(tmp_path / f"{len(masks)}.nii.gz")[0])
    assert all(not np.array_equal(masks[0], other) for other in masks[1:])


def test_flips_make_a_mirrored_image_give_the_mirrored_mask(weights, tmp_path):
    """Whatever the network, the mean over mirror images is the same for an image and its mirror image."""
    array, affine = image(shape=(24, 32, 5)), np.diag([-3.0, -3.0, 6.0, 1.0])
    save_nifti(tmp_path / "one.nii.gz", array, affine)
    save_nifti(tmp_path / "mirrored.nii.gz", array[::-1], affine)
    masks = {}
    for flips in ((), ("columns",), ("columns", "rows")):
        use = segmenter(weights(), flips)
        tasks = [
            PredictionTask(tmp_path / f"{name}.nii.gz", tmp_path / f"m_{name}.nii.gz") for name in ("one", "mirrored")
        ]
        segment(use, tasks)
        masks[flips] = [read(task.mask)[0] for task in tasks]
    for flips, (one, mirrored) in masks.items():
        assert (np.mean(one[::-1] != mirrored) < 1e-3) == ("columns" in flips)


# ------------------------------------------------------------------------------------- what is asked, and refused
@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    for name in ("a.nii.gz", "b.nii"):
        save_nifti(folder / name, image(), np.diag([-2.0, -2.0, 6.0, 1.0]))
    (folder / ".hidden.nii").touch()
    return folder


def test_masks_are_named_after_their_images(images, tmp_path):
    masks = tmp_path / "masks"
    assert plan([images], masks) == [
        PredictionTask(images / "a.nii.gz", masks / "a.nii.gz"),
        PredictionTask(images / "b.nii", masks / "b.nii.gz"),
    ]
    assert plan([images / "b.nii"], tmp_path / "mask.nii") == [PredictionTask(images / "b.nii", tmp_path / "mask.nii")]
    assert plan([images / "b.nii"], masks) == [PredictionTask(images / "b.nii", masks / "b.nii.gz")]


@pytest.mark.parametrize(
    ("given", "output", "said"),
    [
        (["images"], "mask.nii.gz", "one file for 2 volumes"),
        (["images/a.nii.gz"], "mask.mha", "not named as NIfTI"),
        (["images/a.nii.gz"], "text.txt", "a file, not named as NIfTI"),
        (["images/a.nii.gz"], "nowhere/mask.nii.gz", "no such folder"),
        (["images/a.nii.gz"], "images", "an image would be replaced by its mask"),
        (["images/a.nii.gz"], "images/a.nii.gz", "an image would be replaced by its mask"),
        (["images/a.nii.gz", "other/a.nii"], "masks", "equal names, so their masks would be one file"),
        (["images/c.nii.gz", "images/d.nii"], "masks", "(?s)c.nii.gz: no such file.*d.nii: no such file"),
        (["text.txt"], "masks", "not a volume by its name"),
        (["slice.dcm"], "masks", "for DICOM, name the folder of the series"),
        (["empty"], "masks", "the folder contains no volume"),
        (["images/a.nii.gz"], "there.nii.gz", "already exists; to fix: use --replace"),
    ],
)
def test_what_cannot_be_done_is_told_before_any_work(images, tmp_path, given, output, said):
    save_nifti(tmp_path / "other" / "a.nii", image(), np.eye(4))
    (tmp_path / "empty").mkdir()
    for name in ("text.txt", "slice.dcm", "there.nii.gz"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=said):
        plan([tmp_path / name for name in given], tmp_path / output)


def test_endings_of_images_count_whatever_their_case(images, tmp_path):
    (images / "a.nii.gz").rename(images / "a.NII.GZ")
    for ending in ("mha", "nrrd"):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(image()), str(images / f"{ending}.{ending}"))
    (images / "mha.mha").rename(images / "mha.MHA")
    tasks = plan([images], tmp_path / "masks")
    assert [task.mask.name for task in tasks] == ["a.nii.gz", "b.nii.gz", "mha.nii.gz", "nrrd.nii.gz"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("c.gipl", "an unsupported format"),
        ("c.dcm", "loose DICOM slices"),
        ("deep/c.nii.gz", "a sub-folder with volumes such as deep/c.nii.gz is not searched"),
        ("a_seg.nii.gz", "a_seg.nii.gz: named like the mask of a"),
        ("mask_b.nii.gz", "mask_b.nii.gz: named like the mask of b"),
    ],
)
def test_no_image_of_a_folder_is_left_out_and_no_mask_taken(images, tmp_path, name, said):
    (images / name).parent.mkdir(exist_ok=True)
    (images / name).touch()
    with pytest.raises(InputError, match=said):
        plan([images], tmp_path / "masks")


def test_a_mask_that_is_there_is_replaced_when_asked(images, tmp_path):
    (tmp_path / "there.nii.gz").touch()
    assert len(plan([images / "a.nii.gz"], tmp_path / "there.nii.gz", replace=True)) == 1


def test_bad_images_are_all_told_and_no_mask_is_written(images, weights, tmp_path):
    save_nifti(images / "c.nii.gz", np.zeros((5, 5, 5), np.int16), np.eye(4))
    save_nifti(images / "d.nii.gz", image(shape=(8, 8, 4, 2)), np.eye(4))
    (images / "e.nii.gz").write_bytes((images / "a.nii.gz").read_bytes()[:-200])
    with pytest.raises(InputError) as caught:
        segment(segmenter(weights()), plan([images], tmp_path / "masks"))
    text = str(caught.value)
    assert "3 of 5 volumes cannot be segmented, and no mask is written" in text
    assert "c.nii.gz: constant volume" in text and "d.nii.gz: 4D file of 2 channels" in text
    assert "e.nii.gz: truncated" in text
    assert not (tmp_path / "masks").exists()


def test_a_channel_of_a_4d_image_is_what_the_3d_image_of_it_gives(weights, tmp_path):
    both = np.stack([image(1), image(2)], axis=-1)
    save_nifti(tmp_path / "both.nii.gz", both, np.diag([-2.0, -2.0, 6.0, 1.0]))
    save_nifti(tmp_path / "second.nii.gz", both[..., 1], np.diag([-2.0, -2.0, 6.0, 1.0]))
    use = segmenter(weights())
    segment(use, [PredictionTask(tmp_path / "both.nii.gz", tmp_path / "a.nii.gz")], ImageChannels({"": 1}))
    segment(use, [PredictionTask(tmp_path / "second.nii.gz", tmp_path / "b.nii.gz")])
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


# ---------------------------------------------------------------------------------------------------------- weights
def test_weights_that_are_none_are_refused(weights, tmp_path):
    (tmp_path / "text.safetensors").write_text("no weights")
    for path, said in (
        (tmp_path, "a folder; accepted: a weights file"),
        (tmp_path / "none.safetensors", "no such weights file"),
        (tmp_path / "text.safetensors", "damaged, or not weights of fewlabel"),
        (weights("a.safetensors", settings={"method": {}}), "weights of a pretraining"),
        (weights("b.safetensors", settings={"new": 1}), "settings that this version of fewlabel does not know"),
        (weights("c.safetensors", prepared=None), "no working grid"),
        (weights("d.safetensors", prepared={"grid": {"matrix": [31, 32]}}), "does not suit its network"),
        (weights("e.safetensors", prepared={"grid": {"matrix": "x"}}), "its working grid cannot be read"),
    ):
        with pytest.raises(InputError, match=said):
            open_trained_network(path)


def test_the_command_tells_volumes_and_warns_of_mirrors_that_were_never_trained(images, weights, tmp_path):
    command = ["predict", weights(), images, "-o", tmp_path / "masks"]
    (images / "README").write_text("about them")
    process = preloaded.run(*command, "--flip", "rows", check=True)
    assert "warning: --flip rows" in process.stderr
    assert "images/: not read: README: not named as a volume" in process.stderr
    assert "images/: not read: .hidden.nii: hidden (its name begins with a dot)" in process.stderr
    assert [line.rpartition(" ")[2] for line in process.stdout.splitlines()] == ["ml", "ml"]
    process = preloaded.run(*command)
    assert process.returncode == 1 and "a.nii.gz, " in process.stderr and "use --replace" in process.stderr
    process = preloaded.run(*command, "--replace", "--smallest-ml", "1e9")
    assert process.returncode == 2 and "'--smallest-ml'" in process.stderr and "Traceback" not in process.stderr
