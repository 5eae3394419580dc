"""Settings of each job: exactly what it depends on, as one canonical JSON text.

May import config and utils.
"""

from fewlabel.config.jobs.base import RECIPES, canonical
from fewlabel.config.jobs.data import (
    DrawSettings,
    FetchSettings,
    PlannedSplit,
    Preparation,
    PrepareSettings,
    SplitSettings,
    draw_settings,
    fetch_settings,
    planned_split,
    prepare_settings,
    split_alike,
    split_settings,
)
from fewlabel.config.jobs.figures.destreaking import (
    IMAGES,
    MEASURES,
    MeasureSettings,
    destreaking_settings,
    files,
    measure_settings,
)
from fewlabel.config.jobs.figures.explorer import ExplorerSettings, explorer_settings
from fewlabel.config.jobs.figures.label_curves import curves_settings
from fewlabel.config.jobs.figures.quality import (
    ContactSheetSettings,
    QualitySettings,
    contact_sheet_settings,
    quality_settings,
)
from fewlabel.config.jobs.grid import (
    CollectSettings,
    collect_settings,
    finetunings,
    label_counts,
    largest_n,
    orders,
    parts,
    split_parts,
)
from fewlabel.config.jobs.histories import HistoriesSettings, histories_settings, study_trainings, trainings
from fewlabel.config.jobs.provenance import ProvenanceSettings, provenance_settings
from fewlabel.config.jobs.titles import CohortTitle, titles
from fewlabel.config.jobs.training import (
    EvaluateSettings,
    FinetuneSettings,
    PretrainSettings,
    augmentation,
    evaluate_settings,
    finetune_settings,
    finetuning,
    most_partitions,
    most_pretrained,
    pretrain_settings,
    pretrained_as,
    pretrainings,
)
from fewlabel.config.pretexts.registry import pretraining_stages

__all__ = [
    "IMAGES",
    "MEASURES",
    "RECIPES",
    "CohortTitle",
    "CollectSettings",
    "ContactSheetSettings",
    "DrawSettings",
    "EvaluateSettings",
    "ExplorerSettings",
    "FetchSettings",
    "FinetuneSettings",
    "HistoriesSettings",
    "MeasureSettings",
    "PlannedSplit",
    "Preparation",
    "PrepareSettings",
    "PretrainSettings",
    "ProvenanceSettings",
    "QualitySettings",
    "SplitSettings",
    "augmentation",
    "canonical",
    "collect_settings",
    "contact_sheet_settings",
    "curves_settings",
    "destreaking_settings",
    "draw_settings",
    "evaluate_settings",
    "explorer_settings",
    "fetch_settings",
    "files",
    "finetune_settings",
    "finetuning",
    "finetunings",
    "histories_settings",
    "label_counts",
    "largest_n",
    "measure_settings",
    "most_partitions",
    "most_pretrained",
    "orders",
    "parts",
    "planned_split",
    "prepare_settings",
    "pretrain_settings",
    "pretrained_as",
    "pretraining_stages",
    "pretrainings",
    "provenance_settings",
    "quality_settings",
    "split_alike",
    "split_parts",
    "split_settings",
    "study_trainings",
    "titles",
    "trainings",
]
