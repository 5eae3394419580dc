"""The formats that a network is exported in."""

from enum import StrEnum


class Format(StrEnum):
    """Of another runtime."""

    ONNX = "onnx"
    MONAI = "monai"


PLACES = {Format.ONNX: "network.onnx", Format.MONAI: "monai_bundle"}
"""What each format is called in the folder."""
CARD = "model_card.md"
PACKAGES = {
    Format.ONNX: ("onnx", "onnxruntime", "onnxscript"),
    Format.MONAI: ("monai", "ignite", "fire"),
}
"""What each format needs, as it is imported."""
