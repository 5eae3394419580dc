"""How much of a radial scan is in memory at a time: a slice, whatever the number of slices."""

import tracemalloc

import nibabel as nib
import numpy as np
import pytest

from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.reconstruction.destreaking import coil_images
from fewlabel.data.reconstruction.raw_data.file import examine_radial, load_radial

h5py = pytest.importorskip("h5py", reason="the extra `radial` is not installed")
ismrmrd = pytest.importorskip("ismrmrd", reason="the extra `radial` is not installed")

SLICES, COILS, SPOKES, MATRIX = 48, 8, 64, 32
SPACE = (
    "<matrixSize><x>32</x><y>32</y><z>1</z></matrixSize><fieldOfView_mm><x>320</x><y>320</y><z>8</z></fieldOfView_mm>"
)
HEADER = (
    '<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><experimentalConditions>'
    "<H1resonanceFrequency_Hz>123000000</H1resonanceFrequency_Hz></experimentalConditions><encoding>"
    f"<encodedSpace>{SPACE}</encodedSpace><reconSpace>{SPACE}</reconSpace><encodingLimits/>"
    "<trajectory>radial</trajectory></encoding></ismrmrdHeader>"
)


def points():
    angles = np.pi * (3 - np.sqrt(5)) * np.arange(SPOKES)
    radii = (np.arange(2 * MATRIX) - MATRIX) / (2 * MATRIX)
    return np.stack([np.cos(angles)[:, None] * radii, np.sin(angles)[:, None] * radii], axis=-1).astype(np.float32)


def kspace():
    """12.6 MB: a body in the middle, a source of streaks beyond the view, noise."""
    line, rng = points(), np.random.default_rng(0)
    radius = np.hypot(line[..., 0], line[..., 1])
    coils = rng.normal(size=(2, COILS, 1, 1, 2)) @ [1, 1j]
    body = coils[0] * 100 * np.exp(-((radius * 12) ** 2))
    source = coils[1] * 100 * np.exp(-((radius * 2) ** 2) - 2j * np.pi * 25 * line[..., 0])
    noise = rng.normal(size=(SLICES, COILS, *radius.shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
    return (body + source + noise).astype(np.complex64)


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        file["kspace"], file["trajectory"], file["matrix"] = kspace(), points(), MATRIX


def write_ismrmrd(path, order=slice(None)):
    """Readouts of all slices, in that order."""
    records = np.empty((SLICES, SPOKES), dtype=ismrmrd.hdf5.acquisition_dtype)
    data, line = kspace(), points()
    for number, spoke in np.ndindex(SLICES, SPOKES):
        readout = ismrmrd.Acquisition.from_array(np.ascontiguousarray(data[number, :, spoke]), line[spoke])
        readout.idx.slice, readout.idx.kspace_encode_step_1 = number, spoke
        readout.position[:] = 0, 0, 8 * number
        readout.read_dir[:], readout.phase_dir[:] = (1, 0, 0), (0, 1, 0)
        head = np.frombuffer(readout.getHead(), dtype=ismrmrd.hdf5.acquisition_header_dtype)[0]
        records[number, spoke] = head, readout.traj.ravel(), readout.data.view(np.float32).ravel()
    with h5py.File(path, "w") as file:
        file.create_dataset("dataset/xml", data=[HEADER.encode()], dtype=h5py.special_dtype(vlen=bytes))
        # Chunked, as the package writes it.
        file.create_dataset(
            "dataset/data", data=records.ravel()[order], maxshape=(None,), dtype=ismrmrd.hdf5.acquisition_dtype
        )


def source(method):
    return RadialSource(kind="radial", folder="scans", destreak={"method": method})


def peak(work):
    """What it gives, and the most that NumPy's arrays and Python's objects took meanwhile, in MB."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("write", "name"), [(write_hdf5, "a.h5"), (write_ismrmrd, "a.mrd")])
@pytest.mark.parametrize(("method", "most"), [("none", 4.5), ("remove_coils", 4.5), ("cactus", 6), ("bstar", 6)])
def test_a_scan_takes_the_memory_of_a_slice(tmp_path, monkeypatch, write, name, method, most):
    monkeypatch.setattr(coil_images, "KEPT_BYTES", 0)
    write(tmp_path / name)
    load_radial(tmp_path / name, name, source(method))  # What is imported, and done once, does not count.
    (grid, problems), read = peak(lambda: load_radial(tmp_path / name, name, source(method)))
    assert problems == [] and grid.array.shape == (MATRIX, MATRIX, SLICES) and grid.array.std() > 0
    (_, problems), examined = peak(lambda: examine_radial(tmp_path / name, name, source(method)))
    assert problems == [] and examined < 4.5 and read < most  # k-space has 12.6 MB, wide coil images 12.6 MB


def test_interleaved_readouts_make_the_same_volume(tmp_path):
    write_ismrmrd(tmp_path / "ordered.mrd")
    write_ismrmrd(tmp_path / "mixed.mrd", np.random.default_rng(1).permutation(SLICES * SPOKES))
    ordered, mixed = (load_radial(tmp_path / f"{name}.mrd", name, source("none"))[0] for name in ("ordered", "mixed"))
    assert np.array_equal(ordered.array, mixed.array) and np.array_equal(ordered.affine, mixed.affine)


def test_coil_images_are_in_memory_once(tmp_path):
    images = np.random.default_rng(0).normal(size=(64, 64, 24, 8, 2)).view(np.complex128)[..., 0].astype(np.complex64)
    np.save(tmp_path / "a.npy", images)
    for part, values in (("magnitude", np.abs(images)), ("phase", np.angle(images))):
        nib.save(nib.Nifti1Image(values, np.diag([-1.0, -1, 1, 1])), tmp_path / f"b_{part}.nii")
    size = images.nbytes / 1e6
    for name, most in (("a.npy", 1.5), ("b_magnitude.nii", 2.5)):
        load_radial(tmp_path / name, name, source("cactus"))
        (_, problems), read = peak(lambda name=name: load_radial(tmp_path / name, name, source("cactus")))
        assert problems == [] and size < read < most * size
