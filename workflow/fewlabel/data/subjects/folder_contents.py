"""Content of a folder of volumes: files that are read, and all others with the reason. Opens no volume.

All sources, folders of further volumes and `fewlabel predict` use the same rules. The case of endings does not matter.
A file that looks like a volume or mask but is not read stops the work; other files are only reported.
"""

import re
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewlabel.data.paths import RADIAL_SUFFIXES, TABLE_NAMES, VOLUME_SUFFIXES, ends_with, place
from fewlabel.utils.formatting import listed

DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
DATA_SUFFIXES = (".raw", ".zraw", ".raw.gz")
"""Files with the voxels of a header file in the same folder."""
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
    """A file or folder that is not read."""

    path: Path  # the file or folder
    reason: str  # why it is not read; if it stops the work, also how to fix it
    stops: bool = False  # whether it looks like a volume or mask, so that the work stops


@dataclass(frozen=True)
class Contents:
    """The content of a folder."""

    used: tuple[Path, ...] = ()  # volumes that are read, by name
    data: tuple[Path, ...] = ()  # files with the voxels of headers among them
    unused: tuple[Unused, ...] = ()  # all other files and folders

    @property
    def counted(self) -> tuple[Path, ...]:
        """Files that a fingerprint covers: those that are read, and those that stop the work."""
        return (*self.used, *self.data, *(file.path for file in self.unused if file.stops and file.path.is_file()))


def contents(
    folder: Path, suffixes: tuple[str, ...] = VOLUME_SUFFIXES, read_elsewhere: Collection[Path] = (), deep: bool = False
) -> Contents:
    """Sort the content of a folder; empty if the folder does not exist.

    Args:
        suffixes: of volumes that are read.
        read_elsewhere: files and folders to skip.
        deep: whether to search sub-folders, too.
    """
    elsewhere = set(read_elsewhere)
    children = [path for path in children_of(folder, deep) if path not in elsewhere]
    used = [path for path in children if not is_hidden(path, folder) and _is_read(path, suffixes)]
    data = {path for path in children if ends_with(path, DATA_SUFFIXES) and not is_hidden(path, folder)}
    data = _of_headers(data, [path for path in used if ends_with(path, HEADER_SUFFIXES)])
    taken = {*used, *data}
    rest = [path for path in children if path not in taken]
    return Contents(tuple(used), tuple(sorted(data)), tuple(_unused(path, folder) for path in rest))


def unread_content(folder: Path, parts: Collection[Path], has_table: bool) -> list[Unused]:
    """Content of a cohort's folder, without its `parts`, that is not read. Other sub-folders are not searched."""
    unread = []
    for path in children_of(folder, deep=False):
        if path in parts:
            continue
        if is_hidden(path, folder) or path.name.lower() in SYSTEM_FILES:
            unread.append(_unused(path, folder))
        elif path.is_dir():
            unread.append(Unused(path, "not one of the folders of the cohort"))
        elif ends_with(path, VOLUME_SUFFIXES):
            unread.append(
                Unused(path, "a volume outside the folders of the cohort; to fix: move it into one, or away", True)
            )
        elif TABLE.fullmatch(path.name) or ends_with(path, (".csv", ".tsv")):
            unread.append(_other_table(path, has_table))
        else:
            unread.append(Unused(path, "by its name neither a volume nor the subjects table"))
    return unread


def _other_table(path: Path, has_table: bool) -> Unused:
    """A table that is not read; without a table, volumes of one patient could be on both sides of a split."""
    if has_table:
        return Unused(path, "not the subjects table")
    accepted = f"accepted: {' or '.join(TABLE_NAMES)}"
    if ends_with(path, SPREADSHEETS):
        text = f"a spreadsheet; {accepted}; to fix: save it as CSV under the name {TABLE_NAMES[1]}, or move it away"
        return Unused(path, text, TABLE.fullmatch(path.name) is not None)
    accepted += "; to fix: rename it, set it as `subjects_table`, or move it away"
    return Unused(
        path, f"its name is not that of the subjects table; {accepted}", TABLE.fullmatch(path.name) is not None
    )


def unread_lines(unused: Iterable[Unused], root: Path, stopping: bool) -> list[str]:
    """One line for all files of a folder that are not read for the same reason.

    Args:
        root: folder to which the names in the lines are relative.
        stopping: True: files that stop the work; False: the others.
    """
    grouped: dict[tuple[Path, str], list[str]] = {}
    for file in unused:
        if file.stops == stopping:
            grouped.setdefault((file.path.parent, file.reason), []).append(file.path.name)
    return [
        f"{'' if where == root else place(where, root) + '/: '}not read: {listed(names)}: {reason}"
        for (where, reason), names in grouped.items()
    ]


def is_hidden(path: Path, folder: Path) -> bool:
    """Whether a part of the path below the folder starts with a dot, such as the `._name` files of macOS archives."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def why_unread(path: Path) -> Unused:
    """The reason that a file is not read, by its name."""
    if is_special(path):
        return Unused(path, "a pipe, socket or device; accepted: files; to fix: remove it", stops=True)
    name = path.name.lower()
    if not name.endswith((*PLAIN, *VOLUME_SUFFIXES)) and any(
        f"{suffix}." in name.replace(" ", ".") for suffix in VOLUME_SUFFIXES
    ):
        text = f"named like a copy, unfinished download or compressed file; {READ}; to fix: decompress or remove it"
        return Unused(path, text, stops=True)
    if name.endswith(ARCHIVES):
        return Unused(path, "an archive; unpack it if it contains volumes")
    for suffixes, text in (
        (VOLUME_SUFFIXES, "volumes are not read here; to fix: move it away"),
        (CONVERTED, _converted(path)),
        (
            DICOM_SUFFIXES,
            "loose DICOM slices; accepted: one folder per series; to fix: make the folders, or convert with dcm2niix",
        ),
        (
            (".par", ".rec"),
            f"Philips PAR/REC; {READ}; to fix: convert it with nibabel's `parrec2nii`, and move the original away",
        ),
        (
            DATA_SUFFIXES,
            "voxels without a header; accepted: a .mhd or .nhdr with it; to fix: add the header, or move the file away",
        ),
        (PACKED, f"compressed; {READ}; to fix: decompress it, and move the original away"),
        (PLACELESS, f"has no position; {READ}; to fix: save it as NIfTI with its affine, and move the original away"),
    ):
        if name.endswith(suffixes):
            return Unused(path, text, stops=True)
    return Unused(path, "not named as a volume")


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
    """Data files that belong to a header: they have its name, or the header names them."""
    same = {(path.parent, path.name.partition(".")[0]) for path in headers}
    owned = {path for path in data if (path.parent, path.name.partition(".")[0]) in same}
    for path in set(data) - owned:
        if any(path.name in _text(header) for header in headers if header.parent == path.parent):
            owned.add(path)
    return owned


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
    """The reason that a sub-folder is not read."""
    suffixes = (*VOLUME_SUFFIXES, *CONVERTED, *DICOM_SUFFIXES)
    inside = (path for path in folder.rglob("*") if ends_with(path, suffixes) and not path.is_dir())
    first = next((path for path in inside if not is_hidden(path, folder)), None)
    if first is None:
        return Unused(folder, "a sub-folder without volumes")
    example = first.relative_to(folder.parent).as_posix()
    text = f"a sub-folder with volumes such as {example} is not searched; to fix: move its files up, or move it away"
    if ends_with(first, DICOM_SUFFIXES):
        text += "; convert DICOM with `dcm2niix -z y -f NAME -o FOLDER SERIES`, or move series to `unlabelled`"
    return Unused(folder, text, stops=True)


def _converted(path: Path) -> str:
    """The reason that a file of another format is not read, with a command that converts all files of its kind."""
    kind = next((suffix for suffix in CONVERTED if ends_with(path, (suffix,))), "")
    kind = path.name[len(path.name) - len(kind) :].replace(".img", ".hdr")
    code = "import sys, SimpleITK as s; s.WriteImage(s.ReadImage(sys.argv[1]), sys.argv[2])"
    loop = f'for f in *{kind}; do python -c "{code}" "$f" "${{f%{kind}}}.nii.gz"; done'
    return f"an unsupported format; {READ}; to fix: in its folder, run `{loop}`, and move the originals away"
