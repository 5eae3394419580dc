"""Steps of each pretext stage against the same stage built from MONAI's parts."""

from benchmarks.pipelines.steps import BATCH
from benchmarks.shared import Section
from benchmarks.training_speed import PACKAGES, compare, designs, missing, ratios

__all__ = ["TITLE", "measure", "missing"]

TITLE = "Pretraining steps, against MONAI"
STAGES = ("regression", "global", "local")


def measure(quick: bool) -> Section:
    seconds, rounds, sides = (0.0, 1, (64,)) if quick else (2.0, 3, (96,))
    plan = [design for stage in STAGES for design in designs(stage, sides, seconds)]
    text = (
        f"{BATCH} slices a step, both views of each in contrastive stages; each stage with FewLabel's defaults and "
        "augmentation, one thread. MONAI's regression is RandCoarseDropoutd (6 holes or more) and L1Loss, its global "
        "stage ContrastiveLoss on BasicUNet's encoder with FewLabel's head. MONAI has no local stage: regions, head "
        "and the frozen encoder are a few lines around BasicUNet's decoder and ContrastiveLoss. Otherwise as above."
    )
    found = compare(plan, rounds)
    return Section(text, {"CPU time of a step against FewLabel's": ratios(found), "All": found}, PACKAGES)
