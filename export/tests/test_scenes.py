from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.config import DetectorConfig, EngineConfig
from edgefer.data import Box, Face, Image
from edgefer.detectors.yunet import YuNet
from edgefer.engines import open_engine
from edgefer.errors import ConfigError, SourceError, UnknownName
from edgefer.spec import ModelSpec, Preprocessing
from edgefer_export.cli import main
from edgefer_export.scenes import LABELS, Labelled, evaluate, matched, read_labels
from edgefer_export.scenes_report import report

HEADER = "picture,x1,y1,x2,y2,expression\n"
GREY = Preprocessing(8, 8, channels=1, colour="grey", mean=(0.0,), std=(1.0,))

LONDON = """\
112,103,213,240,happy
429,81,533,235,neutral
754,102,858,260,happy
1067,102,1171,254,neutral
105,420,211,564,happy
434,410,525,535,neutral
746,418,859,569,happy
1069,408,1172,547,neutral
105,736,220,882,happy
430,717,532,861,neutral
739,741,854,896,happy
1069,725,1172,880,neutral
"""
"""The twelve faces of london_group12.jpg: YuNet's boxes at 640 px, looked at by eye; the
expressions are those the set's authors asked for."""


class Squares:
    """Finds every bright square of exactly 20 px; misses what is smaller."""

    name = "squares"
    exclusive = False

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        bright = (image_bgr[:, :, 0] > 50).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        boxes = [stats[i, :4].tolist() for i in range(1, count)]
        return tuple(Face(Box(x, y, x + w, y + h), 1.0) for x, y, w, h in boxes if w >= 20)

    def close(self) -> None:
        """Nothing is open."""


class Brightness:
    """Says "happy" of what is brighter than 150."""

    exclusive = False
    runtime = "a stand-in"
    spec = ModelSpec("brightness", ("neutral", "happy"), GREY, output="probs")

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        happy = 255 * batch.mean(axis=(1, 2, 3)) > 150
        return np.stack((~happy, happy), axis=1).astype(np.float32)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures. In one: a happy face found and right, a neutral one found and wrong, a
    happy one too small to be found, and a bright square that is no face. In the other: nothing."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[10:30, 10:30] = 200  # happy, right
    image[10:30, 60:80] = 220  # labelled neutral, looks happy
    image[10:20, 110:120] = 200  # too small
    image[60:80, 150:170] = 100  # no face
    cv2.imwrite(str(tmp_path / "scene.png"), image)
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros((50, 50, 3), np.uint8))
    (tmp_path / LABELS).write_text(
        f"{HEADER}scene.png,11,11,30,30,happy\nscene.png,60,10,80,30,neutral\n"
        "scene.png,110,10,120,20,happy\nempty.png,,,,,\n",
        encoding="utf-8",
    )
    return tmp_path


def test_a_missed_face_is_wrong_and_a_false_alarm_is_counted(folder: Path) -> None:
    result = evaluate(Squares(), Brightness(), read_labels(folder))
    assert result.scenes == 2
    assert result.false_alarms == 1
    assert [face.answer for face in result.faces] == ["happy", "happy", None]
    assert result.found.value == pytest.approx(2 / 3)
    assert result.classified.value == pytest.approx(1 / 2)
    assert result.end_to_end.value == pytest.approx(1 / 3)
    assert (result.found.n, result.classified.n, result.end_to_end.n) == (3, 2, 3)
    assert result.faces[0].iou == pytest.approx(19 * 19 / 400)
    text = report(result)
    assert "1 in 2 pictures" in text
    assert "| happy          | 1     | 1      |" in text


def test_scenes_without_any_face_have_no_rates(folder: Path) -> None:
    (folder / LABELS).write_text(f"{HEADER}scene.png,,,,,\n", encoding="utf-8")
    result = evaluate(Squares(), Brightness(), read_labels(folder))
    assert result.false_alarms == 3
    assert result.end_to_end.value is result.classified.value is None
    assert report(result).count("unavailable") == 3


def test_overlap_decides_and_each_detection_finds_one_face() -> None:
    def face(x: float) -> Face:
        return Face(Box(x, 0, x + 10, 10), 1.0)

    def marked(x: float) -> Labelled:
        return Labelled(Box(x, 0, x + 10, 10), "happy")

    assert matched((marked(0),), (face(4.2),)) == {0: 0}  # 5.8 / 14.2 = 0.408
    assert matched((marked(0),), (face(4.4),)) == {}  # 5.6 / 14.4 = 0.389
    assert matched((marked(0), marked(3)), (face(2),)) == {1: 0}  # the nearer one gets it
    assert matched((marked(0), marked(3)), (face(3), face(0))) == {0: 1, 1: 0}
    assert matched((marked(0),), ()) == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("scene.png,1,1,x,9,happy", "line 2"),
        ("scene.png,9,1,5,9,happy", "x1 < x2"),
        ("scene.png,1,1,inf,9,happy", "x1 < x2"),
        ("scene.png,1,1,5,9,", "expression"),
        ("scene.png,1,1,,9,happy", "line 2"),
        ("scene.png,,,,,happy", "line 2"),
        ("other.png,1,1,5,9,happy", "other.png"),
        ("", "no picture"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(folder: Path, line: str, said: str) -> None:
    (folder / LABELS).write_text(HEADER + line, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_labels(folder)


def test_a_folder_without_labels_and_one_without_columns_are_refused(folder: Path) -> None:
    (folder / LABELS).write_text("picture,expression\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="x1, y1, x2, y2"):
        read_labels(folder)
    (folder / LABELS).unlink()
    with pytest.raises(ConfigError, match=LABELS):
        read_labels(folder)


def test_an_expression_that_the_model_never_answers_is_refused(folder: Path) -> None:
    (folder / LABELS).write_text(f"{HEADER}scene.png,1,1,5,9,hapy\n", encoding="utf-8")
    with pytest.raises(UnknownName) as caught:
        evaluate(Squares(), Brightness(), read_labels(folder))
    assert caught.value.nearest == "happy"


def test_a_picture_that_is_none_is_named(folder: Path) -> None:
    (folder / "scene.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"scene\.png"):
        evaluate(Squares(), Brightness(), read_labels(folder))


@pytest.fixture
def london(shared: Path, tmp_path: Path) -> Path:
    """A folder of one scene with twelve faces."""
    shutil.copy(shared / "media" / "london_group12.jpg", tmp_path)
    lines = "".join(f"london_group12.jpg,{line}\n" for line in LONDON.splitlines())
    (tmp_path / LABELS).write_text(HEADER + lines, encoding="utf-8")
    return tmp_path


def test_all_twelve_faces_of_a_group_are_found_and_most_are_right(
    shared: Path, london: Path
) -> None:
    detector = YuNet(shared / "models" / "yunet_s_dynamic.onnx", DetectorConfig(name="yunet"))
    result = evaluate(detector, open_engine(EngineConfig()), read_labels(london))
    assert result.found.value == 1
    assert result.false_alarms == 0
    assert result.end_to_end.value == result.classified.value
    assert result.classified.value is not None
    assert result.classified.value >= 10 / 12


def test_the_command_runs_a_detector_and_says_what_it_missed(
    london: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = london / LABELS
    labels.write_text(
        labels.read_text(encoding="utf-8") + "london_group12.jpg,10,10,60,60,happy\n",
        encoding="utf-8",
    )
    out = tmp_path / "report"
    command = ["evaluate", "lightweight.onnx", "--scenes", str(london), "--detector", "haar"]
    assert main([*command, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "13 labelled faces" in said
    assert "end to end" in said
    assert (out / "report.md").read_text(encoding="utf-8") == said
    last = (out / "faces.csv").read_text(encoding="utf-8").splitlines()[-1]
    assert last == "london_group12.jpg,10,10,60,60,happy,missed,0.000"
