"""What the papers printed: figures reported by others, none measured here.

A table that shows one of them says "reported" and never puts it in one column with a measured
figure.
"""

from __future__ import annotations

from dataclasses import dataclass

ROBOT_2024 = (
    "Robot, Lolowang, Putro, Lightweight Convolutional Neural Network Architecture For Facial "
    "Expression Recognition (2024), Table 1"
)
NORHIKMAH_2022 = "Norhikmah, Lutfhi, Rumini (2022)"
CONDITIONS = (
    "reported, not measured here: KDEF, 7 classes, 100 epochs; Keras in one loop, without "
    "TensorRT, on a Jetson Nano 4 GB with a webcam"
)
"""Of every row of `TABLE_1`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of Table 1, as printed."""

    label: str
    parameters: int
    """Keras's count: BatchNorm's running statistics included."""
    accuracy: float
    """Validation accuracy, 0 to 1."""
    fps: tuple[float, float, float] | None = None
    """Frames a second: total, classification alone, detection alone. None where not printed."""
    sic: str = ""
    """What is odd about the row as printed."""


TABLE_1 = {
    "lenet": Row("LeNet", 528_311, 0.7517, (4.95, 5.23, 96.51)),
    "mobilenetv1": Row("MobileNetV1", 3_246_983, 0.9270, (4.08, 4.28, 84.65)),
    "mobilenetv2": Row("MobileNetV2", 1_906_275, 0.9301, (4.14, 4.33, 95.91)),
    "mobilenetv2-bn": Row(
        "MobileNetV2+BN",
        1_908_456,
        0.9205,
        (4.15, 4.36, 93.81),
        sic="no network of that count was found; the closest, with BatchNorm around the hidden "
        "layer, has 1,908,323",
    ),
    "mobilenetv3-large": Row(
        "MobileNetV3Large",
        5_127_839,
        0.6928,
        sic="no network of that count was found; Keras's layout with 7 classes has 4,235,399",
    ),
    "mobilenetv3-small": Row(
        "MobileNetV3Small",
        2_949_663,
        0.6812,
        sic="no network of that count was found; Keras's layout with 7 classes has 1,537,143",
    ),
    "vgg11-bn": Row("VGG11+BN", 28_137_607, 0.9622, (2.88, 2.97, 93.1)),
    "vgg13-bn": Row(
        "VGG13+BN",
        28_322_119,
        0.9698,
        (2.68, 2.76, 9249.0),
        sic="9249 detections a second (sic): 92.49 is meant",
    ),
    "vgg16-bn": Row("VGG16+BN", 33_631_815, 0.9714, (2.54, 2.61, 95.04)),
    "vgg19": Row(
        "VGG19",
        38_941_511,
        0.9354,
        (2.32, 2.38, 94.45),
        sic="the count includes five BatchNorms, which the label does not say",
    ),
    "alexnet": Row("AlexNet", 44_023_175, 0.1403, (2.54, 2.61, 93.55)),
    "alexnet-bn": Row("AlexNet+BN", 44_025_607, 0.9179, (2.55, 2.63, 89.41)),
    "resnet18": Row("ResNet18", 11_190_947, 0.9051, (4.02, 4.20, 93.78)),
    "resnet34": Row(
        "ResNet34",
        16_586_531,
        0.8844,
        (3.37, 3.50, 92.08),
        sic="the count is that of [3, 4, 6, 2] blocks; ResNet-34 has [3, 4, 6, 3]",
    ),
    "resnet50": Row(
        "ResNet50",
        21_310_243,
        0.8831,
        (3.37, 3.50, 90.69),
        sic="the count is that of ResNet-34's basic blocks; ResNet-50 has bottlenecks",
    ),
    "googlenet": Row("GoogLeNet", 5_981_751, 0.9223, (4.04, 4.22, 90.57)),
    "lightweight": Row("Proposed", 2_893_395, 0.9732, (15.0, 18.0, 78.0)),
}
"""The zoo's name -> the paper's row, in the paper's order."""

VARIANTS = {"lightweight-residual": "lightweight"}
"""Networks of ours -> the row whose network they change."""
