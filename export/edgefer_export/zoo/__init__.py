"""The networks that can be trained here, by name.

Those of papers are reconstructions: no author's file was at hand. What is known of each is the
number of its parameters, and the layout here is one that has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefer.bench.reported import NORHIKMAH_2022, ROBOT_2024, TABLE_1
from edgefer.errors import ConfigError, UnknownName

if TYPE_CHECKING:
    from torch import nn

SIZE = 64
"""Side of the input for which costs are listed, px; the published text's."""


@dataclass(frozen=True, slots=True)
class Network:
    """What the zoo says about one network. The input and the classes are its publication's."""

    name: str
    about: str
    """In a few words."""
    published: int | None
    """Parameters by Keras's count, where a paper printed them."""
    source: str
    size: int = SIZE
    """Side of the square input, px."""
    channels: int = 3
    classes: int = 7
    least: int = 32
    """Side of the smallest input that leaves something to classify, px."""

    @property
    def parameters(self) -> int:
        """Keras's count of the network built as published. Nothing is held in memory."""
        import torch

        from edgefer_export import measure

        with torch.device("meta"):
            network = build(self.name, classes=self.classes, channels=self.channels, size=self.size)
        return measure.parameters(network)

    @property
    def difference(self) -> int | None:
        """Parameters more than published; None where nothing was published."""
        return None if self.published is None else self.parameters - self.published

    @property
    def reproduction(self) -> str:
        """How the count compares with the published one, in words."""
        difference = self.difference
        if difference is None:
            return "no published count"
        return f"reconstruction, differs by {difference:+,}" if difference else "exact"


def _table_1(name: str, about: str, least: int = 32) -> Network:
    return Network(name, about, TABLE_1[name].parameters, ROBOT_2024, least=least)


NETWORKS: Mapping[str, Network] = {
    network.name: network
    for network in (
        _table_1("lightweight", "modules of five 3x3 convolutions, the third narrow"),
        Network(
            "lightweight-residual",
            "lightweight with a shortcut over each module",
            None,
            "this repository",
            least=16,
        ),
        _table_1("lenet", "three convolutions, two layers above", least=16),
        _table_1("mobilenetv1", "depthwise separable; a bias everywhere"),
        _table_1("mobilenetv2", "inverted residuals to 320 channels, hidden 192"),
        _table_1("mobilenetv2-bn", "the closest: BatchNorm around the hidden layer"),
        _table_1("mobilenetv3-large", "Keras's layout; the paper's is not known"),
        _table_1("mobilenetv3-small", "Keras's layout; the paper's is not known"),
        _table_1("vgg11-bn", "8 convolutions, one BatchNorm a block"),
        _table_1("vgg13-bn", "10 convolutions, one BatchNorm a block"),
        _table_1("vgg16-bn", "13 convolutions, one BatchNorm a block"),
        _table_1("vgg19", "16 convolutions; has BatchNorm all the same"),
        _table_1("alexnet", "11x11 and 5x5, then three 1x1 convolutions"),
        _table_1("alexnet-bn", "alexnet with BatchNorm before each pool"),
        _table_1("resnet18", "basic blocks [2, 2, 2, 2]"),
        _table_1("resnet34", "so labelled; basic blocks [3, 4, 6, 2]"),
        _table_1("resnet50", "so labelled; really ResNet-34's blocks"),
        _table_1("googlenet", "nine Inception blocks, no auxiliary heads"),
        Network(
            "model-a",
            "two 3x3 and two 5x5 convolutions, two hidden layers",
            1_195_205,
            NORHIKMAH_2022,
            size=48,
            channels=1,
            classes=5,
            least=16,
        ),
        Network(
            "model-b",
            "model-a with a BatchNorm a layer, and dropout",
            1_197_637,
            NORHIKMAH_2022,
            size=48,
            channels=1,
            classes=5,
            least=16,
        ),
        Network(
            "resnet50-bottleneck",
            "a real ResNet-50; takes torchvision's weights",
            None,
            "Ristiawanto, Irawan, Setianingsih; Istiqomah, Sari, Susanto, Rachmawanto (2024)",
            size=48,
            channels=1,
        ),
    )
}
"""By name."""


def build(name: str, *, classes: int = 7, channels: int = 3, size: int = SIZE) -> nn.Module:
    """A network with fresh weights from torch's global generator.

    (N, channels, H, W) float32 -> (N, classes) float32 logits. `size`, a side in px, is only
    checked: the parameters are the same for every size, and each network takes all from its
    least. Raises UnknownName, and ConfigError where such an input does not fit.
    """
    if name not in NETWORKS:
        raise UnknownName("network", name, NETWORKS)
    for what, value, least in (
        ("px as the side of its input", size, NETWORKS[name].least),
        ("input channels", channels, 1),
        ("classes", classes, 2),
    ):
        if value < least:
            raise ConfigError(f"{name} needs at least {least} {what}; {value} were asked for")
    match name:
        case "lightweight":
            from edgefer_export.zoo.lightweight import Lightweight

            return Lightweight(classes, channels)
        case "lightweight-residual":
            from edgefer_export.zoo.lightweight import LightweightResidual

            return LightweightResidual(classes, channels)
        case "lenet":
            from edgefer_export.zoo.lenet import LeNet

            return LeNet(classes, channels)
        case "mobilenetv1":
            from edgefer_export.zoo.mobilenet import MobileNetV1

            return MobileNetV1(classes, channels)
        case "mobilenetv2" | "mobilenetv2-bn":
            from edgefer_export.zoo.mobilenet import MobileNetV2

            return MobileNetV2(classes, channels, normed=name.endswith("-bn"))
        case "mobilenetv3-large" | "mobilenetv3-small":
            from edgefer_export.zoo.mobilenetv3 import LARGE, SMALL, MobileNetV3

            if name == "mobilenetv3-large":
                return MobileNetV3(LARGE, 1280, classes, channels)
            return MobileNetV3(SMALL, 1024, classes, channels)
        case "vgg11-bn" | "vgg13-bn" | "vgg16-bn" | "vgg19":
            from edgefer_export.zoo.vgg import DEPTHS, VGG

            return VGG(DEPTHS[name], classes, channels)
        case "alexnet" | "alexnet-bn":
            from edgefer_export.zoo.alexnet import AlexNet

            return AlexNet(classes, channels, normed=name.endswith("-bn"))
        case "resnet18" | "resnet34" | "resnet50":
            from edgefer_export.zoo import resnet

            return resnet.ResNet(resnet.DEPTHS[name], classes, channels)
        case "googlenet":
            from edgefer_export.zoo.googlenet import GoogLeNet

            return GoogLeNet(classes, channels)
        case "model-a" | "model-b":
            from edgefer_export.zoo.norhikmah import Norhikmah

            return Norhikmah(classes, channels, normed=name == "model-b")
        case "resnet50-bottleneck":
            from edgefer_export.zoo.resnet import ResNet50

            return ResNet50(classes, channels)
    raise AssertionError(f"{name} is listed and cannot be built")
