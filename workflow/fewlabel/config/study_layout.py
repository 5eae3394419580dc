"""The paths of a study: where each of its files is, and to which training a folder belongs.

All paths are POSIX text, as Snakemake and records have them. A name in braces or `*` may take the place of a cohort, a
method, N or a draw: `StudyLayout("results/demo").roles("{cohort}")` is a pattern of the workflow.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, cast

from fewlabel.config.base import NAME, LabelCount
from fewlabel.config.folds import cohort_of, fold_of
from fewlabel.utils.recorded_hashes import EVALUATION, RUN
from fewlabel.utils.recorded_hashes import STORE as MANIFEST

EXPERIMENT, SCORES, HISTORY, WEIGHTS, PRETEXT = (
    "experiment.yaml", "scores.csv", "history.csv", "weights.safetensors", "pretext.safetensors"
)  # fmt: skip
STORE, ROLES, SUBJECTS = f"slices/{MANIFEST}", "splits/roles.csv", "slices/subjects.csv"
"""In the folder of a cohort; records of trainings call their inputs so."""
IMAGES, LABELS = "images", "labels"
"""Folders of volumes and masks on native grids."""
ARRAYS = ("images.npy", "masks.npy", "index.csv", "subjects.csv")
"""What a slice store holds, next to its manifest."""
WILDCARDS = {
    "cohort": rf"{NAME}(-fold\d+)?",
    "method": NAME,
    "n": r"\d+|all",
    "draw": r"\d+",
    "key": "[0-9a-f]{12}",
}
"""What the workflow's wildcards match; `cohort` may be one test fold of a cohort."""
_FOLDER = re.compile(
    r"(?P<part>[^/]+)/(?:pretrained/(?P<pretrained>[^/]+)|finetuned/(?P<finetuned>[^/]+)/n(?P<n>\d+|all)/draw(?P<draw>\d+))"
)


@dataclass(frozen=True)
class Run:
    """One training of a study, by what makes it different from the others; `str` of it is its folder below the study.

    Attributes:
        part: a cohort, or one test fold of it (`fewlabel.config.folds`).
        method: of the experiment.
        n: the number of labelled subjects, or `all`; None: a pretraining.
        draw: which draw of these subjects, from 1; None: a pretraining.
    """

    part: str
    method: str
    n: LabelCount | None = None
    draw: int | None = None

    @classmethod
    def parse(cls, folder: str) -> Self:
        """The training of a folder below the study.

        Raises:
            ValueError: no folder of a training.
        """
        if (found := _FOLDER.fullmatch(folder)) is None:
            raise ValueError(f"{folder!r} is no training's folder")
        if found["pretrained"]:
            return cls(found["part"], found["pretrained"])
        return cls(
            found["part"], found["finetuned"], "all" if found["n"] == "all" else int(found["n"]), int(found["draw"])
        )

    @classmethod
    def of_file(cls, file: Path) -> tuple[Path, Self] | None:
        """The study's folder and the finetuning whose folder holds a file; None: the file is elsewhere."""
        parts = file.absolute().parent.parts
        with suppress(ValueError):
            return Path(*parts[:-5]), cls.parse("/".join(parts[-5:]))
        return None

    @classmethod
    def pattern(cls, part: str = "*", method: str = "*", n: str | None = None, draw: str | None = None) -> Self:
        """Trainings by wildcards; without `n` and `draw`, pretrainings."""
        return cls(part, method, cast(LabelCount, n), cast(int, draw))

    @property
    def kind(self) -> Literal["pretrained", "finetuned"]:
        """The folder between part and method."""
        return "pretrained" if self.n is None else "finetuned"

    @property
    def cohort(self) -> str:
        """The cohort whose slices are trained on."""
        return cohort_of(self.part)

    @property
    def fold(self) -> int | None:
        """The test fold, from 1; None: the whole cohort."""
        return fold_of(self.part)

    def __str__(self) -> str:
        """The folder below the study."""
        rest = "" if self.n is None else f"/n{self.n}/draw{self.draw}"
        return f"{self.part}/{self.kind}/{self.method}{rest}"

    def __fspath__(self) -> str:
        """As `str`, so that `folder / run` is the training's folder."""
        return str(self)


PRETRAININGS, FINETUNINGS = Run.pattern(), Run.pattern(n="*", draw="*")
"""All trainings of a study, as patterns of `glob`."""


@dataclass(frozen=True)
class StudyLayout:
    """Where the files of a study are.

    Attributes:
        root: the study's folder, such as `results/demo`; empty: all paths are relative to that folder.
    """

    root: str = ""

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}" if self.root else path

    # --------------------------------------------------------------------------------------------------- the study
    @property
    def experiment(self) -> str:
        """The experiment with all its defaults."""
        return self._at(EXPERIMENT)

    @property
    def admitted(self) -> str:
        """Written once every cohort is checked."""
        return self._at("admitted.txt")

    @property
    def scores(self) -> str:
        """The scores of all finetunings."""
        return self._at(SCORES)

    @property
    def history(self) -> str:
        """The losses of all trainings."""
        return self._at(HISTORY)

    @property
    def explorer(self) -> str:
        """The page to explore the study."""
        return self._at("explorer.html")

    @property
    def results_page(self) -> str:
        """The page with the answer, figures, tables and links to everything else."""
        return self._at("index.html")

    @property
    def report(self) -> str:
        """Snakemake's report of the study."""
        return self._at("report.html")

    @property
    def provenance(self) -> str:
        """The record of the study (RO-Crate)."""
        return self._at("provenance/ro-crate-metadata.json")

    @property
    def running(self) -> str:
        """The lock of the one run that works on the study."""
        return self._at(".running")

    def figure(self, name: str, end: str = "png") -> str:
        """A figure's file."""
        return self._at(f"figures/{name}.{end}")

    def table(self, name: str, end: str = "csv") -> str:
        """A table's file."""
        return self._at(f"tables/{name}.{end}")

    def log(self, job: str, cohort: str | None = None) -> str:
        """The log of a job of the study, or of one of its cohorts and folds."""
        return self._at(f"logs/{job}.log" if cohort is None else f"logs/{cohort}/{job}.log")

    def benchmark(self, job: str, cohort: str) -> str:
        """Run time and memory of a job of a cohort or fold, measured by Snakemake.

        Only rules with wildcards have one: Snakemake runs a rule without wildcards that is named as a target
        (`snakemake explorer`) again where its benchmark is missing.
        """
        return self._at(f"benchmarks/{cohort}/{job}.tsv")

    # ------------------------------------------------------------------------------------------ cohorts and their folds
    def fetched(self, cohort: str, key: str, name: str) -> str:
        """What `fetch` makes of a cohort; `key`: hash of its settings and files."""
        return self._at(f"{cohort}/fetched/{key}/{name}")

    def splits(self, part: str) -> str:
        """The folder of roles and draws."""
        return self._at(f"{part}/splits")

    def roles(self, part: str) -> str:
        """Who is tested, may be labelled, or only pretrains."""
        return self._at(f"{part}/{ROLES}")

    def source(self, part: str) -> str:
        """What identifies the files of the split's cohort."""
        return f"{self.splits(part)}/source.json"

    def order(self, part: str, draw: int | str) -> str:
        """The order in which a draw labels the pool."""
        return f"{self.splits(part)}/draw{draw}.csv"

    def slices(self, cohort: str, name: str) -> str:
        """A file of the slice store."""
        return self._at(f"{cohort}/slices/{name}")

    def store(self, cohort: str) -> str:
        """The manifest of the slice store."""
        return self._at(f"{cohort}/{STORE}")

    def arrays(self, cohort: str) -> list[str]:
        """The files of the slice store next to its manifest."""
        return [self.slices(cohort, name) for name in ARRAYS]

    def subjects(self, cohort: str) -> str:
        """Size, spacing and target volume of each subject."""
        return self._at(f"{cohort}/{SUBJECTS}")

    def native(self, cohort: str) -> str:
        """The folder of volumes and masks on native grids."""
        return self._at(f"{cohort}/native")

    def native_labels(self, cohort: str) -> str:
        """The folder of masks on native grids."""
        return f"{self.native(cohort)}/{LABELS}"

    def native_image(self, cohort: str, subject: str) -> str:
        """A volume that `prepare` keeps: it was made by code or reconstructed."""
        return f"{self.native(cohort)}/{IMAGES}/{subject}.nii.gz"

    def input(self, part: str, name: str) -> str:
        """An input of a training by the name in its record; slices are those of the whole cohort."""
        return self._at(f"{cohort_of(part) if name.startswith('slices/') else part}/{name}")

    # ------------------------------------------------------------------------------------------------------- trainings
    def run(self, run: Run) -> str:
        """The folder of a training."""
        return self._at(str(run))

    def record(self, run: Run) -> str:
        """What a training ran with, on and how long."""
        return f"{self.run(run)}/{RUN}"

    def weights(self, run: Run) -> str:
        """The trained network."""
        return f"{self.run(run)}/{WEIGHTS}"

    def pretext(self, run: Run) -> str:
        """Every stage's objective of a pretraining, with its head."""
        return f"{self.run(run)}/{PRETEXT}"

    def run_history(self, run: Run) -> str:
        """The losses of a training."""
        return f"{self.run(run)}/{HISTORY}"

    def run_scores(self, run: Run) -> str:
        """The scores of a finetuning."""
        return f"{self.run(run)}/{SCORES}"

    def predictions(self, run: Run) -> str:
        """The folder of predicted masks of a finetuning."""
        return f"{self.run(run)}/predictions"

    def evaluation(self, run: Run) -> str:
        """The record of what predicted masks and scores were made from."""
        return f"{self.predictions(run)}/{EVALUATION}"

    def training_files(self, run: Run) -> list[str]:
        """What a training, and for a finetuning its evaluation, leaves."""
        files = [self.weights(run), self.run_history(run), self.record(run)]
        if run.n is None:
            return [files[0], self.pretext(run), *files[1:]]
        return [*files, self.run_scores(run), self.predictions(run)]


LAYOUT = StudyLayout()
"""Paths relative to the study's folder."""
