"""DICOM series and CHAOS trees as scanners and the challenge write them, made by pydicom and pillow."""

import numpy as np
import SimpleITK as sitk  # noqa: N813
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

GREY = {0: 0, 1: 63, 2: 126, 3: 189, 4: 252}
UPRIGHT = np.array([[-1.5, 0, 0, 90.0], [0, -1.5, 0, 80.0], [0, 0, 7.7, -30.0], [0, 0, 0, 1]])
"""RAS+: columns run to the left, rows to the back, slices up."""
OBLIQUE = np.array([[-1.48, 0.1, 0.6, 90], [0.0938, 1.4676, 1.3, -80], [0.22, -0.29, 7.56, 12], [0, 0, 0, 1.0]])


def orthogonal(affine):
    """The same place and voxel sizes with axes at right angles, as DICOM has them."""
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    first = affine[:3, 0] / sizes[0]
    second = affine[:3, 1] - first * (first @ affine[:3, 1])
    second /= np.linalg.norm(second)
    third = np.cross(first, second) * np.sign(np.linalg.det(affine[:3, :3]))
    straight = affine.copy()
    straight[:3, :3] = np.stack([first, second, third], axis=1) * sizes
    return straight


def write_series(folder, volume, affine=UPRIGHT, names=None, instances=None, series=None, **tags):
    """Write a volume (column, row, slice; integers) as one file a slice.

    `names` and `instances` are by slice: default IMG-0004-00001.dcm and 1, and so on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    series = series or generate_uid()
    for index in range(volume.shape[2]):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, generate_uid()
        data.file_meta.MediaStorageSOPClassUID = MRImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.Modality, data.PatientID, data.SeriesInstanceUID = "MR", "anonymous", series
        data.InstanceNumber = index + 1 if instances is None else instances[index]
        data.ImagePositionPatient = [f"{x:.9g}" for x in (lps @ [0, 0, index, 1])[:3]]
        data.ImageOrientationPatient = [f"{x:.9g}" for x in (lps[:3, :2] / sizes[:2]).T.ravel()]
        data.PixelSpacing = [f"{sizes[1]:.9g}", f"{sizes[0]:.9g}"]
        data.SliceThickness = f"{sizes[2]:.9g}"
        data.Rows, data.Columns = volume.shape[1], volume.shape[0]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.PixelData = np.ascontiguousarray(volume[:, :, index].T.astype("<i2")).tobytes()
        for tag, value in tags.items():
            setattr(data, tag, value[index] if isinstance(value, list) else value)
        name = f"IMG-0004-{index + 1:05}.dcm" if names is None else names[index]
        data.save_as(folder / name, enforce_file_format=True)
    return folder


def itk_image(volume, affine=UPRIGHT):
    """A volume (column, row, slice) as SimpleITK holds it: RAS+ to LPS+."""
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(volume.transpose(2, 1, 0))
    image.SetSpacing(sizes)
    image.SetOrigin(lps[:3, 3])
    image.SetDirection((lps[:3, :3] / sizes).ravel())
    return image


def write_ground(folder, labels, names=None):
    """Write labels (column, row, slice) as grey PNGs."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(labels.shape[2]):
        name = f"IMG-0004-{index + 1:05}.png" if names is None else names[index]
        grey = np.vectorize(GREY.get)(labels[:, :, index].T).astype(np.uint8)
        Image.fromarray(grey).save(folder / name)
    return folder


def organs(seed=0, shape=(40, 36, 12)):
    """An image and labels of four organs of different grey, each in slices of its own."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*map(np.arange, shape), indexing="ij")
    labels = np.zeros(shape, dtype=np.uint8)
    for label, (cx, cy, cz, r) in {1: (12, 12, 8, 8), 2: (10, 26, 3, 5), 3: (29, 26, 4, 5), 4: (29, 12, 7, 6)}.items():
        inside = (x - cx) ** 2 + (y - cy) ** 2 + (2.2 * (z - cz)) ** 2 < (r + rng.normal(0, 0.3)) ** 2
        labels[inside & (labels == 0)] = label
    greys = np.array([300, 150, 700, 720, 520])
    return (greys[labels] + rng.normal(0, 30, shape)).astype(np.int16), labels
