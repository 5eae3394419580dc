"""The MONAI bundle, run by MONAI: its masks are those of `fewlabel predict`."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch
from monai.bundle import ConfigWorkflow, run
from monai.data import MetaTensor
from nibabel.affines import voxel_sizes

from fewlabel.config.cohort import BiasCorrection, Grid
from fewlabel.config.training import Network
from fewlabel.data.preprocessing.volume import Orientation, Volume, save_nifti
from fewlabel.data.preprocessing.working_grid import preprocess
from fewlabel.inference.export.export import export
from fewlabel.inference.export.formats import Format
from fewlabel.inference.export.monai_bundle import write_bundle
from fewlabel.inference.export.working_grid import Channelsd, WorkingGridd, channel_files
from fewlabel.inference.image_channels import ImageChannels
from fewlabel.inference.predict import segment
from fewlabel.inference.prediction_plan import PredictionTask, plan
from fewlabel.inference.segmenter import Segmenter
from fewlabel.inference.trained_network import open_trained_network
from fewlabel.utils.errors import InputError
from helpers.dicom_trees import OBLIQUE, orthogonal
from helpers.networks import finetuning_settings

UPRIGHT = np.diag([-2.0, -2.0, 6.0, 1.0])
MATRIX = (32, 24)


def image(seed, shape):
    return (1000 * np.random.default_rng(seed).random(shape)).astype(np.int16)


@pytest.fixture
def volumes(tmp_path):
    """Files that are padded, cropped, and oblique, on native grids that are finer and coarser."""
    made = {
        "padded": (image(0, (40, 31, 7)), UPRIGHT),
        "cropped": (image(1, (70, 61, 9)), UPRIGHT),
        "oblique": (image(2, (31, 40, 8)), orthogonal(OBLIQUE)),
        "coarse": (image(3, (22, 12, 21)), np.diag([4.0, -5.0, 2.0, 1.0])),
    }
    for name, (array, affine) in made.items():
        save_nifti(tmp_path / f"{name}.nii.gz", array, affine)
    twice = nib.Nifti1Image(image(4, (30, 33, 8)), UPRIGHT)
    turned = orthogonal(OBLIQUE)
    turned[:3, :3] *= voxel_sizes(UPRIGHT) / voxel_sizes(turned)
    twice.header.set_qform(turned, 1)
    twice.header.set_sform(UPRIGHT, 2)
    nib.save(twice, tmp_path / "twice.nii.gz")
    micron = nib.Nifti1Image(image(5, (40, 31, 7)), np.diag([1e3, 1e3, 1e3, 1]) @ UPRIGHT)
    micron.header.set_xyzt_units("micron")
    nib.save(micron, tmp_path / "micron.nii.gz")
    nowhere = nib.Nifti1Image(image(6, (40, 31, 7)), None)
    nowhere.header.set_zooms((2.0, 2.0, 6.0))
    nib.save(nowhere, tmp_path / "nowhere.nii.gz")
    save_nifti(tmp_path / "slice.nii.gz", image(7, (40, 31, 1)), UPRIGHT)
    return [tmp_path / f"{name}.nii.gz" for name in (*made, "twice", "micron", "nowhere", "slice")]


def ours(weights, images, folder):
    trained = open_trained_network(weights)
    use = Segmenter(trained.network, trained.preparation, torch.device("cpu"), "f32")
    segment(use, [PredictionTask(path, folder / path.name) for path in images])
    return [folder / path.name for path in images]


def refuse_other_masks(expected, folder):
    for path in expected:
        found, mask = nib.load(folder / path.name.replace(".nii", "_mask.nii")), nib.load(path)
        array = np.asarray(mask.dataobj)
        assert 0.05 < array.mean() < 1 and found.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(np.asarray(found.dataobj), array)
        # Read by nibabel and by ITK, which take different parts of a header.
        np.testing.assert_allclose(found.affine, mask.affine, atol=1e-5)
        for field in ("qform_code", "sform_code", "xyzt_units"):
            assert found.header[field] == mask.header[field]
        theirs, own = (SimpleITK.ReadImage(each.get_filename()) for each in (found, mask))
        for of in (SimpleITK.Image.GetOrigin, SimpleITK.Image.GetDirection, SimpleITK.Image.GetSpacing):
            np.testing.assert_allclose(of(theirs), of(own), atol=1e-5)


@pytest.mark.parametrize(
    "grid",
    [
        Grid(matrix=MATRIX, spacing_mm=3.0),
        Grid(matrix=MATRIX, spacing_mm=3.0, slice_mm=4.0, plane="sagittal", percentiles=(5.0, 90.0)),
    ],
    ids=["axial", "sagittal"],
)
def test_monai_makes_the_same_masks_voxel_by_voxel(weights, volumes, tmp_path, grid):
    path = weights(grid)
    export(path, tmp_path / "out", [Format.MONAI])
    bundle = tmp_path / "out" / "monai_bundle"
    run(
        config_file=str(bundle / "configs" / "inference.json"),
        bundle_root=str(bundle),
        images=[str(volume) for volume in volumes],
        output_dir=str(tmp_path / "theirs"),
    )
    refuse_other_masks(ours(path, volumes, tmp_path / "ours"), tmp_path / "theirs")


def channels_of(volumes, folder, suffixes):
    """Two channels of each volume: the second one is another image on the same grid."""
    for number, path in enumerate(volumes):
        file, name = nib.load(path), path.name.removesuffix(".nii.gz")
        other = image(100 + number, file.shape)
        if suffixes:
            for suffix, array in zip(suffixes, (np.asarray(file.dataobj), other), strict=True):
                nib.save(nib.Nifti1Image(array, None, file.header), folder / f"{name}{suffix}.nii.gz")
        else:
            stacked = np.stack([other, np.asarray(file.dataobj)], axis=-1)
            nib.save(nib.Nifti1Image(stacked, None, file.header), folder / path.name)


@pytest.mark.parametrize("classes", [{"gland": [7]}, {"zone": [1, 4], "gland": [2], "cyst": [300]}], ids=len)
@pytest.mark.parametrize("places", [{"t2w": 1, "adc": 0}, {"t2w": "_t2w", "adc": "_adc"}], ids=["4d", "files"])
def test_classes_and_channels_give_the_same_label_maps(weights, volumes, tmp_path, classes, places):
    network = Network(widths=[4, 8, 12], context=3)
    several = finetuning_settings([4, 8, 12], network=network, classes=classes, channels=["t2w", "adc"])
    path = weights(Grid(matrix=MATRIX, spacing_mm=3.0), settings=several)
    trained, channels = open_trained_network(path), ImageChannels(places)
    folder, bundle = tmp_path / "images", tmp_path / "bundle"
    folder.mkdir()
    bundle.mkdir()
    channels_of([volumes[0], volumes[2], volumes[-1]], folder, list(channels.suffixes.values()))
    write_bundle(trained, bundle, "", "", channels)
    options = {"dataset_dir": str(folder), "output_dir": str(tmp_path / "theirs")}
    run(config_file=str(bundle / "configs" / "inference.json"), bundle_root=str(bundle), **options)
    tasks = plan([folder], tmp_path / "ours", suffixes=channels.suffixes)
    segment(Segmenter.of(trained, torch.device("cpu"), "f32"), tasks, channels)
    assert len(tasks) == 3
    for task in tasks:
        found = nib.load(tmp_path / "theirs" / task.image.name.replace(".nii", "_mask.nii"))
        expected = nib.load(task.mask)
        assert found.get_data_dtype() == expected.get_data_dtype()
        values = {0, *(first for first, *_ in classes.values())}
        assert set(np.unique(expected.dataobj)) == values
        # Of classes of nearly equal probability, rounding to half precision may decide.
        assert np.mean(np.asarray(found.dataobj) != np.asarray(expected.dataobj)) < 1e-3
        np.testing.assert_allclose(found.affine, expected.affine, atol=1e-5)
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    outputs = metadata["network_data_format"]["outputs"]["pred"]
    assert list(outputs["channel_def"].values()) == [f"probability of {name}" for name in classes]
    assert metadata["network_data_format"]["inputs"]["image"]["channel_def"]["3"] == "adc"
    assert metadata["fewlabel"]["settings"]["classes"] == classes


@pytest.fixture(scope="module")
def exported(weights_in, tmp_path_factory):
    """Weights and their bundle, to read."""
    folder = tmp_path_factory.mktemp("exported")
    path = weights_in(folder)()
    export(path, folder / "out", [Format.MONAI])
    return path, folder / "out" / "monai_bundle"


def test_the_command_in_its_readme_works_in_a_process_without_fewlabel(exported, volumes, tmp_path):
    path, bundle = exported
    (tmp_path / "fewlabel.py").write_text("raise RuntimeError('fewlabel was imported')\n")
    (line,) = (line for line in (bundle / "docs" / "README.md").read_text().splitlines() if "monai.bundle run" in line)
    (tmp_path / "here").mkdir()
    shutil.copy(volumes[0], tmp_path / "here")
    places = {"images": tmp_path / "here", "masks": tmp_path / "theirs"}
    _, *command = [places.get(word, word) for word in shlex.split(line)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, *command], cwd=bundle, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    refuse_other_masks(ours(path, volumes[:1], tmp_path / "ours"), tmp_path / "theirs")


def test_it_has_what_monai_asks_of_a_bundle_for_inference(exported):
    _, bundle = exported
    workflow = ConfigWorkflow(
        str(bundle / "configs" / "inference.json"), workflow_type="infer", bundle_root=str(bundle)
    )
    sys.path.insert(1, str(bundle))
    try:
        workflow.initialize()
        missing = workflow.check_properties()
    finally:
        sys.path.remove(str(bundle))
    assert not missing
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    versions = {"version", "changelog", "monai_version", "pytorch_version", "numpy_version"}
    texts = {"task", "description", "authors", "copyright", "network_data_format"}
    assert versions | texts <= metadata.keys()
    assert metadata["network_data_format"]["inputs"]["image"]["spatial_shape"] == list(MATRIX)
    assert (bundle / "LICENSE").is_file() and (bundle / "docs" / "README.md").is_file()


def test_no_subject_and_no_place_on_a_disk_is_in_it(exported):
    for path in (path for path in exported[1].rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not any(word in content for word in (b"jane_doe", b"site-packages", str(Path.cwd()).encode()))


def test_networks_of_corrected_images_are_refused_before_anything_is_written(weights, tmp_path):
    path = weights(bias=BiasCorrection(iterations=[5]))
    with pytest.raises(InputError, match=r"corrected by N4.*use --format onnx alone"):
        export(path, tmp_path / "out", list(Format))
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------------ the transform
def oriented(array, affine, grid):
    way = Orientation.of(affine, grid.plane)
    there = affine @ nib.orientations.inv_ornt_aff(way.to_slices, array.shape)
    return MetaTensor(torch.from_numpy(way.slices(array).astype(np.float32))[None], affine=torch.from_numpy(there))


@pytest.mark.parametrize("shape", [(40, 31, 7), (70, 61, 9)])
def test_its_slices_are_ours_and_lie_where_they_say(shape):
    grid = Grid(matrix=MATRIX, spacing_mm=3.0, slice_mm=5.0)
    x, y, z = np.meshgrid(*map(np.arange, shape), indexing="ij")
    for axis, ramp in enumerate((x, y, z)):
        expected, _, _ = preprocess(Volume(ramp.astype(np.float32), UPRIGHT), grid)
        volume = oriented(ramp, UPRIGHT, grid)
        there = WorkingGridd("image", MATRIX, 3.0, 5.0)({"image": volume})["image"]
        low, high = np.percentile(ramp, grid.percentiles)
        np.testing.assert_allclose((there[0].numpy() - low) / (high - low), expected, atol=1e-5)
        # A ramp tells the native index of each pixel, which the affine must tell, too; not at edges and in pads.
        middle = np.array(there.shape[1:]) // 2
        place = np.linalg.inv(UPRIGHT) @ there.affine.numpy() @ np.append(middle, 1)
        assert float(there[0][tuple(middle)]) == pytest.approx(place[axis], abs=0.02)


def test_the_way_back_restores_the_grid_and_its_affine():
    grid = Grid(matrix=MATRIX, spacing_mm=3.0)
    volume = oriented(image(0, (40, 31, 7)), OBLIQUE, grid)
    transform = WorkingGridd("image", MATRIX, 3.0)
    back = transform.inverse(transform({"image": volume}))["image"]
    assert back.shape == volume.shape and not back.applied_operations
    np.testing.assert_allclose(back.affine, volume.affine)


def test_channels_are_each_what_they_are_alone():
    both = torch.from_numpy(np.stack([image(seed, (9, 40, 31)) for seed in (0, 1)]).astype(np.float32))
    transform = WorkingGridd("image", MATRIX, 3.0)
    affine = torch.diag(torch.tensor([6.0, 2.0, 2.0, 1.0]))
    found = transform({"image": MetaTensor(both, affine=affine)})["image"]
    for number in range(2):
        alone = transform({"image": MetaTensor(both[number : number + 1], affine=affine)})["image"]
        assert torch.equal(found[number], alone[0])


def test_channels_that_an_image_lacks_are_refused():
    with pytest.raises(ValueError, match=r"2 channels; accepted: channels \[0, 2\]"):
        Channelsd("image", [0, 2])({"image": MetaTensor(torch.zeros(2, 5, 5, 5))})


def test_subjects_that_lack_a_channel_are_refused(tmp_path):
    for name in ("a_t2w.nii.gz", "a_adc.nii.gz", "b_t2w.nii.gz"):
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=r"no b_adc\.nii\.gz; accepted: a file for each channel"):
        channel_files(str(tmp_path), ["_t2w", "_adc"])
