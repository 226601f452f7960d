from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from edgefer.data import Box
from edgefer.tracking.assignment import associate
from tests.scenes import square

boxes = st.builds(
    square,
    st.integers(0, 30).map(float),
    st.integers(0, 30).map(float),
    st.integers(10, 30).map(float),
)


def total(pairs: dict[int, int], tracks: list[Box], faces: list[Box]) -> float:
    return sum(tracks[t].iou(faces[f]) for f, t in pairs.items())


def best_total(tracks: list[Box], faces: list[Box], least: float) -> float:
    """By trying every pairing."""
    few, many = sorted((tracks, faces), key=len)
    return max(
        sum(
            overlap
            for one, other in zip(few, chosen, strict=True)
            if (overlap := one.iou(other)) >= least
        )
        for chosen in permutations(many, len(few))
    )


@given(tracks=st.lists(boxes, max_size=4), faces=st.lists(boxes, max_size=4))
def test_no_pairing_overlaps_more(tracks: list[Box], faces: list[Box]) -> None:
    pairs = associate(tracks, faces, 0.3)
    assert len(set(pairs.values())) == len(pairs)
    assert all(tracks[t].iou(faces[f]) >= 0.3 for f, t in pairs.items())
    assert abs(total(pairs, tracks, faces) - best_total(tracks, faces, 0.3)) < 1e-9


@given(data=st.data(), tracks=st.lists(boxes, max_size=6))
def test_the_order_of_the_faces_does_not_matter(data: st.DataObject, tracks: list[Box]) -> None:
    faces = data.draw(st.lists(boxes, max_size=6, unique=True))
    shuffled = data.draw(st.permutations(faces))
    first = {faces[f]: t for f, t in associate(tracks, faces, 0.1).items()}
    second = {shuffled[f]: t for f, t in associate(tracks, shuffled, 0.1).items()}
    assert first == second


def test_the_greatest_single_overlap_gives_way_to_the_greatest_total() -> None:
    # Greedy would pair track 1 with face 0 and leave the other two alone.
    tracks, faces = [square(0, 0), square(30, 0)], [square(25, 0), square(60, 0)]
    assert tracks[1].iou(faces[0]) > tracks[0].iou(faces[0])
    assert tracks[1].iou(faces[0]) > tracks[1].iou(faces[1])
    assert associate(tracks, faces, 0.3) == {0: 0, 1: 1}


def test_what_overlaps_too_little_is_no_pair() -> None:
    assert associate([square(0, 0)], [square(60, 0)], 0.3) == {}
