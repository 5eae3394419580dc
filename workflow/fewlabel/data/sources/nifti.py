"""The source `nifti`: a folder with `images/` and `labels/`, the layout for your own data.

images/<subject>.nii.gz      every subject; any format of `paths.VOLUME_SUFFIXES`
images/<subject>_t2w.nii.gz  instead, one file for each of `channels`, by its suffix
labels/<subject>.nii.gz      subjects with a mask
subjects.tsv                 optional: subject, patient, use
"""

from collections.abc import Sequence
from pathlib import Path

from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.paths import UNSAFE_NAME, VOLUME_NAMES, cohort_folder, table_files, unlabelled_folder
from fewlabel.data.sources.foreign_layouts import recognised
from fewlabel.data.sources.paired import PairedReader
from fewlabel.data.subjects.channel_files import ChannelFiles, FilesBySubject, by_subject, channel_files
from fewlabel.data.subjects.folder_contents import Unused, contents, unread_content
from fewlabel.data.subjects.subject import Subject, is_safe_name
from fewlabel.utils.formatting import listed

PARTS = ("images", "labels")


class NiftiReader(PairedReader[NiftiSource]):
    """Implementation of the source `nifti`."""

    accepted = "a folder with images/ and labels/"

    def pairs(self, source: NiftiSource, folder: Path) -> tuple[ChannelFiles, FilesBySubject]:
        """See `PairedReader`."""
        images, labels = (contents(folder / part).used for part in PARTS)
        return channel_files(source.suffixes, images), by_subject(labels)

    def mask_name(self, source: NiftiSource) -> str:
        """See `PairedReader`."""
        return "labels/{}.nii.gz"

    def listing_problems(
        self, source: NiftiSource, images: FilesBySubject, labels: FilesBySubject, subjects: Sequence[Subject]
    ) -> list[str]:
        """See `PairedReader`."""
        folder = cohort_folder(source)
        return [*_image_problems(folder, images), *_label_problems(folder, images, labels)]

    def hashed(self, source: NiftiSource, folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
        """See `FileReader`; files that stop the work are included, so that the next run refuses them."""
        masks = contents(folder / "labels").counted
        return contents(folder / "images").counted, [*masks, *self.tables(source, folder)]

    def images(self, source: NiftiSource) -> tuple[Path, int]:
        """See `FileReader`."""
        folder = cohort_folder(source) / "images"
        return folder, len(channel_files(source.suffixes, contents(folder).used).images)

    def unused(self, source: NiftiSource) -> list[Unused]:
        """See `FileReader`."""
        folder = cohort_folder(source)
        parts, tables = [folder / part for part in PARTS], table_files(source.subjects_table, folder)
        inside = [one for part in parts for one in contents(part).unused]
        known = [*parts, *tables, *filter(None, [unlabelled_folder(source)])]
        return [*inside, *unread_content(folder, known, has_table=bool(tables))]


def _image_problems(folder: Path, images: FilesBySubject) -> list[str]:
    if not images and (layout := recognised(folder)):
        return [f"images/: no images; the folder is {layout}"]
    if not images:
        decathlon = (folder / "dataset.json").is_file()
        hint = "use `kind: decathlon` (there is a dataset.json)" if decathlon else "put one file for each subject there"
        return [f"images/: no images; accepted: {VOLUME_NAMES}; to fix: {hint}"]
    return [f"images/{images[name][0].name}: {UNSAFE_NAME}" for name in images if not is_safe_name(name)]


def _label_problems(folder: Path, images: FilesBySubject, labels: FilesBySubject) -> list[str]:
    if not labels and not images and recognised(folder):
        return []
    if not labels:
        return [f"labels/: no labels; accepted: {VOLUME_NAMES}, named as its image, for at least one subject"]
    orphans = [paths[0].name for name, paths in labels.items() if name not in images]
    if not orphans or not images:
        return []
    problem = f"labels/: no image of the same name in images/ for {listed(orphans)}; to fix: rename or remove them"
    if any(f"{name}_0000" in images for name in labels):
        problem += "; images end in _0000, like channels of nnU-Net: remove it from their names, or set `channels`"
    elif {name for name in labels if name not in images} & {name.rpartition("_")[0] for name in images}:
        problem += "; images have the names of masks with a suffix: if they are channels, set `channels`"
    return [problem]


nifti = NiftiReader()
