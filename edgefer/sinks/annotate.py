"""Boxes, tracks and expressions, drawn onto a copy of the frame."""

from __future__ import annotations

import cv2
import numpy as np

from edgefer.data import Image, Reading

INK = (80, 220, 80)
PAPER = (24, 24, 24)


def annotate(image_bgr: Image, reading: Reading) -> Image:
    """A new (H, W, 3) uint8 picture with each face's box, track, expression and probability; a
    box that is followed, not found, is thin.

    `image_bgr` is the reading's frame, or the same in another size.
    """
    picture: Image = image_bgr.copy()
    scale = max(0.4, picture.shape[1] / 1280)
    thick = max(1, round(2 * scale))
    size = picture.shape[1] / reading.size[0]
    for n, (face, (label, probability)) in enumerate(
        zip(reading.faces, reading.shown, strict=True)
    ):
        box = face.box
        corner = (round(box.x1 * size), round(box.y1 * size))
        line = 1 if reading.look == "follow" else thick
        cv2.rectangle(picture, corner, (round(box.x2 * size), round(box.y2 * size)), INK, line)
        track = f"{reading.tracked[n].track} " if reading.tracked else ""
        text = f"{track}{label} {probability:.0%}"
        (width, height), drop = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
        x = int(np.clip(corner[0], 0, max(0, picture.shape[1] - width)))
        y = max(corner[1] - drop, height)
        cv2.rectangle(picture, (x, y - height - 2), (x + width, y + drop), PAPER, cv2.FILLED)
        cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, INK, thick, cv2.LINE_AA)
    return picture
