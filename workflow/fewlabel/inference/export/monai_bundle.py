"""Export a trained network as a MONAI bundle: metadata, inference configuration, and the network as TorchScript.

A bundle runs without FewLabel. All transforms are MONAI's, except resampling to the working grid and back: MONAI pads
with the minimum of a line, not of the volume, and does not anti-alias the inverse. The bundle contains that transform
(`working_grid.py`). MONAI has no N4 bias correction.
"""

import json
import platform
import shutil
import warnings
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from fewlabel.config.study_size import PREDICTION_BATCH
from fewlabel.data.preprocessing.volume import AXES
from fewlabel.inference.export.module import check_runtime, exported_module, input_names
from fewlabel.inference.image_channels import ONE_CHANNEL, ImageChannels
from fewlabel.inference.segmenter import label_type
from fewlabel.inference.trained_network import TrainedNetwork
from fewlabel.utils.atomic_files import write_text
from fewlabel.utils.errors import InputError

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
MODEL = "models/model.ts"
LABELS = [["L", "R"], ["P", "A"], ["I", "S"]]
"""MONAI's labels of the axes' ends; its default changes between versions."""


def refuse_bias_correction(trained: TrainedNetwork) -> None:
    """Raise an InputError if the network was trained on images with N4 bias correction, which MONAI does not have."""
    if trained.preparation.bias_correction is not None:
        raise InputError(
            "MONAI bundle: the network was trained on images corrected by N4, for which MONAI has no transform; "
            "accepted: networks without bias_correction; to fix: use --format onnx alone, or `fewlabel predict`"
        )


def write_bundle(
    trained: TrainedNetwork, folder: Path, card: str, licence: str, channels: ImageChannels = ONE_CHANNEL
) -> float:
    """Write a bundle: `configs/metadata.json`, `configs/inference.json`, `models/model.ts`, `scripts/`, `docs/`.

    Args:
        folder: an empty folder.
        card: Markdown for `docs/README.md`.
        licence: text of `LICENSE`.
        channels: of the images; without places, those of the network are the channels of 4D files, in their order.

    Returns:
        The largest difference in probability between TorchScript and the network.

    Raises:
        InputError: see `refuse_bias_correction`.
        TrainingError: TorchScript gives other probabilities.
    """
    refuse_bias_correction(trained)
    for part in ("configs", "models", "scripts", "docs"):
        (folder / part).mkdir()
    difference = _write_model(trained, folder / MODEL)
    for name, content in (("metadata", _metadata(trained)), ("inference", _inference(trained, channels))):
        write_text(folder / "configs" / f"{name}.json", json.dumps(content, indent=2) + "\n")
    shutil.copyfile(Path(__file__).with_name("working_grid.py"), folder / "scripts" / "working_grid.py")
    write_text(folder / "scripts" / "__init__.py", "")
    write_text(folder / "docs" / "README.md", card + HOW_TO_RUN + _inputs_and_values(trained, channels))
    write_text(folder / "LICENSE", licence)
    return difference


HOW_TO_RUN = """
## This bundle

    pip install "monai[nibabel,skimage,ignite,fire]"
    python -m monai.bundle run --config_file configs/inference.json --dataset_dir images --output_dir masks

in the bundle's folder writes a mask for each NIfTI file of the folder `images`, 1 inside, on the grid of the image:
those of `fewlabel predict` in float32. `--images "['a.nii.gz']"` names files in place of a folder.
"""


def _inputs_and_values(trained: TrainedNetwork, channels: ImageChannels) -> str:
    """Paragraphs on several channels and named classes; empty for one channel and one target without a name."""
    names, classes, text = trained.settings.channels, trained.settings.classes, ""
    if channels.suffixes:
        files = ", ".join(f"{name}: `<subject>{suffix}.nii.gz`" for name, suffix in channels.suffixes.items())
        text += f"\nAn image is one file for each channel, on one grid ({files}); `--images` names lists of files.\n"
    elif len(names) > 1:
        places = ", ".join(f"{name}: {index}" for name, index in (channels.indices or _in_order(names)).items())
        text += f"\nImages are 4D files; their channels, from 0: {places}.\n"
    if classes:
        values = ", ".join(f"{name}: {first}" for name, (first, *_) in classes.items())
        text += f"\nValues in the masks: {values}; in place of 1 inside.\n"
    return text


def _in_order(names: Sequence[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}


def _write_model(trained: TrainedNetwork, path: Path) -> float:
    module, example = exported_module(trained)
    with warnings.catch_warnings():
        # TorchScript is deprecated, but MONAI's tools read nothing else.
        warnings.simplefilter("ignore")
        whole = path.with_suffix(".whole")
        with torch.inference_mode():
            torch.jit.save(torch.jit.trace(module, example, check_trace=False), whole)  # type: ignore[no-untyped-call]
        _without_source(whole, path)
        whole.unlink()
        return check_runtime(module, torch.jit.load(path), trained, "TorchScript")  # type: ignore[no-untyped-call]


def _without_source(archive: Path, to: Path) -> None:
    """Copy a TorchScript archive without its source locations, which contain paths of this machine."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            if not name.endswith(".debug_pkl"):
                # ZipInfo has a fixed date; a plain name would record the current time.
                new.writestr(zipfile.ZipInfo(name), old.read(name))


def _metadata(trained: TrainedNetwork) -> dict[str, Any]:
    rows, columns = trained.preparation.grid.matrix
    classes = list(trained.settings.classes)
    images = {
        "type": "image",
        "format": "magnitude",
        "modality": "MR",
        "num_channels": trained.settings.inputs,
        "spatial_shape": [rows, columns],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": _numbered(input_names(trained)),
    }
    outputs = [f"probability of {name}" for name in classes or ["the target"]]
    probability = {
        **images,
        "format": "segmentation",
        "num_channels": len(outputs),
        "channel_def": _numbered(outputs),
    }
    return {
        "schema": SCHEMA,
        "version": "0.1.0",
        "changelog": {"0.1.0": f"exported by FewLabel {version('fewlabel')}"},
        "monai_version": version("monai"),
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {
            name: version(name) for name in ("nibabel", "scikit-image", "pytorch-ignite", "fire")
        },
        "python_version": platform.python_version(),
        "name": "FewLabel segmentation",
        "task": f"Segmentation of {', '.join(classes) or 'one structure'} in MR volumes, slice by slice",
        "description": "A 2D U-Net; docs/README.md tells how it was trained and how well it does.",
        "authors": "made with FewLabel",
        "copyright": "see LICENSE",
        "intended_use": "Research; not for clinical use.",
        "fewlabel": {
            "prepared": trained.preparation.model_dump(mode="json"),
            "settings": trained.settings.model_dump(mode="json"),
        },
        "network_data_format": {"inputs": {"image": images}, "outputs": {"pred": probability}},
    }


def _numbered(names: Sequence[str]) -> dict[str, str]:
    return {str(index): name for index, name in enumerate(names)}


def _inference(trained: TrainedNetwork, channels: ImageChannels) -> dict[str, Any]:
    """The configuration of inference from files to masks, for MONAI's parser."""
    grid, images = (
        trained.preparation.grid,
        "$sorted(glob.glob(@dataset_dir + '/*.nii') + glob.glob(@dataset_dir + '/*.nii.gz'))",
    )
    helpers = ["PlacedWriter"]
    if channels.suffixes:
        images = f"$channel_files(@dataset_dir, {list(channels.suffixes.values())})"
        helpers.append("channel_files")
    ours = [f"$from scripts.working_grid import {name}" for name in helpers]
    return {
        "imports": ["$import glob", "$import numpy", "$import torch", *ours],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "images": images,
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "data": "$[{'image': path} for path in @images]",
        "network_def": f"$torch.jit.load(@bundle_root + '/{MODEL}', map_location=@device)",
        "preprocessing": _preprocessing(trained, channels),
        "dataset": {"_target_": "Dataset", "data": "@data", "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "inferer": {
            "_target_": "SliceInferer",
            "roi_size": list(grid.matrix),
            "sw_batch_size": PREDICTION_BATCH,
            "spatial_dim": 0,
            "progress": False,
        },
        "postprocessing": _postprocessing(trained),
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


def _preprocessing(trained: TrainedNetwork, channels: ImageChannels) -> dict[str, Any]:
    """From files to slices on the working grid."""
    grid, names, context = trained.preparation.grid, trained.settings.channels, trained.settings.network.context
    low, high = grid.percentiles
    keys = {"keys": "image"}
    several = len(names) > 1
    indices = list((channels.indices or _in_order(names)).values()) if several and not channels.suffixes else []
    select = {"_target_": "scripts.working_grid.Channelsd", **keys, "indices": indices}
    neighbours = {"_target_": "scripts.working_grid.NeighbouringSlicesd", **keys, "slices": context}
    return {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", **keys, "ensure_channel_first": True, "image_only": True},
            *([select] if indices else []),
            {"_target_": "Orientationd", **keys, "axcodes": "".join(AXES[grid.plane]), "labels": LABELS},
            {
                "_target_": "ScaleIntensityRangePercentilesd",
                **keys,
                "lower": low,
                "upper": high,
                "b_min": 0.0,
                "b_max": 1.0,
                "clip": False,
                **({"channel_wise": True} if several else {}),
            },
            {
                "_target_": "scripts.working_grid.WorkingGridd",
                **keys,
                "matrix": list(grid.matrix),
                "spacing_mm": grid.spacing_mm,
                "slice_mm": grid.slice_mm,
            },
            # The network was trained on images stored in half precision.
            {"_target_": "CastToTyped", **keys, "dtype": "$torch.float16"},
            {"_target_": "CastToTyped", **keys, "dtype": "$torch.float32"},
            *([neighbours] if context > 1 else []),
        ],
    }


def _postprocessing(trained: TrainedNetwork) -> dict[str, Any]:
    """From probabilities of slices to masks on the images' own grids."""
    classes = trained.settings.classes
    values = [first for first, *_ in classes.values()]
    label_map = {"_target_": "scripts.working_grid.LabelMapd", "keys": "pred", "values": values}
    discrete = {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5}
    return {
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
            label_map if classes else discrete,
            {
                "_target_": "SaveImaged",
                "keys": "pred",
                "writer": "$PlacedWriter",
                "output_dir": "@output_dir",
                "output_postfix": "mask",
                "output_dtype": f"$numpy.{label_type(values)}" if classes else "$torch.uint8",
                "separate_folder": False,
                # MONAI's writer fails where it drops the only slice of a file with channels.
                **({"squeeze_end_dims": False} if len(trained.settings.channels) > 1 else {}),
                "resample": False,
            },
        ],
    }
