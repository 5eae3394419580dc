"""The source `radial` refuses bad files from their headers and numbers, and reads nothing of other files."""

import nibabel as nib
import numpy as np
import pytest

from fewlabel.data.formats.registry import geometry
from fewlabel.data.reconstruction.raw_data.file import examine_radial, load_radial
from fewlabel.data.sources import registry
from fewlabel.utils.errors import InputError
from helpers.radial_scans import AFFINE, OBLIQUE, arrays, h5py, label, source, write_hdf5, write_ismrmrd, write_pair


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
    ("images", "reported"),
    [
        (np.ones((8, 8, 8), np.complex64), "array of shape (8, 8, 8); accepted: (row, column, slice, coil)"),
        (np.ones((0, 8, 2, 4), np.complex64), "array of shape (0, 8, 2, 4)"),
        (np.ones((8, 8, 2, 0), np.complex64), "array of shape (8, 8, 2, 0)"),
        (np.zeros((8, 8, 2, 4), np.complex64), "0 throughout; accepted: a signal"),
        (np.full((8, 8, 2, 4), complex(1, np.nan)), "512 values are NaN or infinite"),
        (np.ones((8, 8, 2, 3), np.complex64), "3 coils are too few for destreak.method cactus"),
    ],
)
def test_coil_images_that_are_none_are_told_before_anything_is_reconstructed(scans, images, reported):
    path = scans / "images" / "a.npy"
    np.save(path, images)
    _, problems = examine_radial(path, "a.npy", source())
    assert problems == load_radial(path, "a.npy", source())[1] and len(problems) == 1
    assert problems[0].startswith(f"a.npy: {reported}")


def wider(points):
    """The same spokes with every second sample left out."""
    return {"kspace": arrays()["kspace"][..., ::2], "trajectory": points[:, ::2]}


@pytest.mark.parametrize(
    ("changes", "destreak", "reported"),
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
def test_what_the_numbers_tell_needs_no_reconstruction(scans, changes, destreak, reported):
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
    if reported is None:
        assert problems == found == [] and image.array.std() > 0
    elif "affine" in changed:
        label(scans, "a")
        assert reported in "\n".join(registry.check(source(), registry.list_subjects(source())))
    else:
        assert reported in "\n".join(problems) and problems == found


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
    ("how", "reported"),
    [
        ("external link", "a link to another place or file"),
        ("soft link to it", "a link to another place or file"),
        ("virtual", "virtual"),
        ("external storage", "stored in another file"),
    ],
)
def test_data_of_another_file_are_never_read(scans, how, reported):
    path = elsewhere(scans / "images" / "a.h5", how)
    for read in (examine_radial, load_radial):
        found, problems = read(path, "a.h5", source())
        assert found is None
        assert problems == [
            f"a.h5: kspace is {reported}; accepted: data in the file itself; to fix: copy it there (h5repack, or read "
            "and write it)"
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
    ("key", "shape", "chunks", "reported"),
    [
        ("kspace", (1, 1000, 10**5, 30_000), (1, 1, 1, 30_000), "kspace: a slice of shape (1000, 100000, 30000) needs"),
        ("kspace", (1, 8, 10**5, 4096), (1, 8, 10**5, 4096), "kspace: chunks of shape"),
        ("trajectory", (10**5, 10**5, 2), (1, 10, 2), "trajectory: an array of shape (100000, 100000, 2); accepted"),
    ],
)
def test_arrays_that_no_memory_holds_are_refused_from_their_headers(scans, key, shape, chunks, reported):
    path = scans / "images" / "a.h5"
    write_hdf5(path, **{key: None})
    with h5py.File(path, "a") as file:
        file.create_dataset(key, shape, np.complex64, chunks=chunks)
    _, problems = examine_radial(path, "a.h5", source())
    assert len(problems) == 1 and problems[0].startswith(f"a.h5: {reported}")
