"""The cost of each kind of job: seconds and memory."""

from dataclasses import dataclass

from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Destreaking
from fewlabel.config.jobs.figures.destreaking import measured_cohort, radial_phantoms
from fewlabel.config.sources.phantom import RadialPhantom
from fewlabel.config.sources.registry import Source
from fewlabel.config.study_size import PREDICTION_BATCH
from fewlabel.data.reconstruction.destreaking.coil_images import KEPT_BYTES
from fewlabel.data.reconstruction.destreaking.destreaking_filter import BY_COVARIANCE
from fewlabel.data.reconstruction.radial.trajectory import OVERSAMPLING
from fewlabel.operations.planning.calibration.calibration import Calibration, Start
from fewlabel.operations.planning.cohort_sizes import CohortSize
from fewlabel.operations.planning.step_work import TRAINED, StepWork, step_work
from fewlabel.operations.planning.training_steps import Steps, finetuning_steps, prediction_step, pretraining_steps

BASE_BYTES = 420e6
"""Memory of a training in bytes without its tensors; from the demo, whose finetunings need 457 to 466 MB."""
STATE_COPIES = 4
"""Copies of the parameters: parameters, gradients, two moments of Adam."""
FLOAT_BYTES = 4
BIAS_PACKS, BIAS_ITERATIONS, BIAS_SHRINK = 48, 200, 6
"""N4 of a volume takes BIAS_PACKS times as long as packing it, at this total of iterations and this shrink factor;
measured on 320 x 320 x 20 voxels of 0.6 x 0.6 x 3.6 mm. Thick slices are not shrunk, so time is quadratic in it."""

GRIDDING_PACKS = 0.3
"""Time of gridding a million samples of k-space, relative to packing a million voxels; measured on 16 slices of 16
coils, 192 spokes of 118 samples (0.054 s; packing 0.19 s). Larger matrices take up to a third longer."""
GRIDDINGS: dict[str, float] = {"none": 1, "remove_coils": 1.7, "cactus": 2.2, "bstar": 3.8}
"""Time of a composite image, relative to one gridding; interference beyond the field of view needs wide gridding."""
WIDE_GRIDDINGS = 1.2
"""Share of wide gridding in these; with masks of the interference it is 1."""
ECHO_GRIDDINGS, ACQUIRED_GRIDDINGS = 0.65, 1.8
"""Time of the image of one more echo, and of making the k-space of a phantom, relative to one gridding."""
MEASURED_GRIDDINGS = 4.5
"""Time of all de-streaking methods on a quarter of the slices, with measures; timed on a phantom of 4 mm (24 s)."""
PREPARE_BYTES = 300e6
"""Memory in bytes of each process that makes slices: an allowance. Phantoms of the demo take 156 MB."""
SAMPLE_BYTES = 8
SEARCHED_BYTES = 28
"""Bytes of each pixel searched for interference: magnitude and comparison. Measured with 40 slices of 16 coils and
matrix 320: 1,016 MB in total (bstar 1,022; none 243), of which coil images take 512."""
ASSUMED_ECHOES = 8


@dataclass(frozen=True)
class Costs:
    """Seconds of one job of each kind, from a calibration."""

    experiment: Experiment
    sizes: dict[str, CohortSize]  # of its cohorts
    speed: Calibration | None  # calibration; None: unknown, and all seconds are 0
    stretch: float = 1  # factor by which steps of trainings that share a GPU take longer than in the calibration

    def fetch(self, cohort: str) -> float:
        """Seconds to read and check all volumes of a cohort; phantoms are only listed."""
        return self._start("fetch") + (
            0
            if self._is_synthetic(cohort)
            else self._volumes("check", self.sizes[cohort].voxels * self._channels(cohort))
        )

    def prepare(self, cohort: str) -> float:
        """Seconds to make or read, resample and write all volumes."""
        source, voxels = self.experiment.cohorts[cohort].source, self.sizes[cohort].voxels * self._channels(cohort)
        get = self._volumes(source.volume_work, voxels)
        pack = (1 + self._bias(cohort)) * self._volumes("pack", voxels)
        return self._start("prepare") + get + self._radial(cohort) + pack

    def prepare_memory(self, cohort: str) -> float:
        """Bytes of each process that makes slices.

        K-space is read slice by slice, but a phantom's is held twice, and finished coil images once.
        """
        source, size = self.experiment.cohorts[cohort].source, self.sizes[cohort]
        radial = source.reconstruction
        if radial is None:
            return PREPARE_BYTES
        searched = self._second_pass_memory(cohort)
        if source.made_by_code:
            kspace = 2 * SAMPLE_BYTES * size.samples / size.subjects
        elif not size.samples:
            kspace, searched = SAMPLE_BYTES * size.voxels_each * size.coils, SEARCHED_BYTES * size.voxels_each
        else:
            kspace = 0
        if radial.destreak.method == "bstar":
            # The covariance of all coils at each pixel of one slice.
            searched += 2 * SAMPLE_BYTES * size.coils**2 * size.voxels / max(size.slices, 1)
        return PREPARE_BYTES + kspace + searched

    def _second_pass_memory(self, cohort: str) -> float:
        """Bytes of the coil images kept for a second pass, and of the interference found in them."""
        source, size = self.experiment.cohorts[cohort].source, self.sizes[cohort]
        wide = _looks_beyond(source)
        if not wide and not (source.reconstruction and source.reconstruction.has_masks):
            return 0
        pixels = size.voxels_each * (OVERSAMPLING**2 if wide else 1)
        return min(SAMPLE_BYTES * pixels * size.coils, KEPT_BYTES) + SEARCHED_BYTES * pixels

    def destreaking(self) -> float:
        """Seconds to measure each method at each strength, on a phantom that may be finer than that of the cohort."""
        figure = self.experiment.figures.destreaking
        if figure is None:
            return 0
        passes = (2 + len(figure.strengths)) * ACQUIRED_GRIDDINGS + len(figure.strengths) * MEASURED_GRIDDINGS
        samples = figure.subjects * self._measured_samples(figure)
        return self._start("prepare") + passes * GRIDDING_PACKS * self._volumes("pack", samples)

    def destreaking_memory(self) -> float:
        """Bytes of each measuring process, which holds two acquisitions."""
        figure = self.experiment.figures.destreaking
        return PREPARE_BYTES + (3 * SAMPLE_BYTES * self._measured_samples(figure) if figure else 0)

    def _measured_samples(self, figure: Destreaking) -> float:
        """Samples of the k-space of a subject, proportional to slices and to samples of a spoke."""
        name = measured_cohort(self.experiment, figure)
        source, size = radial_phantoms(self.experiment.cohorts)[name], self.sizes[name]
        finer = source.pixel_mm / (figure.pixel_mm or source.pixel_mm)
        return size.samples / size.subjects * finer * source.slice_mm / (figure.slice_mm or source.slice_mm)

    def quality(self, cohort: str) -> float:
        """Seconds to read and inspect all volumes."""
        return self._start("figure") + self._volumes("check", self.sizes[cohort].voxels)

    def _radial(self, cohort: str) -> float:
        """Seconds to make and reconstruct k-space."""
        source, size = self.experiment.cohorts[cohort].source, self.sizes[cohort]
        radial = source.reconstruction
        if radial is None:
            return 0
        # The echo train length of scans is not known from the size of the cohort.
        echoes = radial.echoes if isinstance(radial, RadialPhantom) else ASSUMED_ECHOES
        passes = GRIDDINGS[radial.destreak.method]
        if not _looks_beyond(source) and radial.destreak.method in BY_COVARIANCE:
            passes -= WIDE_GRIDDINGS - 1
        passes += ECHO_GRIDDINGS * {"composite": 0, "echo": 1, "t2_map": echoes}[radial.input]
        passes += ACQUIRED_GRIDDINGS if source.made_by_code else 0
        return passes * GRIDDING_PACKS * self._volumes("pack", size.samples)

    def _bias(self, cohort: str) -> float:
        """Time of bias correction, relative to packing."""
        settings = self.experiment.cohorts[cohort].bias_correction
        if settings is None:
            return 0
        return BIAS_PACKS * sum(settings.iterations) / BIAS_ITERATIONS * (BIAS_SHRINK / settings.shrink) ** 2

    def pretrain(self, cohort: str, method: str) -> float:
        """Seconds of all pretraining stages of a method."""
        steps = pretraining_steps(self.experiment, cohort, method)
        return self._start("training") + sum(self._steps(each) for each in steps)

    def finetune(self, cohort: str, method: str) -> float:
        """Seconds of one finetuning, which evaluates its network; independent of N."""
        steps = self._steps(finetuning_steps(self.experiment, cohort, method))
        return self._start("training") + steps + self._evaluation(cohort)

    def evaluate(self) -> float:
        """The evaluation of a finetuning is taken over."""
        return self._start("draw")

    def _evaluation(self, cohort: str) -> float:
        """Seconds to predict all test subjects, and to save and score their masks."""
        size = self.sizes[cohort]
        each = size.slices / size.subjects
        step = prediction_step(self.experiment, cohort, each)
        seconds = self.speed.step_seconds(step) if self.speed else 0
        predicted = size.tested * seconds * each / min(PREDICTION_BATCH, max(1, round(each)))
        return predicted + self._volumes("score", size.tested * size.voxels_each)

    def split(self) -> float:
        """A cohort's roles are assigned."""
        return self._start("split")

    def table(self) -> float:
        """A job that reads and writes a small table."""
        return self._start("draw")

    def figure(self) -> float:
        """A job that resamples scores and draws or lists them."""
        return self._start("figure")

    def training_memory(self, cohort: str, method: str | None = None) -> float:
        """Bytes that the largest step of a method's trainings (of all methods' where none is named) needs."""
        methods = self.experiment.methods if method is None else [method]
        return max(
            step_memory(steps.step)
            for name in methods
            for steps in (
                finetuning_steps(self.experiment, cohort, name),
                *pretraining_steps(self.experiment, cohort, name),
            )
        )

    def gpu_memory(self, cohort: str) -> float | None:
        """GPU memory in bytes of the largest step with the slices of its cohort; None: not measured."""
        steps = [steps.step for name in self.experiment.methods for steps in self._all_steps(cohort, name)]
        peaks = [self.speed.gpu_bytes(step) for step in steps] if self.speed else []
        rows, columns = self.experiment.cohorts[cohort].grid.matrix
        measured = [peak for peak in peaks if peak is not None]
        return max(measured) + 3 * self.sizes[cohort].slices * rows * columns if measured else None

    def _all_steps(self, cohort: str, method: str) -> list[Steps]:
        return [*pretraining_steps(self.experiment, cohort, method), finetuning_steps(self.experiment, cohort, method)]

    def _channels(self, cohort: str) -> int:
        return max(1, len(self.experiment.cohorts[cohort].source.channel_names))

    def _is_synthetic(self, cohort: str) -> bool:
        return self.experiment.cohorts[cohort].source.made_by_code

    def _start(self, kind: Start) -> float:
        return self.speed.start_seconds[kind] if self.speed else 0

    def _volumes(self, work: str, voxels: float) -> float:
        rates: dict[str, float] = dict(self.speed.volume_seconds) if self.speed else {}  # type: ignore[arg-type]
        return rates.get(work, 0) * voxels / 1e6

    def _steps(self, steps: Steps) -> float:
        return self.stretch * steps.count * self.speed.step_seconds(steps.step) if self.speed else 0


def step_memory(step: StepWork) -> float:
    """Bytes of a training process: libraries, activations kept for the gradient, optimiser state."""
    work = step_work(step)
    return BASE_BYTES + FLOAT_BYTES * (work.activations / TRAINED + STATE_COPIES * work.parameters)


def _looks_beyond(source: Source) -> bool:
    """Whether interference beyond the field of view is removed."""
    radial = source.reconstruction
    return radial is not None and radial.destreak.method in BY_COVARIANCE and not radial.has_masks
