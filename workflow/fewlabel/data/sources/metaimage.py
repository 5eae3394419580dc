"""The source `metaimage`: images and masks of one folder, as in PROMISE12; mask names have a suffix.

Case00.mhd  Case00.raw                               an image
Case00_segmentation.mhd  Case00_segmentation.raw     its mask
Case50.mhd  Case50.raw                               an image without mask
Case00_adc.mhd  Case00_adc.raw                       an image of one of `channels`, by its suffix
subjects.tsv                                         optional: subject, patient, use
"""

from collections.abc import Sequence
from pathlib import Path

from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.data.paths import UNSAFE_NAME, cohort_folder, stem
from fewlabel.data.sources.foreign_layouts import recognised
from fewlabel.data.sources.paired import PairedReader
from fewlabel.data.subjects.channel_files import ChannelFiles, FilesBySubject, channel_files
from fewlabel.data.subjects.folder_contents import Unused, contents
from fewlabel.data.subjects.subject import Subject, is_safe_name
from fewlabel.utils.formatting import listed


class MetaImageReader(PairedReader[MetaImageSource]):
    """Implementation of the source `metaimage`."""

    accepted = "a folder of .mhd (with .raw) or .mha files"

    def pairs(self, source: MetaImageSource, folder: Path) -> tuple[ChannelFiles, FilesBySubject]:
        """See `PairedReader`."""
        paths = contents(folder, deep=True).used
        masks = [path for path in paths if _is_mask(source, path)]
        taken = set(masks)
        images = channel_files(source.suffixes, [path for path in paths if path not in taken])
        labels: FilesBySubject = {}
        for path in masks:
            labels.setdefault(stem(path)[: -len(source.label_suffix)], []).append(path)
        return images, labels

    def mask_name(self, source: MetaImageSource) -> str:
        """See `PairedReader`."""
        return f"{{}}{source.label_suffix}.mhd"

    def listing_problems(
        self, source: MetaImageSource, images: FilesBySubject, labels: FilesBySubject, subjects: Sequence[Subject]
    ) -> list[str]:
        """See `PairedReader`."""
        if not (images and labels) and (layout := recognised(cohort_folder(source))):
            return [f"the folder is {layout}"]
        if not images:
            return ["no images; accepted: <subject>.mhd with its .raw, or <subject>.mha; to fix: unpack the data there"]
        if not labels:
            name = f"<subject>{source.label_suffix}.mhd"
            return [f"no masks; accepted: {name} beside an image; to fix: add masks, or set `label_suffix`"]
        orphans = [paths[0].name for name, paths in labels.items() if name not in images]
        problems = [f"{images[name][0].name}: {UNSAFE_NAME}" for name in images if not is_safe_name(name)]
        if orphans:
            problems.insert(
                0, f"masks without an image of their name: {listed(orphans)}; to fix: rename or remove them"
            )
        return problems

    def hashed(self, source: MetaImageSource, folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
        """See `FileReader`."""
        files = contents(folder, deep=True).counted
        return files, [*(path for path in files if _is_mask(source, path)), *self.tables(source, folder)]

    def images(self, source: MetaImageSource) -> tuple[Path, int]:
        """See `FileReader`."""
        folder = cohort_folder(source)
        volumes = contents(folder, deep=True).used
        return folder, len(
            channel_files(source.suffixes, [path for path in volumes if not _is_mask(source, path)]).images
        )

    def unused(self, source: MetaImageSource) -> list[Unused]:
        """See `FileReader`; at any depth."""
        folder = cohort_folder(source)
        return list(contents(folder, read_elsewhere=self.tables(source, folder), deep=True).unused)

    def mask_remedy(self, source: MetaImageSource) -> str:
        """See `FileReader`."""
        return f"to fix: set `label_suffix` (now {source.label_suffix}) to the suffix of masks, or move it away"


def _is_mask(source: MetaImageSource, path: Path) -> bool:
    """Whether a file is a mask by its name, in any case: `Case01_Segmentation.mhd`."""
    name = stem(path)
    name = path.stem if name == path.name else name  # of `.raw`, which belongs to the header of its name
    return name.lower().endswith(source.label_suffix.lower())


metaimage = MetaImageReader()
