"""The drawn scene: it is what it says it is, and detectors that know nothing of it agree."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest

from edgefer.data import Box, Image
from edgefer.sources.portrait import LOOKS
from edgefer.sources.scene import ACT, CYCLE, HEIGHT, LARGEST, SMALLEST, WIDTH, Scene

Find = Callable[[Image], list[Box]]
EMPTY = range(3 * ACT, CYCLE)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(seed=0)


@pytest.fixture(scope="module")
def yunet(shared: Path) -> Find:
    """YuNet at a working width of 320 and a score of 0.7, decoded here from its raw heads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        shared / "models/yunet_s_dynamic.onnx", options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def find(image: Image) -> list[Box]:
        factor = image.shape[1] / 320
        small = np.zeros((256, 320, 3), np.uint8)
        small[:240] = cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA)
        blob = small.transpose(2, 0, 1)[None].astype(np.float32)
        heads = dict(zip(names, session.run(None, {"input": blob}), strict=True))
        boxes, scores = [], []
        for stride in (8, 16, 32):
            certain = heads[f"cls_{stride}"].ravel() * heads[f"obj_{stride}"].ravel()
            for cell in np.flatnonzero(np.sqrt(certain.clip(0, 1)) >= 0.7):
                row, column = divmod(int(cell), 320 // stride)
                x, y, width, height = heads[f"bbox_{stride}"].reshape(-1, 4)[cell].tolist()
                wide, high = np.exp(width) * stride * factor, np.exp(height) * stride * factor
                left = (column + x) * stride * factor - wide / 2
                top = (row + y) * stride * factor - high / 2
                boxes.append([left, top, wide, high])
                scores.append(float(np.sqrt(certain[cell])))
        return _boxes([boxes[i] for i in cv2.dnn.NMSBoxes(boxes, scores, 0.7, 0.3)])

    return find


@pytest.fixture(scope="module", params=[1.1, 1.2])
def haar(request: pytest.FixtureRequest) -> Iterator[Find]:
    if not hasattr(cv2, "CascadeClassifier"):
        pytest.skip("OpenCV 5 has no CascadeClassifier: install opencv-python-headless<5")
    folder: Any = cv2  # the stubs do not know cv2.data
    path = Path(folder.data.haarcascades) / "haarcascade_frontalface_default.xml"
    cascade = cv2.CascadeClassifier(str(path))

    def find(image: Image) -> list[Box]:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return _boxes(cascade.detectMultiScale(grey, request.param, 5, minSize=(24, 24)))

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # on a busy machine its threads wait for each other
    yield find
    cv2.setNumThreads(threads)


def _boxes(corners_and_sizes: Iterable[Iterable[float]]) -> list[Box]:
    return [Box(x, y, x + width, y + height) for x, y, width, height in corners_and_sizes]


def _agreement(scene: Scene, frames: range, find: Find) -> tuple[float, float]:
    """The fraction of true faces that are found, and how many boxes a frame are on nobody."""
    true = found = false = 0
    for n in frames:
        boxes = find(scene.draw(n))
        truth = scene.truth(n)
        true += len(truth)
        found += sum(any(box.iou(face) >= 0.4 for box in boxes) for face in truth)
        # A face that is half out of the picture is not in the truth, but no false one either.
        anybody = [figure.box for figure in scene.figures(n)]
        false += sum(not any(box.iou(face) > 0.2 for face in anybody) for box in boxes)
    return found / true, false / len(frames)


@pytest.mark.parametrize("seed", [0, 1])
def test_yunet_finds_the_faces_and_nothing_else(yunet: Find, seed: int) -> None:
    recall, false_per_frame = _agreement(Scene(seed), range(0, CYCLE, 8), yunet)
    assert recall >= 0.95
    assert false_per_frame <= 0.01


def test_haar_finds_the_faces_and_little_else(scene: Scene, haar: Find) -> None:
    recall, false_per_frame = _agreement(scene, range(0, CYCLE, 40), haar)
    assert recall >= 0.85
    assert false_per_frame <= 0.1


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_yunet_finds_nobody_in_an_empty_room(yunet: Find, seed: int) -> None:
    assert yunet(Scene(seed).draw(EMPTY[0])) == []


def test_every_cycle_ends_with_an_empty_room(scene: Scene) -> None:
    room = scene.draw(EMPTY[0])
    for n in itertools.chain(EMPTY[::10], (frame + CYCLE for frame in EMPTY[::10])):
        assert scene.figures(n) == ()
        assert np.array_equal(scene.draw(n), room)


def test_people_come_leave_and_return(scene: Scene) -> None:
    crowd = [len(scene.truth(n)) for n in range(2 * CYCLE)]
    stretches = [present for present, _ in itertools.groupby(crowd, key=bool)]
    assert stretches.count(True) >= 4
    assert set(crowd) >= {0, 1, 2, 3}
    assert max(crowd) <= 4


def test_sizes_reach_from_small_to_large() -> None:
    scenes = [Scene(seed) for seed in (0, 1, 2)]
    widths = [face.width for scene in scenes for n in range(CYCLE) for face in scene.truth(n)]
    assert SMALLEST - 1e-9 <= min(widths) < SMALLEST + 5
    assert LARGEST - 5 < max(widths) <= LARGEST + 1e-9


def test_all_expressions_are_drawn_and_differ(scene: Scene) -> None:
    shown = {figure.looks[1] for n in range(5 * CYCLE) for figure in scene.figures(n)}
    assert shown == set(range(len(LOOKS)))
    sprites = [scene.portraits[0].sprite(look, 100)[0] for look in range(len(LOOKS))]
    for one, other in itertools.combinations(sprites, 2):
        assert np.abs(one.astype(int) - other).max() > 100


def test_faces_move_smoothly(scene: Scene) -> None:
    for n in range(CYCLE - 1):
        now, then = (
            {figure.person: figure for figure in scene.figures(frame)} for frame in (n, n + 1)
        )
        for person in now.keys() & then.keys():
            before, after = now[person], then[person]
            assert abs(after.unit - before.unit) < 2.5
            assert np.hypot(after.x - before.x, after.y - before.y) < 45  # on the way in or out


def test_nobody_hides_another_face(scene: Scene) -> None:
    for n in range(3 * CYCLE):
        for one, other in itertools.combinations(scene.truth(n), 2):
            assert one.iou(other) == 0


def test_faces_on_the_way_in_are_not_yet_true(scene: Scene) -> None:
    partly = [n for n in range(CYCLE) if len(scene.figures(n)) > len(scene.truth(n))]
    assert partly
    for n in range(CYCLE):
        for face in scene.truth(n):
            assert -0.16 * face.width < face.x1
            assert face.x2 < WIDTH + 0.16 * face.width
            assert face.y2 < HEIGHT + 0.16 * face.height


def test_same_seed_and_number_give_the_same_pixels_in_any_order(scene: Scene) -> None:
    other = Scene(seed=0)
    for n in (700, 90, 250, 430, 1):
        assert np.array_equal(other.draw(n), scene.draw(n))
        assert other.truth(n) == scene.truth(n)


def test_another_seed_gives_another_scene(scene: Scene) -> None:
    other = Scene(seed=1)
    assert not np.array_equal(other.draw(EMPTY[0]), scene.draw(EMPTY[0]))
    assert any(other.truth(n) != scene.truth(n) for n in range(0, CYCLE, 50))


def test_a_picture_belongs_to_its_caller(scene: Scene) -> None:
    first = scene.draw(90)
    kept = first.copy()
    first[:] = 0
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(scene.draw(90), kept)


def test_the_background_is_textured(scene: Scene) -> None:
    grey = cv2.cvtColor(scene.draw(EMPTY[0]), cv2.COLOR_BGR2GRAY).astype(float)
    tiles = grey.reshape(HEIGHT // 40, 40, WIDTH // 40, 40)
    assert tiles.std(axis=(1, 3)).min() > 3
