"""The workstation side of edgefer: data, networks, training, evaluation and ONNX export."""

__version__ = "0.1.0"
