"""What following saves, and how the cost grows with faces and cameras."""

from __future__ import annotations

from typing import Any

from benchmarks.readme.common import result, wrapped
from edgefer.tables import markdown_table, number


def following() -> str:
    """How much faster, and how right."""
    record = result("following")
    medians, skipped = record["medians"], record["skipped"]
    rows = [["every frame", "1.00", "0 %", "", ""]]
    for n in (2, 3, 5):
        name = f"searched every {n} frames"
        rows.append(
            [
                f"every {n} frames",
                number(medians[f"{name} / each: total FPS"], 2),
                f"{skipped[f'every {n}']:.0%}".replace("%", " %"),
                number(medians[f"{name}: IoU with what detection finds"], 2),
                f"{100 * medians[f'{name}: the same expression']:.1f} %",
            ]
        )
    head = ["searched for faces", "total FPS, times", "not searched", "IoU with detection",
            "same expression"]  # fmt: skip
    still, moving = skipped["still, gate"], skipped["moving, gate"]
    own = medians["motion gate's own cost"]
    gate = (
        f"The motion gate (`still`) left out {100 * still:.0f} % of the searches in a picture that "
        f"stands still but for a sensor's noise, which made it "
        f"{medians['motion gate / none, still clip: total FPS']:.2f} times as fast, and "
        f"{100 * moving:.0f} % in the clip that moves. It takes "
        f"{own:.0f} us of a processor a frame."
    )
    how = f"Medians. {record['how']}; {_where(record)}."
    return f"{markdown_table(head, rows)}\n\n{wrapped(gate)}\n\n{wrapped(how)}"


def scaling() -> str:
    """The curves, the figures in them, and why they bend."""
    record = result("scaling")
    faces, cameras, cost = record["faces"], record["cameras"], record["cost"]
    head = ["", "total FPS", "p99 age, ms", "ms of a processor a frame"]
    rows = [
        *(_row(f"{point['n']} face{'s' * (point['n'] > 1)}", point) for point in faces),
        *(_row(f"{point['n']} camera{'s' * (point['n'] > 1)}, 1 face", point) for point in cameras),
    ]
    dearer = record["claims"][0]["median"]
    of_faces = (
        f"A frame costs {cost['frame']:.1f} ms of a processor, and {cost['face']:.1f} ms more for "
        f"each face in it: a straight line, as a face from {faces[-2]['n']} to {faces[-1]['n']} "
        f"costs {dearer:.2f} times one from {faces[0]['n']} to {faces[-2]['n']}. The rate is its "
        f"inverse, and bends at {cost['knee']:.1f} faces: there they cost as much as capture, "
        "detection and all else together. With fewer, the search for faces is what counts; with "
        "more, twice the faces are half the rate."
    )
    one, most = cameras[0], cameras[-1]
    workers = record["workers"]
    of_cameras = (
        f"One camera as fast as it goes keeps all {workers} cores busy, so more of them share one "
        f"total: {one['fps']:.0f} FPS of one, {most['fps']:.0f} of {most['n']}. Up to {workers} "
        f"cameras, workers are as many as cores. Beyond, each camera still has its own, they wait "
        f"for each other, and p99 age goes from {one['p99_ms']:.0f} to {most['p99_ms']:.0f} ms."
    )
    how = f"{record['how']}; {_where(record)}."
    picture = "![Total FPS and p99 age, against faces and cameras](results/scaling.png)"
    parts = [picture, markdown_table(head, rows), *map(wrapped, (of_faces, of_cameras, how))]
    return "\n\n".join(parts)


def _row(name: str, point: dict[str, Any]) -> list[str]:  # Any: JSON
    return [name, *(number(point[key]) for key in ("fps", "p99_ms", "cpu_ms"))]


def _where(record: dict[str, Any]) -> str:  # Any: JSON
    machine = record["environment"]
    return f"{machine['cpu']}, {machine['cores']} cores, commit {str(machine['git'])[:12]}"
