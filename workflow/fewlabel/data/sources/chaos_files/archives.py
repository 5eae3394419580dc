"""Fetch the folders of CHAOS: use existing ones, unpack archives, or download them."""

from pathlib import Path, PurePosixPath

from fewlabel.config.sources.base import Archive
from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.data.download import archive
from fewlabel.data.download.checksums import verify
from fewlabel.data.download.download import download
from fewlabel.data.paths import cohort_folder
from fewlabel.data.sources.chaos import parts_of, set_fingerprint
from fewlabel.data.sources.fingerprint import UNPACKED
from fewlabel.utils.errors import InputError

KNOWN = {
    "Train_Sets": ("CHAOS_Train_Sets.zip", "md5:df21053002a1cc86df918a87da3b2c19"),
    "Test_Sets": ("CHAOS_Test_Sets.zip", "sha256:80e9e4d4c4e363f142de4570e9b698e3f92dcb5140cc25a9c1cf4963e5ae7541"),
}
"""Archive of each set, with its checksum for messages; downloads use only those of the settings."""
RECORD = "https://zenodo.org/records/3431873/files"


def fetch(source: ChaosSource) -> Path:
    """Provide `Train_Sets/MR` (with `test_sets`, also `Test_Sets/MR`) in the cohort's folder.

    Raises:
        InputError: all parts that are missing and cannot be downloaded; a failed download; a wrong checksum; a bad or
            incomplete archive.
    """
    folder = cohort_folder(source)
    parts = parts_of(source)
    missing = [part for part in parts if not (folder / part / "MR").is_dir()]
    hopeless = [_nothing_there(folder, part) for part in missing if not _obtainable(source, folder, part)]
    if hopeless:
        raise InputError.of(hopeless)
    for part in missing:
        _bring(_archive(source, part), _zip(folder, part), folder / part)
    return folder


def _bring(settings: Archive | None, file: Path, target: Path) -> None:
    if target.exists():
        raise InputError(
            f"{target}: contains no MR/; accepted: the content of {file.name}; to fix: complete or remove it"
        )
    if not file.is_file():
        assert settings is not None
        download(settings.url, settings.checksum, file)
    elif settings is not None:
        verify(file, settings.checksum)
    archive.unpack(file, target, _finish, selects=_is_t2)


def _is_t2(path: PurePosixPath) -> bool:
    """Whether a file of the archive (1 GB, with CT and T1) is read."""
    return "MR" in path.parts and "T2SPIR" in path.parts


def _finish(folder: Path) -> None:
    if not list(folder.glob("MR/*/T2SPIR/DICOM_anon")):
        raise InputError(
            f"{folder.name}: no MR/<id>/T2SPIR/DICOM_anon in the archive; to fix: download the archive of CHAOS again"
        )
    (folder / UNPACKED).write_text(set_fingerprint(folder), encoding="utf-8")


def _zip(folder: Path, part: str) -> Path:
    """The path of a part's archive: in the cohort's folder if it exists there, else next to it."""
    name = KNOWN[part][0]
    return folder / name if (folder / name).is_file() else folder.parent / name


def _archive(source: ChaosSource, part: str) -> Archive | None:
    return source.train if part == "Train_Sets" else source.test


def _obtainable(source: ChaosSource, folder: Path, part: str) -> bool:
    return _zip(folder, part).is_file() or _archive(source, part) is not None


def _nothing_there(folder: Path, part: str) -> str:
    name, checksum = KNOWN[part]
    key = "train" if part == "Train_Sets" else "test"
    file = (folder.parent / name).absolute()
    return (
        f"CHAOS: no {folder.absolute()}/{part}/MR; accepted: that folder, or the archive {file}; to fix: place one "
        "of them there (`data_root` or FEWLABEL_DATA names the folder), or set "
        f"`{key}: {{url: {RECORD}/{name}, checksum: {checksum}}}` to download it"
    )
