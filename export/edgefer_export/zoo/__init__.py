"""The networks that can be trained here, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgefer.errors import UnknownName

if TYPE_CHECKING:
    from torch import nn

NETWORKS = {
    "lightweight": "modules of five 3x3 convolutions, the middle one narrow",
}
"""Name -> what it is, in a few words."""

SIZE = 64
"""Side of the input for which costs are listed, px; the published text's."""


def build(name: str) -> nn.Module:
    """A network with fresh weights from torch's global generator; raises UnknownName."""
    match name:
        case "lightweight":
            from edgefer_export.zoo.lightweight import Lightweight

            return Lightweight()
        case _:
            raise UnknownName("network", name, NETWORKS)
