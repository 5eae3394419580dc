"""The source `radial`: real HDF5, ISMRMRD, .npy and NIfTI files of a simulated acquisition, and bad ones."""

from dataclasses import replace

import numpy as np
import pytest

from fewlabel.config.sources.radial import RadialImages
from fewlabel.data.formats.registry import geometry
from fewlabel.data.reconstruction.destreaking.coil_images import coil_images
from fewlabel.data.reconstruction.destreaking.reconstruct import reconstruct
from fewlabel.data.sources import registry
from fewlabel.data.sources.fingerprint import fingerprint
from fewlabel.utils.errors import InputError
from helpers.radial_scans import (
    AFFINE,
    OBLIQUE,
    arrays,
    label,
    scan,
    source,
    write_hdf5,
    write_ismrmrd,
    write_pair,
)


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
