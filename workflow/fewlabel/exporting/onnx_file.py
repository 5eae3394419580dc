"""A trained network as ONNX, checked with onnxruntime before it is kept."""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fewlabel.exporting.graph import module_of, refuse_difference
from fewlabel.files import write_text
from fewlabel.trained import Trained

NETWORK, PREPARATION = "network.onnx", "preparation.json"


def write_onnx(trained: Trained, folder: Path) -> float:
    """Write `network.onnx` (input `images`, output `probability`) and `preparation.json` into a folder.

    The number of slices is free; rows and columns are those of the working grid. How volumes become slices stands in
    the file's metadata (`fewlabel.prepared`) and in `preparation.json`.

    Returns:
        The largest difference in probability between onnxruntime and torch.

    Raises:
        TrainingError: onnxruntime gives other numbers.
    """
    prepared = trained.preparation.model_dump(mode="json")
    module, example, free = module_of(trained)
    # The exporter tells of operators of libraries that are not here.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            module,
            (example,),
            input_names=["images"],
            output_names=["probability"],
            dynamic_shapes=free,
            dynamo=True,
            verbose=False,
        )
    program.model.metadata_props["fewlabel.prepared"] = json.dumps(prepared)
    path = folder / NETWORK
    program.save(str(path), external_data=False)
    difference = refuse_difference(module, _runtime(path), trained, "onnxruntime")
    write_text(folder / PREPARATION, json.dumps(prepared, indent=2) + "\n")
    return difference


def _runtime(path: Path) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])

    return run
