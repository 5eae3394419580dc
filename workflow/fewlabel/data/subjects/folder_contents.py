"""Content of a folder of volumes: the files that are read, and all others with the reason. Opens no volume.

The same rules hold for all sources, for folders of further volumes and for `fewlabel predict`. The case of endings does
not matter. A file that looks like a volume or mask but is not read stops the work; other files are only reported.
"""

import re
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewlabel.data.paths import RADIAL_SUFFIXES, TABLE_NAMES, VOLUME_SUFFIXES, ends_with, listed, place

DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
DATA_SUFFIXES = (".raw", ".zraw", ".raw.gz")
"""Files with the voxels of a header file beside them."""
HEADER_SUFFIXES = (".mhd", ".nhdr")
CONVERTED = (".hdr", ".img", ".gipl.gz", ".gipl", ".mnc", ".mrc", ".vtk")
"""Formats that SimpleITK reads and FewLabel does not."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".z")
PLACELESS = (".tif", ".tiff", ".npz", ".mat", ".hdf5", *RADIAL_SUFFIXES)
"""Arrays without a position in space."""
PLAIN = (
    *(".json", ".txt", ".csv", ".tsv", ".md", ".pdf", ".html", ".xml", ".log", ".yaml", ".yml", ".md5", ".sha256"),
    *(".bval", ".bvec", ".png", ".jpg"),
)
"""Endings of files that are never volumes, even after another ending: `a.nii.gz.md5`."""
SPREADSHEETS = (".xlsx", ".xls", ".ods")
SYSTEM_FILES = ("thumbs.db", "desktop.ini")
TABLE = re.compile(r"(subjects?|patients?|participants?)\b.*\.(csv|tsv|txt|xlsx?|ods)", re.IGNORECASE)
READ = f"accepted: {', '.join(VOLUME_SUFFIXES)}"


@dataclass(frozen=True)
class Unused:
    """A file or folder that is not read.

    Attributes:
        path: the file or folder.
        reason: why it is not read; if it stops the work, also what to do.
        stops: whether it looks like a volume or mask, so that the work stops.
    """

    path: Path
    reason: str
    stops: bool = False


@dataclass(frozen=True)
class Contents:
    """The content of a folder.

    Attributes:
        used: volumes that are read, by name.
        data: files that hold the voxels of headers among them.
        unused: all other files and folders.
    """

    used: tuple[Path, ...] = ()
    data: tuple[Path, ...] = ()
    unused: tuple[Unused, ...] = ()

    @property
    def counted(self) -> tuple[Path, ...]:
        """Files that a fingerprint covers: those that are read, and those that stop the work."""
        return (*self.used, *self.data, *(one.path for one in self.unused if one.stops and one.path.is_file()))


def contents(
    folder: Path, suffixes: tuple[str, ...] = VOLUME_SUFFIXES, known: Collection[Path] = (), deep: bool = False
) -> Contents:
    """Sort the content of a folder; empty if the folder does not exist.

    Args:
        folder: of volumes.
        suffixes: of those that are read.
        known: files and folders that are read elsewhere.
        deep: whether sub-folders are searched, too.
    """
    children = [path for path in children_of(folder, deep) if path not in set(known)]
    used = [path for path in children if not is_hidden(path, folder) and _is_read(path, suffixes)]
    data = {path for path in children if ends_with(path, DATA_SUFFIXES) and not is_hidden(path, folder)}
    data = _of_headers(data, [path for path in used if ends_with(path, HEADER_SUFFIXES)])
    left = [path for path in children if path not in data and path not in set(used)]
    return Contents(tuple(used), tuple(sorted(data)), tuple(_unused(path, folder) for path in left))


def beside(folder: Path, known: Collection[Path], has_table: bool) -> list[Unused]:
    """Unread content of a cohort's folder beside its parts, `known`. Other sub-folders are not searched."""
    found = []
    for path in children_of(folder, deep=False):
        if path in known:
            continue
        if is_hidden(path, folder) or path.name.lower() in SYSTEM_FILES:
            found.append(_unused(path, folder))
        elif path.is_dir():
            found.append(Unused(path, "not one of the folders of the cohort"))
        elif ends_with(path, VOLUME_SUFFIXES):
            found.append(
                Unused(path, "a volume outside the folders of the cohort; move it into one of them, or away", True)
            )
        elif TABLE.fullmatch(path.name) or ends_with(path, (".csv", ".tsv")):
            found.append(_other_table(path, has_table))
        else:
            found.append(Unused(path, "by its name neither a volume nor the subjects table"))
    return found


def _other_table(path: Path, has_table: bool) -> Unused:
    """A table that is not read. If no table is read, volumes of one patient could land on both sides of a split."""
    if has_table:
        return Unused(path, "not the subjects table")
    accepted = f"accepted: {' or '.join(TABLE_NAMES)}"
    if ends_with(path, SPREADSHEETS):
        text = f"a spreadsheet; {accepted}; to fix: save it as CSV under the name {TABLE_NAMES[1]}, or move it away"
        return Unused(path, text, TABLE.fullmatch(path.name) is not None)
    accepted += "; rename it, name it with `subjects_table`, or move it away"
    return Unused(
        path, f"its name is not that of the subjects table; {accepted}", TABLE.fullmatch(path.name) is not None
    )


def lines(unused: Iterable[Unused], root: Path, stopping: bool) -> list[str]:
    """One line for all files of a folder that are not read for the same reason.

    Args:
        unused: the files.
        root: folder to which the names in the lines are relative.
        stopping: True: files that stop the work; False: the others.
    """
    grouped: dict[tuple[Path, str], list[str]] = {}
    for one in unused:
        if one.stops == stopping:
            grouped.setdefault((one.path.parent, one.reason), []).append(one.path.name)
    return [
        f"{'' if where == root else place(where, root) + '/: '}not read: {listed(names)}: {reason}"
        for (where, reason), names in grouped.items()
    ]


def is_hidden(path: Path, folder: Path) -> bool:
    """Whether a part of the path below the folder begins with a dot, such as the `._name` files of macOS archives."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def why_unread(path: Path) -> Unused:
    """Why a single file is not read, by its name."""
    if is_special(path):
        return Unused(path, "a pipe, socket or device; accepted: files; remove it", stops=True)
    name = path.name.lower()
    if not name.endswith((*PLAIN, *VOLUME_SUFFIXES)) and any(
        f"{suffix}." in name.replace(" ", ".") for suffix in VOLUME_SUFFIXES
    ):
        text = f"by its name a copy, an unfinished download or compressed; {READ}; complete, decompress or remove it"
        return Unused(path, text, stops=True)
    if name.endswith(ARCHIVES):
        return Unused(path, "an archive; unpack it if it holds volumes")
    for suffixes, text in (
        (VOLUME_SUFFIXES, "volumes are not read here; move it away"),
        (CONVERTED, _converted(path)),
        (
            DICOM_SUFFIXES,
            "loose DICOM slices; accepted: one folder per series; make the folders, or convert with dcm2niix",
        ),
        (
            (".par", ".rec"),
            f"Philips PAR/REC; {READ}; convert it with nibabel's `parrec2nii`, and move the original away",
        ),
        (
            DATA_SUFFIXES,
            "voxels without a header; accepted: a .mhd or .nhdr beside it; add the header, or move the file away",
        ),
        (PACKED, f"compressed; {READ}; decompress it, and move the original away"),
        (
            PLACELESS,
            f"does not define the position of its voxels; {READ}; save it as NIfTI with its affine, and move it away",
        ),
    ):
        if name.endswith(suffixes):
            return Unused(path, text, stops=True)
    return Unused(path, "by its name not a volume")


def children_of(folder: Path, deep: bool) -> list[Path]:
    """Direct children of a folder, or (`deep`) all files at any depth; empty if the folder does not exist."""
    if not folder.is_dir():
        return []
    if deep:
        return sorted(path for path in folder.rglob("*") if not path.is_dir())
    return sorted(folder.iterdir(), key=lambda path: path.name)


def _is_read(path: Path, suffixes: tuple[str, ...]) -> bool:
    # A broken link counts: reading it reports the broken link.
    return ends_with(path, suffixes) and not path.is_dir() and not is_special(path)


def is_special(path: Path) -> bool:
    """Whether the path is a pipe, a socket or a device: opening one may block forever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _of_headers(data: Collection[Path], headers: Sequence[Path]) -> set[Path]:
    """The data files that belong to a header: they have its name, or the header names them."""
    same = {(path.parent, path.name.partition(".")[0]) for path in headers}
    found = {path for path in data if (path.parent, path.name.partition(".")[0]) in same}
    for path in set(data) - found:
        beside_it = (header for header in headers if header.parent == path.parent)
        if any(path.name in _text(header) for header in beside_it):
            found.add(path)
    return found


def _text(header: Path) -> str:
    try:
        with header.open("rb") as file:
            return file.read(1 << 16).decode("latin-1")
    except OSError:
        return ""


def _unused(path: Path, folder: Path) -> Unused:
    if is_hidden(path, folder):
        return Unused(path, "hidden (its name begins with a dot)")
    if path.is_dir():
        return folder_unread(path)
    return Unused(path, "a file of the operating system") if path.name.lower() in SYSTEM_FILES else why_unread(path)


def folder_unread(folder: Path) -> Unused:
    """Why a sub-folder is not read."""
    suffixes = (*VOLUME_SUFFIXES, *CONVERTED, *DICOM_SUFFIXES)
    inside = (path for path in folder.rglob("*") if ends_with(path, suffixes) and not path.is_dir())
    first = next((path for path in inside if not is_hidden(path, folder)), None)
    if first is None:
        return Unused(folder, "a sub-folder without volumes")
    shown = first.relative_to(folder.parent).as_posix()
    text = (
        f"sub-folders are not searched, but this one holds volumes such as {shown}; move its files up, or move it away"
    )
    if ends_with(first, DICOM_SUFFIXES):
        text += "; convert DICOM with `dcm2niix -z y -f NAME -o FOLDER SERIES`, or put series into `unlabelled`"
    return Unused(folder, text, stops=True)


def _converted(path: Path) -> str:
    """Why a file of a format that SimpleITK reads is not read, and the command that converts all of its kind."""
    kind = next((suffix for suffix in CONVERTED if ends_with(path, (suffix,))), "")
    kind = path.name[len(path.name) - len(kind) :].replace(".img", ".hdr")
    code = "import sys, SimpleITK as s; s.WriteImage(s.ReadImage(sys.argv[1]), sys.argv[2])"
    loop = f'for f in *{kind}; do python -c "{code}" "$f" "${{f%{kind}}}.nii.gz"; done'
    return f"a format that is not read; {READ}; in its folder, run `{loop}`, and move the originals away"
