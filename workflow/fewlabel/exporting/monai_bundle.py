"""A trained network as a MONAI bundle: metadata, a configuration of the whole inference, the network itself.

The network is an exported program of torch, so nothing but torch and MONAI is needed to run it. MONAI's own transforms
prepare the volumes; they resample without the anti-aliasing that a study's volumes have, so masks differ a little at
edges, while equal slices give equal probabilities. MONAI has no N4.
"""

import json
import platform
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from fewlabel.errors import InputError
from fewlabel.experiment import Grid
from fewlabel.exporting.graph import module_of, refuse_difference
from fewlabel.files import write_text
from fewlabel.imaging.volume import AXES
from fewlabel.trained import Trained

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
MODEL = "models/model.pt2"
TOGETHER = 32
"""Slices that are predicted at once."""


def write_bundle(trained: Trained, folder: Path) -> float:
    """Write the bundle into a folder: `configs/metadata.json`, `configs/inference.json`, `models/model.pt2`, `docs/`.

    Returns:
        The largest difference in probability between the exported program and the network.

    Raises:
        InputError: the images are corrected for bias fields, which no transform of MONAI does.
        TrainingError: the exported program gives other numbers.
    """
    if trained.preparation.bias_correction is not None:
        raise InputError(
            "--format monai-bundle: the network was trained on images corrected by N4, and MONAI has no transform for "
            "it; accepted: networks without bias_correction; use --format onnx, or `fewlabel predict`"
        )
    module, example, free = module_of(trained)
    for part in ("configs", "models", "docs"):
        (folder / part).mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (example,), dynamic_shapes=free)
        torch.export.save(program, folder / MODEL)
        loaded = torch.export.load(folder / MODEL).module()
    difference = refuse_difference(module, loaded, trained, "the exported program")
    for name, content in (("metadata", _metadata(trained)), ("inference", _inference(trained.preparation.grid))):
        write_text(folder / "configs" / f"{name}.json", json.dumps(content, indent=2) + "\n")
    write_text(folder / "docs" / "README.md", README)
    return difference


README = """# A network of FewLabel as a MONAI bundle

    python -m monai.bundle run --bundle_root . --config_file configs/inference.json --images "['image.nii.gz']"

writes masks to `eval/`. Equal slices give the probabilities of `fewlabel predict`; MONAI's transforms resample a little
differently, so masks may differ at edges. `configs/metadata.json` tells what the network must be given.
Not for clinical use.
"""


def _metadata(trained: Trained) -> dict[str, Any]:
    rows, columns = trained.preparation.grid.matrix
    images = {
        "type": "image",
        "format": "magnitude",
        "modality": "MR",
        "num_channels": 1,
        "spatial_shape": [rows, columns],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {"0": "image"},
    }
    probability = {**images, "format": "segmentation", "channel_def": {"0": "probability of the target"}}
    return {
        "schema": SCHEMA,
        "version": "0.1.0",
        "changelog": {"0.1.0": f"exported by FewLabel {version('fewlabel')}"},
        "monai_version": version("monai"),
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {"nibabel": version("nibabel"), "pytorch-ignite": "0.5"},
        "python_version": platform.python_version(),
        "name": "FewLabel segmentation",
        "task": "Segmentation of one structure in MR volumes, slice by slice",
        "description": f"A 2D U-Net finetuned on {trained.subjects} labelled subjects.",
        "authors": "made with FewLabel",
        "copyright": "that of who trained it, under the licence of its cohort",
        "intended_use": "Research; not for clinical use.",
        "fewlabel": {
            "prepared": trained.preparation.model_dump(mode="json"),
            "settings": trained.settings.model_dump(mode="json"),
        },
        "network_data_format": {"inputs": {"image": images}, "outputs": {"pred": probability}},
    }


def _inference(grid: Grid) -> dict[str, Any]:
    """The whole way from files to masks, as MONAI's parser reads it."""
    rows, columns = grid.matrix
    through = -1.0 if grid.slice_mm is None else grid.slice_mm
    low, high = grid.percentiles
    keys = {"keys": "image"}
    return {
        "imports": ["$import torch"],
        "bundle_root": ".",
        "images": [],
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "data": "$[{'image': path} for path in @images]",
        "network_def": f"$torch.export.load(@bundle_root + '/{MODEL}').module().to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", **keys, "ensure_channel_first": True},
                {"_target_": "Orientationd", **keys, "axcodes": "".join(AXES[grid.plane])},
                {
                    "_target_": "ScaleIntensityRangePercentilesd",
                    **keys,
                    "lower": low,
                    "upper": high,
                    "b_min": 0.0,
                    "b_max": 1.0,
                    "clip": False,
                },
                {
                    "_target_": "Spacingd",
                    **keys,
                    "pixdim": [through, grid.spacing_mm, grid.spacing_mm],
                    "mode": "bilinear",
                    "padding_mode": "border",
                    "scale_extent": True,
                },
                {"_target_": "ResizeWithPadOrCropd", **keys, "spatial_size": [-1, rows, columns], "mode": "minimum"},
            ],
        },
        "dataset": {"_target_": "Dataset", "data": "@data", "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "inferer": {
            "_target_": "SliceInferer",
            "roi_size": [rows, columns],
            "sw_batch_size": TOGETHER,
            "spatial_dim": 0,
            "progress": False,
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {
                    "_target_": "Invertd",
                    "keys": "pred",
                    "transform": "@preprocessing",
                    "orig_keys": "image",
                    "nearest_interp": False,
                    "to_tensor": True,
                },
                {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_postfix": "mask",
                    "output_dtype": "uint8",
                    "separate_folder": False,
                    "resample": False,
                },
            ],
        },
        "handlers": [],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network_def",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
        },
        "run": ["$@evaluator.run()"],
    }
