"""Which of the tracks is which of the faces: the greatest total overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgefer.data import Box


def associate(tracks: Sequence[Box], faces: Sequence[Box], least: float) -> dict[int, int]:
    """The face's place -> the track's place: the pairs of the greatest total overlap, exactly.

    Only pairs whose overlap is `least` or more. Of several equally good answers it is the same
    one whatever the order of the faces.
    """
    overlaps = {
        (t, f): overlap
        for t, track in enumerate(tracks)
        for f, face in enumerate(faces)
        if track.x1 < face.x2 and face.x1 < track.x2  # most pairs are far apart: be quick
        if (overlap := track.iou(face)) >= least
    }
    of_track: dict[int, list[int]] = {}
    of_face: dict[int, list[int]] = {}
    for t, f in overlaps:
        of_track.setdefault(t, []).append(f)
        of_face.setdefault(f, []).append(t)
    pairs = {f: t for t, (f, *more) in of_track.items() if not more and len(of_face[f]) == 1}
    rows = sorted(t for t, fs in of_track.items() if fs[0] not in pairs)
    columns = sorted((f for f in of_face if f not in pairs), key=lambda f: _corners(faces[f]))
    if len(rows) <= len(columns):
        costs = [[-overlaps.get((t, f), 0.0) for f in columns] for t in rows]
        chosen = [(rows[i], columns[j]) for i, j in enumerate(_cheapest(costs))]
    else:
        costs = [[-overlaps.get((t, f), 0.0) for t in rows] for f in columns]
        chosen = [(rows[j], columns[i]) for i, j in enumerate(_cheapest(costs))]
    pairs.update((f, t) for t, f in chosen if (t, f) in overlaps)
    return pairs


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.x1, box.y1, box.x2, box.y2


def _cheapest(costs: list[list[float]]) -> list[int]:
    """A column of its own for each row, at the least total cost; no more rows than columns.

    The Hungarian method by shortest augmenting paths (Kuhn 1955; Jonker and Volgenant 1987),
    O(rows^2 columns). Row and column 0 are the path's beginning and stand for none.
    """
    width = len(costs[0]) if costs else 0
    row_price, column_price = [0.0] * (len(costs) + 1), [0.0] * (width + 1)
    holder = [0] * (width + 1)
    for start in range(1, len(costs) + 1):
        holder[0], at = start, 0
        slack, came_from, done = [math.inf] * (width + 1), [0] * (width + 1), [False] * (width + 1)
        while holder[at]:
            done[at] = True
            row, step, nearest = holder[at], math.inf, 0
            for column in range(1, width + 1):
                if done[column]:
                    continue
                rest = costs[row - 1][column - 1] - row_price[row] - column_price[column]
                if rest < slack[column]:
                    slack[column], came_from[column] = rest, at
                if slack[column] < step:
                    step, nearest = slack[column], column
            for column in range(width + 1):
                if done[column]:
                    row_price[holder[column]] += step
                    column_price[column] -= step
                else:
                    slack[column] -= step
            at = nearest
        while at:
            holder[at] = holder[came_from[at]]
            at = came_from[at]
    chosen = [0] * len(costs)
    for column in range(1, width + 1):
        if holder[column]:
            chosen[holder[column] - 1] = column - 1
    return chosen
