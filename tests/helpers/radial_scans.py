"""Files of a simulated radial acquisition, as a scanner leaves them: HDF5, ISMRMRD and coil images."""

from functools import cache

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.phantoms.source import list_subjects, read_acquisition

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


def label(scans, name):
    _, tissues = scan()
    nib.save(nib.Nifti1Image((tissues > 0).astype(np.uint8), AFFINE), scans / "labels" / f"{name}.nii.gz")


def write_pair(scans, name, ends, first, second):
    for end, part in zip(ends, (first, second), strict=True):
        nib.save(nib.Nifti1Image(part.astype(np.float32), AFFINE), scans / "images" / f"{name}_{end}.nii.gz")


OBLIQUE = np.eye(4)


OBLIQUE[:3, :3] = Rotation.from_euler("xyz", (10, -20, 30), degrees=True).as_matrix() @ np.diag([-8, -6, 20])


OBLIQUE[:3, 3] = (30, -40, 50)
