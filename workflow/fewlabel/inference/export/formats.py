"""Export formats, their files and the libraries they need."""

from enum import StrEnum


class Format(StrEnum):
    """A format of another runtime."""

    ONNX = "onnx"
    MONAI = "monai"


FILES = {Format.ONNX: "network.onnx", Format.MONAI: "monai_bundle"}
"""Name of each format's file or folder in an export."""
CARD = "model_card.md"
PACKAGES = {Format.ONNX: ("onnx", "onnxruntime", "onnxscript"), Format.MONAI: ("monai", "ignite", "fire")}
"""Import names of the libraries that each format needs."""
