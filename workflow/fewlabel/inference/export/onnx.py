"""Export a trained network as ONNX, and check it with onnxruntime."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fewlabel.inference.export.module import check_runtime, exported_module
from fewlabel.inference.trained_network import TrainedNetwork

OPSET = 18
"""Version of ONNX's operators that torch's exporter writes without conversion."""


def write_onnx(trained: TrainedNetwork, path: Path, facts: Mapping[str, str]) -> float:
    """Write a network as ONNX: input `images`, output `probability`, see `Probability`.

    The number of slices is free; rows and columns are those of the working grid. `facts`: metadata of the file.

    Returns:
        The largest difference in probability between onnxruntime and torch.

    Raises:
        TrainingError: onnxruntime gives other probabilities.
    """
    import onnx

    module, example = exported_module(trained)
    # The exporter warns of operators of libraries that are not installed.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            module,
            (example,),
            input_names=["images"],
            output_names=["probability"],
            dynamic_shapes={"images": {0: torch.export.Dim("slices")}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    _forget_source(model)
    onnx.helper.set_model_props(model, dict(facts))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return check_runtime(module, _runtime(path), trained, "onnxruntime")


def _forget_source(model: Any) -> None:
    """Remove source locations, which contain paths of this machine."""
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    del model.graph.metadata_props[:]


def _runtime(path: Path) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])

    return run
