"""The source `radial`: real HDF5, ISMRMRD, .npy and NIfTI files of a simulated acquisition, and bad ones."""

from dataclasses import replace
from functools import cache

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.radial import RadialImages, RadialSource
from fewlabel.data.formats.registry import geometry
from fewlabel.data.phantoms.source import list_subjects, read_acquisition
from fewlabel.data.reconstruction.destreaking.coil_images import coil_images
from fewlabel.data.reconstruction.destreaking.reconstruct import reconstruct
from fewlabel.data.reconstruction.raw_data.file import examine_radial, load_radial
from fewlabel.data.sources import registry
from fewlabel.data.sources.fingerprint import fingerprint
from fewlabel.utils.errors import InputError

h5py = pytest.importorskip("h5py", reason="the extra `radial` is not installed")
ismrmrd = pytest.importorskip("ismrmrd", reason="the extra `radial` is not installed")

AFFINE = np.diag([-8.0, -8, 20, 1])


@cache
def scan():
    made = PhantomSource(
        kind="phantom", anatomy="abdomen", labelled=1, pixel_mm=8, slice_mm=20,
        radial={"spokes": 48, "coils": 8, "echoes": 4},
    )  # fmt: skip
    acquisition, tissues = read_acquisition(made, list_subjects(made)[0])
    return acquisition, np.moveaxis(tissues, 0, -1)


def source(**changes):
    return RadialSource(kind="radial", folder="scans", labels=[1], **changes)


def arrays():
    acquisition, _ = scan()
    line = acquisition.trajectory
    return {
        "kspace": acquisition.kspace, "trajectory": line.points, "matrix": acquisition.matrix, "echo": line.echo,
        "echo_times": line.echo_times, "affine": AFFINE,
    }  # fmt: skip


def write_hdf5(path, **changes):
    with h5py.File(path, "w") as file:
        for key, value in {**arrays(), **changes}.items():
            if value is not None:
                file[key] = value


def place(readout, affine, number, spoke):
    """Counters and geometry as a scanner writes them: LPS+, from the middle pixel."""
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    middle = scan()[0].matrix // 2
    readout.idx.kspace_encode_step_1 = spoke
    readout.position[:] = (lps @ [middle, middle, number, 1])[:3]
    readout.read_dir[:], readout.phase_dir[:] = (lps[:3, axis] / np.linalg.norm(lps[:3, axis]) for axis in (0, 1))


def write_ismrmrd(path, affine=None, slices=None, change=lambda readout: None):
    acquisition, _ = scan()
    line = acquisition.trajectory
    fov = (1, 1, 1) if affine is None else np.linalg.norm(affine[:3, :3], axis=0) * acquisition.matrix
    lengths = "".join(f"<{axis}>{length}</{axis}>" for axis, length in zip("xyz", fov, strict=True))
    side = f"<x>{acquisition.matrix}</x><y>{acquisition.matrix}</y><z>1</z>"
    space = f"<matrixSize>{side}</matrixSize><fieldOfView_mm>{lengths}</fieldOfView_mm>"
    times = "".join(f"<TE>{time}</TE>" for time in line.echo_times)
    header = (
        '<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><experimentalConditions>'
        "<H1resonanceFrequency_Hz>123000000</H1resonanceFrequency_Hz></experimentalConditions><encoding>"
        f"<encodedSpace>{space}</encodedSpace><reconSpace>{space}</reconSpace><encodingLimits/>"
        f"<trajectory>radial</trajectory></encoding><sequenceParameters>{times}</sequenceParameters></ismrmrdHeader>"
    )
    with ismrmrd.Dataset(str(path), "dataset") as dataset:
        dataset.write_xml_header(header.encode())
        for number, image in enumerate(acquisition.kspace[:slices]):
            for spoke in range(image.shape[1])[:: 1 if affine is None else -1]:
                readout = ismrmrd.Acquisition.from_array(
                    np.ascontiguousarray(image[:, spoke]), line.points[spoke].astype(np.float32)
                )
                readout.idx.slice, readout.idx.contrast = number, int(line.echo[spoke])
                if affine is not None:
                    place(readout, affine, number, spoke)
                change(readout)
                dataset.append_acquisition(readout)


@pytest.fixture
def scans(data):
    folder = data / "scans"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    return folder


def label(scans, name):
    _, tissues = scan()
    nib.save(nib.Nifti1Image((tissues > 0).astype(np.uint8), AFFINE), scans / "labels" / f"{name}.nii.gz")


def write_pair(scans, name, ends, first, second):
    for end, part in zip(ends, (first, second), strict=True):
        nib.save(nib.Nifti1Image(part.astype(np.float32), AFFINE), scans / "images" / f"{name}_{end}.nii.gz")


@pytest.mark.parametrize("image", ["composite", "echo", "t2_map"])
def test_kspace_is_reconstructed_as_it_would_be_by_hand(scans, image):
    write_hdf5(scans / "images" / "a.h5")
    write_ismrmrd(scans / "images" / "b.mrd")
    label(scans, "a")
    mine = source(input=image)
    subjects = registry.list_subjects(mine)
    assert [(one.subject, one.labelled) for one in subjects] == [("a", True), ("b", False)]
    assert registry.check(mine, subjects) == []
    truth = np.moveaxis(reconstruct(scan()[0], RadialImages(input=image)), 0, -1)
    first, second = (registry.read_volume(mine, one) for one in subjects)
    assert np.array_equal(first.image, truth) and np.array_equal(first.affine, AFFINE)
    assert np.array_equal(first.mask, scan()[1] > 0)
    close = np.isclose(second.image, truth, rtol=1e-2, atol=1e-2 * truth.max())
    assert close.mean() > 0.99  # ISMRMRD keeps trajectories in single precision
    assert geometry(subjects[0].image)[0] == truth.shape


def test_coil_images_of_every_form_give_the_same_volume(scans):
    images = coil_images(scan()[0], scan()[0].matrix).transpose(2, 3, 0, 1)
    np.save(scans / "images" / "a.npy", images)
    write_pair(scans, "b", ("magnitude", "phase"), np.abs(images), np.angle(images))
    write_pair(scans, "c", ("real", "imaginary"), images.real, images.imag)
    label(scans, "a")
    subjects = registry.list_subjects(source())
    assert registry.check(source(), subjects) == []
    first, *others = (registry.read_volume(source(), one) for one in subjects)
    assert np.array_equal(first.affine, AFFINE) and first.mask.any()
    for other in others:
        assert np.allclose(first.image, other.image, atol=1e-4 * first.image.max())
    plain = registry.read_volume(source(destreak={"method": "none"}), subjects[0])
    assert np.allclose(plain.image, np.linalg.norm(images, axis=-1), atol=1e-4 * plain.image.max())


def test_all_problems_of_a_cohort_are_told_at_once(scans):
    good, images = arrays(), scans / "images"
    broken = good["kspace"].copy()
    broken[0, 0, 0, :3] = np.nan
    write_hdf5(images / "a.h5", kspace=broken)
    write_hdf5(images / "b.h5", trajectory=good["trajectory"][:-1], echo=good["echo"][:-1])
    write_hdf5(images / "c.h5", kspace=good["kspace"][:, :3])
    write_hdf5(images / "d.h5", trajectory=None, matrix=None)
    write_hdf5(images / "e.h5", kspace=good["kspace"][0])
    (images / "f.h5").write_bytes(b"no HDF5")
    np.save(images / "g.npy", np.ones((8, 8, 8)))
    nib.save(nib.Nifti1Image(np.ones((8, 8, 2, 4), np.float32), AFFINE), images / "h_real.nii.gz")
    label(scans, "a")
    text = "\n".join(registry.check(source(), registry.list_subjects(source())))
    for line in (
        "images/a.h5: kspace: 3 samples are NaN or infinite",
        "images/b.h5: trajectory of 47 spokes of",
        "images/c.h5: 3 coils are too few for destreak.method cactus",
        "images/d.h5: no dataset trajectory, matrix; found:",
        "images/e.h5: kspace: complex64 of shape",
        "images/f.h5: cannot be read",
        "images/g.npy: float64; accepted: complex numbers",
        "images/h_real.nii.gz: no h_imaginary.nii.gz beside it",
    ):
        assert line in text


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (np.ones((8, 8, 8), np.complex64), "array of shape (8, 8, 8); accepted: (row, column, slice, coil)"),
        (np.ones((0, 8, 2, 4), np.complex64), "array of shape (0, 8, 2, 4)"),
        (np.ones((8, 8, 2, 0), np.complex64), "array of shape (8, 8, 2, 0)"),
        (np.zeros((8, 8, 2, 4), np.complex64), "0 throughout; accepted: a signal"),
        (np.full((8, 8, 2, 4), complex(1, np.nan)), "512 values are NaN or infinite"),
        (np.ones((8, 8, 2, 3), np.complex64), "3 coils are too few for destreak.method cactus"),
    ],
)
def test_coil_images_that_are_none_are_told_before_anything_is_reconstructed(scans, images, told):
    path = scans / "images" / "a.npy"
    np.save(path, images)
    _, problems = examine_radial(path, "a.npy", source())
    assert problems == load_radial(path, "a.npy", source())[1] and len(problems) == 1
    assert problems[0].startswith(f"a.npy: {told}")


def wider(points):
    """The same spokes with every second sample left out."""
    return {"kspace": arrays()["kspace"][..., ::2], "trajectory": points[:, ::2]}


@pytest.mark.parametrize(
    ("changes", "destreak", "told"),
    [
        (
            {"matrix": 60},
            "bstar",
            "1.5 samples a pixel along spokes for matrix 60; accepted for destreak.method bstar",
        ),
        ({"matrix": 60}, "remove_coils", None),
        (wider, "cactus", "1 samples a pixel along spokes for matrix 44"),
        (wider, "none", None),
        ({"matrix": 100}, "none", "so a matrix up to 88"),
        ({"matrix": 256}, "none", "48 spokes for matrix 256; accepted: 51 or more"),
        ({"echo": "as doubles"}, "none", None),
        ({"echo": "halves"}, "none", "echo: float64 of shape (48,); accepted: for each spoke its echo, whole numbers"),
        ({"echo_times": [10.0, 20]}, "none", "echo_times: 2 of 4 echoes up to 3; accepted: ms of each echo"),
        ({"kspace": "silent"}, "none", "kspace: 0 throughout; accepted: a signal"),
        ({"kspace": "nothing"}, "none", "kspace: complex64 of shape (0, 8, 48, 88); accepted: complex"),
        ({"trajectory": np.zeros((0, 88, 2))}, "none", "trajectory of shape (0, 88, 2); accepted: (spoke, sample, 2)"),
        ({"affine": np.diag([0.0, 1, 1, 1])}, "none", "the header's affine has no inverse"),
    ],
)
def test_what_the_numbers_tell_needs_no_reconstruction(scans, changes, destreak, told):
    good = arrays()
    names = {
        "as doubles": good["echo"].astype(float), "halves": good["echo"] + 0.5, "silent": 0 * good["kspace"],
        "nothing": good["kspace"][:0],
    }  # fmt: skip
    changed = changes(good["trajectory"]) if callable(changes) else changes
    changed = {key: names[value] if isinstance(value, str) else value for key, value in changed.items()}
    write_hdf5(scans / "images" / "a.h5", **changed)
    problems = examine_radial(scans / "images" / "a.h5", "a.h5", source(destreak={"method": destreak}))[1]
    image, found = load_radial(scans / "images" / "a.h5", "a.h5", source(destreak={"method": destreak}))
    if told is None:
        assert problems == found == [] and image.array.std() > 0
    elif "affine" in changed:
        label(scans, "a")
        assert told in "\n".join(registry.check(source(), registry.list_subjects(source())))
    else:
        assert told in "\n".join(problems) and problems == found


def test_the_check_reconstructs_nothing_and_tells_masks_that_do_not_fit(scans, monkeypatch):
    write_hdf5(scans / "images" / "a.h5")
    write_ismrmrd(scans / "images" / "b.mrd", OBLIQUE, slices=2)
    np.save(scans / "images" / "c.npy", np.ones((44, 44, 12, 8), np.complex64))
    for name in "abc":
        label(scans, name)

    def refuse(*_):
        raise AssertionError("reconstructed")

    monkeypatch.setattr("fewlabel.data.reconstruction.destreaking.reconstruct.reconstruct", refuse)
    monkeypatch.setattr("fewlabel.data.reconstruction.destreaking.destreaking_filter.from_images", refuse)
    subjects = registry.list_subjects(source())
    (problem,) = registry.check(source(), subjects)
    assert problem.startswith("labels/b.nii.gz: shape (44, 44, 12), but images/b.mrd has (44, 44, 2)")
    assert [geometry(one.image)[0] for one in subjects] == [(44, 44, 12), (44, 44, 2), (44, 44, 12)]


def test_the_listing_is_checked_and_the_fingerprint_follows_the_files(scans):
    with pytest.raises(InputError, match="images/: no images"):
        registry.list_subjects(source())
    np.save(scans / "images" / "a.npy", np.ones((4, 4, 2, 8), np.complex64))
    with pytest.raises(InputError, match="labels/: no labelled subject"):
        registry.list_subjects(source())
    first = fingerprint(source())
    np.save(scans / "images" / "a.npy", np.zeros((4, 4, 2, 8), np.complex64))
    assert fingerprint(source()) != first


OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", (10, -20, 30), degrees=True).as_matrix() @ np.diag([-8, -6, 20])
OBLIQUE[:3, 3] = (30, -40, 50)


def test_ismrmrd_tells_where_slices_lie_and_which_spoke_is_which(scans):
    write_ismrmrd(scans / "images" / "a.mrd", OBLIQUE, slices=3)
    write_hdf5(scans / "images" / "b.h5", kspace=arrays()["kspace"][:3], affine=OBLIQUE)
    label(scans, "a")
    mine = source()
    first, second = (registry.read_volume(mine, replace(one, label=None)) for one in registry.list_subjects(mine))
    assert np.allclose(first.affine, OBLIQUE, atol=1e-3)
    # Readouts stand in the file from the last spoke to the first.
    assert np.allclose(first.image, second.image, atol=1e-2 * second.image.max())
    (problem,) = [line for line in registry.check(mine, registry.list_subjects(mine)) if "labels/a" in line]
    assert "shape" in problem and "images/a.mrd" in problem


def test_what_does_not_fit_in_ismrmrd_or_is_not_radial_is_told(scans):
    def shift(readout):
        readout.position[2] += 3 * (readout.idx.slice == 2)

    def twice(readout):
        readout.idx.kspace_encode_step_1 //= 2

    def turn(readout):
        readout.traj[:] = readout.traj * (-1 if readout.idx.slice == 1 else 1)

    images = scans / "images"
    for name, change in (("shift", shift), ("twice", twice), ("turn", turn)):
        write_ismrmrd(images / f"{name}.mrd", OBLIQUE, 3, change)
    write_ismrmrd(images / "longer.mrd", OBLIQUE, 1)
    with h5py.File(images / "longer.mrd", "r+") as file:
        row = file["dataset/data"][5]
        row["traj"] = row["traj"][:-2]
        file["dataset/data"][5] = row
    write_hdf5(images / "half.h5", trajectory=np.abs(arrays()["trajectory"]))
    write_hdf5(images / "cut.h5")
    (images / "cut.h5").write_bytes((images / "cut.h5").read_bytes()[:-5000])
    coils = np.ones((8, 8, 2, 4), np.float32)
    write_pair(scans, "moved", ("real", "imaginary"), coils, coils)
    nib.save(nib.Nifti1Image(coils, OBLIQUE), images / "moved_imaginary.nii.gz")
    label(scans, "cut")
    text = "\n".join(registry.check(source(), registry.list_subjects(source())))
    for line in (
        "images/shift.mrd: unequal spacing of slices (",
        "images/twice.mrd: 72 spokes twice (first: slice 0, contrast 0, kspace_encode_step_1 0)",
        "images/turn.mrd: slices of different trajectories",
        "images/longer.mrd: readout 5: trajectory or data of another length",
        "images/half.h5: trajectory: not radial",
        "images/cut.h5: cannot be read",
        "moved_imaginary.nii.gz: its affine differs",
    ):
        assert line in text


# ------------------------------------------------------------------------------------- what a file must not read or be
def elsewhere(path, how):
    """A file whose k-space is that of another one."""
    other = path.with_name("other.h5")
    write_hdf5(other)
    write_hdf5(path, kspace=None)
    with h5py.File(path, "a") as file, h5py.File(other) as source:
        kspace = source["kspace"]
        if how == "external link":
            file["kspace"] = h5py.ExternalLink(other.name, "/kspace")
        elif how == "soft link to it":
            file["beside"] = h5py.ExternalLink(other.name, "/kspace")
            file["kspace"] = h5py.SoftLink("/beside")
        elif how == "virtual":
            layout = h5py.VirtualLayout(kspace.shape, kspace.dtype)
            layout[...] = h5py.VirtualSource(other.name, "kspace", kspace.shape)
            file.create_virtual_dataset("kspace", layout)
        else:
            raw = path.with_name("passwd")
            raw.write_bytes(kspace[...].tobytes())
            file.create_dataset("kspace", kspace.shape, kspace.dtype, external=[(raw.name, 0, h5py.h5f.UNLIMITED)])
    return path


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("external link", "a link to another place or file"),
        ("soft link to it", "a link to another place or file"),
        ("virtual", "virtual"),
        ("external storage", "stored in another file"),
    ],
)
def test_data_of_another_file_are_never_read(scans, how, told):
    path = elsewhere(scans / "images" / "a.h5", how)
    for read in (examine_radial, load_radial):
        found, problems = read(path, "a.h5", source())
        assert found is None
        assert problems == [
            f"a.h5: kspace is {told}; accepted: data in the file itself; to fix: copy it there (h5repack, or read and "
            "write it)"
        ]
    with pytest.raises(InputError, match="accepted: data in the file itself"):
        geometry(path)


def test_readouts_of_another_file_are_never_read(scans):
    write_ismrmrd(scans / "other.mrd")
    path = scans / "images" / "a.mrd"
    for name in ("dataset", "dataset/data"):
        path.unlink(missing_ok=True)
        with h5py.File(path, "w") as file:
            if name != "dataset":
                with h5py.File(scans / "other.mrd") as other:
                    file.create_group("dataset")
                    other.copy("dataset/xml", file["dataset"])
            file[name] = h5py.ExternalLink("../other.mrd", f"/{name}")
        _, problems = examine_radial(path, "a.mrd", source())
        assert len(problems) == 1 and "is a link to another place or file" in problems[0]


def test_kspace_of_a_million_empty_slices_is_refused_from_its_header(scans):
    path = scans / "images" / "a.h5"
    write_hdf5(path, kspace=None)
    with h5py.File(path, "a") as file:
        file.create_dataset("kspace", (10**6, 8, 48, 64), np.complex64, chunks=(1, 8, 48, 64))
    assert path.stat().st_size < 10**6
    _, problems = examine_radial(path, "a.h5", source())
    assert problems[0].startswith("a.h5: kspace of shape (1000000, 8, 48, 64); accepted: up to 4096 slices")


@pytest.mark.parametrize(
    ("key", "shape", "chunks", "told"),
    [
        ("kspace", (1, 1000, 10**5, 30_000), (1, 1, 1, 30_000), "kspace: a slice of shape (1000, 100000, 30000) needs"),
        ("kspace", (1, 8, 10**5, 4096), (1, 8, 10**5, 4096), "kspace: chunks of shape"),
        ("trajectory", (10**5, 10**5, 2), (1, 10, 2), "trajectory: an array of shape (100000, 100000, 2); accepted"),
    ],
)
def test_arrays_that_no_memory_holds_are_refused_from_their_headers(scans, key, shape, chunks, told):
    path = scans / "images" / "a.h5"
    write_hdf5(path, **{key: None})
    with h5py.File(path, "a") as file:
        file.create_dataset(key, shape, np.complex64, chunks=chunks)
    _, problems = examine_radial(path, "a.h5", source())
    assert len(problems) == 1 and problems[0].startswith(f"a.h5: {told}")
