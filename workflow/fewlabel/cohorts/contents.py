"""What lies in a folder of volumes: the files that are read, and all others with the reason. Opens no volume.

One rule for all sources, for folders of further volumes and for `fewlabel predict`: endings count whatever their case;
what looks as if it was meant as a volume or mask, and is not read, stops the work; anything else is reported.
"""

import re
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewlabel.cohorts.layout import RADIAL_SUFFIXES, TABLE_NAMES, VOLUME_SUFFIXES, ends_with, listed, place

DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
DATA_SUFFIXES = (".raw", ".zraw", ".raw.gz")
"""Of files that hold the voxels of a header beside them."""
HEADER_SUFFIXES = (".mhd", ".nhdr")
CONVERTED = (".hdr", ".img", ".gipl.gz", ".gipl", ".mnc", ".mrc", ".vtk")
"""Of formats that are not read here, but by SimpleITK."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".z")
PLACELESS = (".tif", ".tiff", ".npz", ".mat", ".hdf5", *RADIAL_SUFFIXES)
"""Of arrays that do not say where they lie."""
PLAIN = (
    *(".json", ".txt", ".csv", ".tsv", ".md", ".pdf", ".html", ".xml", ".log", ".yaml", ".yml", ".md5", ".sha256"),
    *(".bval", ".bvec", ".png", ".jpg"),
)
"""Of files that are no volume, whatever stands before: `a.nii.gz.md5`."""
SYSTEM_FILES = ("thumbs.db", "desktop.ini")
TABLE = re.compile(r"(subjects?|patients?|participants?)\b.*\.(csv|tsv|txt|xlsx?|ods)", re.IGNORECASE)
READ = f"accepted: {', '.join(VOLUME_SUFFIXES)}"


@dataclass(frozen=True)
class Unused:
    """A file or folder that is not read.

    Attributes:
        path: of it.
        reason: why, and where it stops the work also what to do.
        stops: whether it looks as if it was meant to be read.
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
        unused: all else.
    """

    used: tuple[Path, ...] = ()
    data: tuple[Path, ...] = ()
    unused: tuple[Unused, ...] = ()

    @property
    def counted(self) -> tuple[Path, ...]:
        """What a fingerprint is made of: what is read, and what will have to be."""
        return (*self.used, *self.data, *(one.path for one in self.unused if one.stops and one.path.is_file()))


def contents(
    folder: Path, suffixes: tuple[str, ...] = VOLUME_SUFFIXES, known: Collection[Path] = (), deep: bool = False
) -> Contents:
    """Sort what lies in a folder; nothing where it is absent.

    Args:
        folder: of volumes.
        suffixes: of those that are read.
        known: files and folders that are read otherwise.
        deep: whether its sub-folders are searched, too.
    """
    children = [path for path in children_of(folder, deep) if path not in set(known)]
    used = [path for path in children if not is_hidden(path, folder) and _is_read(path, suffixes)]
    data = {path for path in children if ends_with(path, DATA_SUFFIXES) and not is_hidden(path, folder)}
    data = _of_headers(data, [path for path in used if ends_with(path, HEADER_SUFFIXES)])
    left = [path for path in children if path not in data and path not in set(used)]
    return Contents(tuple(used), tuple(sorted(data)), tuple(_unused(path, folder) for path in left))


def beside(folder: Path, known: Collection[Path], has_table: bool) -> list[Unused]:
    """What lies in a cohort's folder beside its parts, `known`. Only folders of volumes themselves are searched."""
    found = []
    for path in children_of(folder, deep=False):
        if path in known:
            continue
        if is_hidden(path, folder) or path.name.lower() in SYSTEM_FILES:
            found.append(_unused(path, folder))
        elif path.is_dir():
            found.append(Unused(path, "a folder that is not among those of the cohort"))
        elif ends_with(path, VOLUME_SUFFIXES):
            found.append(
                Unused(path, "a volume that lies beside the folders of the cohort; move it into one, or away", True)
            )
        elif TABLE.fullmatch(path.name) or ends_with(path, (".csv", ".tsv")):
            found.append(_other_table(path, has_table))
        else:
            found.append(Unused(path, "neither a volume nor the subjects table by its name"))
    return found


def _other_table(path: Path, has_table: bool) -> Unused:
    """A table that is not read. Where none is, volumes of one patient could stand on both sides of a split."""
    if has_table:
        return Unused(path, "not the subjects table")
    accepted = f"accepted: {' or '.join(TABLE_NAMES)}; rename it, name it with `subjects_table`, or move it away"
    return Unused(path, f"not the subjects table by its name; {accepted}", TABLE.fullmatch(path.name) is not None)


def lines(unused: Iterable[Unused], root: Path, stopping: bool) -> list[str]:
    """One line for all files of a folder that are not read for one reason.

    Args:
        unused: the files.
        root: of the names in the lines.
        stopping: which ones: those that stop the work, or the others.
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
    """Whether a name beneath the folder begins with a dot: archives made on macOS hold a `._name` beside each file."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def why_unread(path: Path) -> Unused:
    """Why a single file is not read, by its name."""
    if is_special(path):
        return Unused(path, "a pipe, socket or device; accepted: files; remove it", stops=True)
    name = path.name.lower()
    if not name.endswith((*PLAIN, *VOLUME_SUFFIXES)) and any(
        f"{suffix}." in name.replace(" ", ".") for suffix in VOLUME_SUFFIXES
    ):
        text = f"a copy, an unfinished download or packed, by its name; {READ}; complete, unpack or remove it"
        return Unused(path, text, stops=True)
    if name.endswith(ARCHIVES):
        return Unused(path, "an archive; unpack it if it holds volumes")
    for suffixes, text in (
        (VOLUME_SUFFIXES, "a volume, which is not read here; move it away"),
        (CONVERTED, _converted(path)),
        (DICOM_SUFFIXES, "DICOM slices side by side; accepted: a folder for each series; make one, or use dcm2niix"),
        ((".par", ".rec"), f"Philips PAR/REC; {READ}; convert it with `parrec2nii` of nibabel, and move it away"),
        (DATA_SUFFIXES, "voxels without their header; accepted: .mhd or .nhdr beside it; add it, or move them away"),
        (PACKED, f"packed; {READ}; unpack it, and move it away"),
        (PLACELESS, f"says not where its voxels lie; {READ}; save it as NIfTI with its affine, and move it away"),
    ):
        if name.endswith(suffixes):
            return Unused(path, text, stops=True)
    return Unused(path, "no volume by its name")


def children_of(folder: Path, deep: bool) -> list[Path]:
    """What lies directly in a folder, or, deep, all files in and beneath it; nothing where it is absent."""
    if not folder.is_dir():
        return []
    if deep:
        return sorted(path for path in folder.rglob("*") if not path.is_dir())
    return sorted(folder.iterdir(), key=lambda path: path.name)


def _is_read(path: Path, suffixes: tuple[str, ...]) -> bool:
    # A link to nowhere counts: reading it says that it is one.
    return ends_with(path, suffixes) and not path.is_dir() and not is_special(path)


def is_special(path: Path) -> bool:
    """Whether it is a pipe, a socket or a device: opening one may wait without an end."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _of_headers(data: Collection[Path], headers: Sequence[Path]) -> set[Path]:
    """The data files that belong to a header: of its name, or named in it."""
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
        return Unused(path, "hidden, by the dot before its name")
    if path.is_dir():
        return folder_unread(path)
    return Unused(path, "of the operating system") if path.name.lower() in SYSTEM_FILES else why_unread(path)


def folder_unread(folder: Path) -> Unused:
    """Why a sub-folder is not read."""
    suffixes = (*VOLUME_SUFFIXES, *CONVERTED, *DICOM_SUFFIXES)
    inside = (path for path in folder.rglob("*") if ends_with(path, suffixes) and not path.is_dir())
    first = next((path for path in inside if not is_hidden(path, folder)), None)
    if first is None:
        return Unused(folder, "a sub-folder without volumes")
    shown = first.relative_to(folder.parent).as_posix()
    text = f"sub-folders are not searched, and it holds volumes such as {shown}; move the files up, or the folder away"
    if ends_with(first, DICOM_SUFFIXES):
        text += "; convert DICOM with `dcm2niix -z y -f NAME -o FOLDER SERIES`, or put series into `unlabelled`"
    return Unused(folder, text, stops=True)


def _converted(path: Path) -> str:
    """Why a file of a format that SimpleITK reads is not read, and the command that converts all of its kind."""
    kind = next((suffix for suffix in CONVERTED if ends_with(path, (suffix,))), "")
    kind = path.name[len(path.name) - len(kind) :].replace(".img", ".hdr")
    code = "import sys, SimpleITK as s; s.WriteImage(s.ReadImage(sys.argv[1]), sys.argv[2])"
    loop = f'for f in *{kind}; do python -c "{code}" "$f" "${{f%{kind}}}.nii.gz"; done'
    return f"of a format that is not read; {READ}; in its folder, run `{loop}`, and move the originals away"
