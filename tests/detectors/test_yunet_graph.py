"""The rewritten graph answers what the published one does, decoded outside of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefer.data import Image
from edgefer.detectors.yunet_graph import FACES, GRID, PICTURE, STRIDES, decoding, grid, rewrite
from edgefer.errors import ModelError
from tests.detectors import yunet_reference
from tests.detectors.faces import ONE_FACE, TWELVE_FACES, picture

MIN_SCORE, NMS_IOU = 0.7, 0.3
DYNAMIC, FIXED = "yunet_s_dynamic.onnx", "face_detection_yunet_2023mar.onnx"

Array = NDArray[np.float32]


def session(model: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def faces(model: bytes, image: Image) -> Array:
    height, width = image.shape[:2]
    inputs = {PICTURE: image.reshape(1, 1, height, -1), GRID: grid(height, width)}
    found: Array = session(model).run([FACES], inputs)[0]
    return found


def scaled(shared: Path, name: str, width: int, height: int) -> Image:
    return np.asarray(cv2.resize(picture(shared, name), (width, height)), np.uint8)


@pytest.mark.parametrize("min_score", [0.05, MIN_SCORE])
@pytest.mark.parametrize("name", [*ONE_FACE, TWELVE_FACES])
@pytest.mark.parametrize(("file", "size"), [(DYNAMIC, (320, 256)), (FIXED, (640, 640))])
def test_the_graph_finds_what_is_decoded_outside_of_it(
    shared: Path, file: str, size: tuple[int, int], name: str, min_score: float
) -> None:
    path, image = shared / "models" / file, scaled(shared, name, *size)
    expected = yunet_reference.faces(path, image, min_score, NMS_IOU)
    found = faces(rewrite(path, min_score, NMS_IOU).model, image)
    assert len(found) == len(expected) > 0
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("which", ["first convolution", "a head"])
def test_other_nodes_than_expected_keep_their_place_and_the_answers_stay(
    shared: Path, tmp_path: Path, which: str
) -> None:
    """As in a quantised file: here by nodes that change nothing."""
    path = shared / "models" / DYNAMIC
    model = onnx.load(str(path))
    output = "input" if which == "first convolution" else "kps_16"
    (at,) = (n for n, node in enumerate(model.graph.node) if output in (*node.input, *node.output))
    if which == "first convolution":
        model.graph.node[at].input[0] = "same"
        same = onnx.helper.make_node("Identity", [output], ["same"])
    else:
        model.graph.node[at].output[0] = "same"
        same = onnx.helper.make_node("Identity", ["same"], [output])
    model.graph.node.append(same)
    other = tmp_path / "other.onnx"
    onnx.save(model, str(other))
    image = scaled(shared, TWELVE_FACES, 640, 480)
    expected, found = (faces(rewrite(p, MIN_SCORE, NMS_IOU).model, image) for p in (path, other))
    assert len(found) == 12
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("file", [DYNAMIC, FIXED])
def test_a_rewritten_graph_is_valid_and_small(shared: Path, file: str) -> None:
    path = shared / "models" / file
    rewritten = rewrite(path, MIN_SCORE, NMS_IOU)
    model = onnx.load_from_string(rewritten.model)
    onnx.checker.check_model(model, full_check=True)
    assert len(model.graph.node) < len(onnx.load(str(path)).graph.node)
    assert len(rewritten.model) < path.stat().st_size
    assert rewritten.fixed == ((640, 640) if file == FIXED else None)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"", "is empty"), (b"\x08\x06 no model", "damaged or cut off")],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "yunet.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=why):
        rewrite(path, MIN_SCORE, NMS_IOU)


def tail(min_score: float) -> onnxruntime.InferenceSession:
    """The decoding alone: cells and products in, faces out."""
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [],
        "tail",
        [
            helper.make_tensor_value_info("cells", float32, ["n", 16]),
            helper.make_tensor_value_info("product", float32, ["n"]),
        ],
        [],
    )
    decoding(graph, "cells", "product", min_score, NMS_IOU)
    opset = [helper.make_opsetid("", 11)]
    return session(helper.make_model(graph, opset_imports=opset, ir_version=6).SerializeToString())


TAIL = tail(0.5)


def decoded(cells: Array, product: Array, height: int, width: int) -> Array:
    inputs = {"cells": cells, "product": product, GRID: grid(height, width)}
    found: Array = TAIL.run([FACES], inputs)[0]
    return found


@given(
    level=st.integers(0, 2),
    place=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)),
    product=st.floats(0.3125, 1, width=32),
)
def test_one_cell_decodes_to_its_place(
    level: int, place: tuple[float, float], product: float
) -> None:
    height, width, stride = 96, 160, STRIDES[level]
    row, column = int(place[0] * height / stride), int(place[1] * width / stride)
    before = sum((height // s) * (width // s) for s in STRIDES[:level])
    cell = before + row * (width // stride) + column
    cells = np.zeros((len(grid(height, width)), 16), np.float32)
    products = np.zeros(len(cells), np.float32)
    products[cell] = product
    cells[cell, :4] = (0.5, 0.25, np.log(2), np.log(4))
    cells[cell, 4:14] = np.arange(10) / 10

    (face,) = decoded(cells, products, height, width)

    x, y = (column + 0.5) * stride, (row + 0.25) * stride
    box = [x - stride, y - 2 * stride, x + stride, y + 2 * stride]
    landmarks = (np.arange(10).reshape(5, 2) / 10 + (column, row)) * stride
    np.testing.assert_allclose(face[:14], [*box, *landmarks.ravel()], rtol=1e-5, atol=1e-4)
    assert face[14] == pytest.approx(np.sqrt(product), rel=1e-5)


def test_cells_below_the_score_are_not_decoded_and_cells_at_it_are() -> None:
    cells = np.zeros((len(grid(64, 64)), 16), np.float32)
    product = np.full(len(cells), np.nextafter(np.float32(0.25), np.float32(0)))
    cells[:, 2:4] = np.inf  # of what is not decoded
    assert decoded(cells, product, 64, 64).shape == (0, 15)
    cells[5, 2:4], product[5] = 0, 0.25
    assert decoded(cells, product, 64, 64)[:, 14].tolist() == [0.5]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 83), st.floats(-1, 2, width=16), st.floats(0.25, 1, width=32)),
        min_size=1,
        max_size=40,
        unique_by=(lambda face: face[0], lambda face: face[2]),
    )
)
def test_of_boxes_that_overlap_the_most_certain_stay(
    found: list[tuple[int, float, float]],
) -> None:
    cells = np.zeros((len(grid(64, 64)), 16), np.float32)
    product = np.zeros(len(cells), np.float32)
    for cell, size, certainty in found:
        cells[cell, 2:4], product[cell] = size, certainty
    inputs = {"cells": cells, "product": product, GRID: grid(64, 64)}
    at = grid(64, 64)
    middle, half = at[:, :2], np.exp(cells[:, 2:4]) / 2
    boxes = np.concatenate((middle - half, middle + half), axis=1) * at[:, 2:]
    rows = np.concatenate((boxes, np.repeat(middle * at[:, 2:], 5, axis=0).reshape(-1, 10),
                           np.sqrt(product)[:, None]), axis=1)  # fmt: skip
    order = np.argsort(-product, kind="stable")[: len(found)]
    expected = yunet_reference.suppressed(rows[order], NMS_IOU)
    np.testing.assert_allclose(TAIL.run([FACES], inputs)[0], expected, rtol=1e-5, atol=1e-4)
