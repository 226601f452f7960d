"""Finding faces: a detector is chosen by name."""

from __future__ import annotations

import dataclasses

from edgefer.config import DetectorConfig, model_folder
from edgefer.errors import NotInstalled, UnknownName
from edgefer.protocols import Detector

YUNET_FILE = "yunet.onnx"
"""YuNet's name in the model folder."""


def open_detector(config: DetectorConfig, threads: int = 1) -> Detector:
    """The detector that `config.name` means; `auto` is yunet where its file is, else haar.

    `threads` is how many it computes with for one picture (yunet). Raises UnknownName,
    NotInstalled where a package or the model is missing, and ModelError where the model is
    there but cannot be used: `auto` does not hide a broken one behind haar.
    """
    model = model_folder() / YUNET_FILE
    match config.name:
        case "auto":
            found = "yunet" if model.is_file() else "haar"
            return open_detector(dataclasses.replace(config, name=found), threads)
        case "yunet":
            if not model.is_file():
                raise NotInstalled(f"no {model}. Fetch it: edgefer pull yunet")
            from edgefer.detectors.yunet import YuNet

            return YuNet(model, config, threads)
        case "haar":
            from edgefer.detectors.haar import Haar

            return Haar(config)
        case unknown:
            raise UnknownName("detector", unknown, ("auto", "yunet", "haar"))
