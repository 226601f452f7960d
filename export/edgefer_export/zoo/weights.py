"""Weights from somebody else's checkpoint, such as torchvision's ResNet-50."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from edgefer.errors import ModelError
from edgefer_export.checkpoint import read_checkpoint


def read_weights(path: Path) -> dict[str, Tensor]:
    """A `.pth` file's tensors by name; only tensors and plain values are ever loaded.

    A table kept under "state_dict", "model" or, in a checkpoint of this workstation, "average"
    is found, and the "module." that DataParallel puts before each name is dropped. Raises
    ConfigError where there is no file, ModelError where it holds no weights.
    """
    state = read_checkpoint(path)
    for key in ("state_dict", "model", "average"):
        if isinstance(state.get(key), dict):
            state = state[key]
            break
    tensors = {
        str(name).removeprefix("module."): value
        for name, value in state.items()
        if isinstance(value, Tensor)
    }
    if not tensors:
        raise ModelError(
            f"{path} holds no tensors by name, but {', '.join(map(str, state)) or 'nothing'}. "
            "Give a state_dict, as torch.save(network.state_dict(), FILE) writes it"
        )
    return tensors


@torch.no_grad()
def transfer(
    network: nn.Module, state: Mapping[str, Tensor]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Copy what fits into the network: the names loaded, and (name, why) of those skipped.

    Colour filters of a network for grey input are summed over their three channels, which
    answers grey pictures as the file's network answers their three equal channels. A tensor of
    another shape, such as the head for other classes, keeps its first weights. Raises
    ModelError, and changes nothing, where no tensor fits or one that would is not finite.
    """
    own = {k: v for k, v in network.state_dict().items() if v.is_floating_point()}
    fitting: dict[str, Tensor] = {}
    skipped: list[tuple[str, str]] = []
    for name, target in own.items():
        if name not in state:
            skipped.append((name, "not in the file"))
            continue
        value = state[name]
        if value.ndim == 4 and target.ndim == 4 and (value.shape[1], target.shape[1]) == (3, 1):
            value = value.sum(1, keepdim=True)
        if value.shape != target.shape:
            theirs, ours = (" x ".join(map(str, t.shape)) for t in (state[name], target))
            skipped.append((name, f"{theirs} in the file, {ours} here"))
        elif not value.isfinite().all():
            raise ModelError(f"the weights {name!r} are not finite: the file is of no use")
        else:
            fitting[name] = value
    skipped += [
        (name, "not in this network")
        for name, value in state.items()
        if name not in own and value.is_floating_point()
    ]
    if not fitting:
        raise ModelError(
            f"none of the file's {len(state)} tensors fits this network. Its names begin with "
            f"{', '.join(list(own)[:3])}; the file's with {', '.join(list(state)[:3])}"
        )
    for name, value in fitting.items():
        own[name].copy_(value)
    return tuple(fitting), tuple(skipped)
