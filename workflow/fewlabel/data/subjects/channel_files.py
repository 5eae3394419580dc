"""Images in one file for each channel: files by the suffixes of their names, and their problems."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fewlabel.data.paths import place, stem
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.formatting import listed

FilesBySubject = dict[str, list[Path]]
"""Files by subject; more than one is a problem."""


@dataclass(frozen=True)
class ChannelFiles:
    """The images of a folder; without suffixes, one file a subject."""

    suffixes: Mapping[str, str]  # of each channel, by name
    channels: Mapping[str, FilesBySubject]  # of each channel, by name; one channel without a name: ""
    others: Sequence[Path]  # without any of the suffixes

    @property
    def images(self) -> FilesBySubject:
        """The files of the first channel; of another one if a subject lacks it, which is a problem."""
        if not self.suffixes:
            return dict(self.channels[""])
        found: FilesBySubject = {}
        for files in reversed(list(self.channels.values())):
            found |= files
        return dict(sorted(found.items()))

    def complete(self, subject: Subject) -> Subject:
        """The subject with the files of its further channels."""
        further = list(self.channels.values())[1:]
        paths = [files[subject.subject][0] for files in further if subject.subject in files]
        return replace(subject, channels=tuple(paths))

    def problems(self, subjects: Collection[str], folder: Path) -> list[str]:
        """Several files of one subject and channel, and those of `channel_problems`."""
        return [*duplicates(folder, *self.channels.values()), *self.channel_problems(subjects, folder)]

    def channel_problems(self, subjects: Collection[str], folder: Path) -> list[str]:
        """Missing channels of these subjects, and files of no channel."""
        accepted = " and ".join(f"<subject>{suffix}" for suffix in self.suffixes.values())
        problems = []
        for channel, files in self.channels.items():
            if missing := sorted(set(subjects) - set(files)):
                problems.append(
                    f"channel {channel}: no file <subject>{self.suffixes.get(channel, '')} of {listed(missing)}; "
                    f"accepted: {accepted} for each subject; to fix: add the files, or exclude the subjects"
                )
        if self.others:
            problems.append(
                f"images without the suffix of a channel: {listed([place(path, folder) for path in self.others])}; "
                f"accepted: {accepted}; to fix: rename them, correct `channels`, or move them away"
            )
        return problems


def channel_files(
    suffixes: Mapping[str, str], paths: Iterable[Path], name_of: Callable[[Path], str] = stem
) -> ChannelFiles:
    """Sort the images of a cohort by channel and subject; the case of suffixes does not matter.

    Args:
        suffixes: of each channel, by name; empty: a subject has one file.
        name_of: the name of a volume, which ends with the suffix.
    """
    if not suffixes:
        return ChannelFiles({}, {"": by_subject(paths, name_of)}, ())
    channels: dict[str, FilesBySubject] = {channel: {} for channel in suffixes}
    others = []
    # Of two suffixes of one file, such as _t2w and _fs_t2w, the longer one is its own.
    longest_first = sorted(suffixes.items(), key=lambda item: -len(item[1]))
    for path in paths:
        name = name_of(path)
        fits = (one for one in longest_first if name.lower().endswith(one[1].lower()) and len(name) > len(one[1]))
        channel, suffix = next(fits, ("", ""))
        if channel:
            channels[channel].setdefault(name[: -len(suffix)], []).append(path)
        else:
            others.append(path)
    return ChannelFiles(suffixes, channels, others)


def by_subject(paths: Iterable[Path], name_of: Callable[[Path], str] = stem) -> FilesBySubject:
    """Group files by the names of their subjects."""
    files: FilesBySubject = {}
    for path in paths:
        files.setdefault(name_of(path), []).append(path)
    return files


def duplicates(folder: Path, *groups: FilesBySubject) -> list[str]:
    """Problems of subjects with several files of one role."""
    doubled = [(name, paths) for each in groups for name, paths in each.items() if len(paths) > 1]
    return [
        f"duplicate subject {name}: {listed([place(path, folder) for path in paths])}; to fix: keep one of them"
        for name, paths in doubled
    ]
