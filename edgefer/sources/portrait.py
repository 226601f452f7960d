"""Drawn heads: people who do not exist, each with several expressions, as sprites.

Coordinates here are in units of half a head's width, x to the right and y down, with the
origin in the middle of the face: eyes at y -0.2, mouth at 0.68, chin at 1.27.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.data import Box, Image
from edgefer.sources.pen import Colour, Pen, arc, shade

UNIT: Final = 90
"""Pixels of one unit in a sprite of full size."""
SPRITE: Final = Box(-1.5, -1.75, 1.5, 1.65)
"""What a sprite shows, in units."""
FACE: Final = Box(-0.92, -1.05, 0.92, 1.32)
"""What a detector calls the face, in units."""
SIDES: Final = (-1, 1)
"""Left and right in the picture."""
WHITE: Final = (255.0, 255.0, 255.0)
SHADOW_TINT: Final = np.array((1.25, 1.0, 0.8), np.float32)
"""Shadow on skin is redder than skin: blue falls fastest."""


@dataclass(frozen=True, slots=True)
class Look:
    """One expression, drawn; lengths in units, 0 everywhere is a face at rest."""

    name: str
    brow: float = 0.0
    """How far the brows are raised."""
    tilt: float = 0.0
    """How much higher a brow's inner end is than its outer one."""
    eye: float = 0.0
    """How much wider the eyes are open, as a fraction."""
    smile: float = 0.0
    """How much higher the corners of the mouth are than its middle."""
    jaw: float = 0.0
    """How far the lips are apart."""
    mouth: float = 0.0
    """How much wider the mouth is."""


LOOKS: Final = (
    Look("neutral"),
    Look("happy", brow=0.03, eye=-0.2, smile=0.16, jaw=0.13, mouth=0.1),
    Look("sad", brow=0.02, tilt=0.14, eye=-0.25, smile=-0.12, mouth=-0.05),
    Look("surprise", brow=0.15, tilt=0.02, eye=0.4, jaw=0.3, mouth=-0.14),
    Look("angry", brow=-0.07, tilt=-0.15, eye=-0.15, smile=-0.07, mouth=-0.02),
)


@dataclass(frozen=True, slots=True)
class Person:
    """How one person looks, whatever the expression."""

    skin: Colour
    hair: Colour
    shirt: Colour
    iris: Colour = (45, 65, 90)
    long_hair: bool = False
    stubble: float = 0.0
    """How dark the shadow of a beard is, 0 to 1."""
    slim: float = 0.0
    """How much narrower the jaw is, in units."""


PEOPLE: Final = (
    Person((150, 180, 226), (38, 60, 92), (124, 84, 52), (130, 105, 70), stubble=0.12),
    Person((96, 134, 188), (26, 26, 34), (64, 70, 150), long_hair=True, slim=0.06),
    Person((64, 92, 142), (22, 22, 26), (120, 130, 96), stubble=0.2),
    Person((168, 196, 236), (58, 120, 178), (96, 64, 112), (140, 130, 80), True, slim=0.09),
    Person((128, 166, 216), (30, 32, 40), (60, 96, 70), slim=0.04),
)


class Portrait:
    """One person's sprites, one for each of LOOKS, at full and at half size.

    A sprite is (h, w, 4) uint8: blue, green and red already multiplied by the opacity, and
    then the transparency, 255 where nothing is drawn.
    """

    def __init__(self, person: Person) -> None:
        self.person = person
        canvas, alpha = _head(person)
        clear = 255 - alpha
        full = [np.dstack((_face(canvas, alpha, person, look), clear)) for look in LOOKS]
        size = (clear.shape[1] // 2, clear.shape[0] // 2)
        half = [
            np.asarray(cv2.resize(s, size, interpolation=cv2.INTER_AREA), np.uint8) for s in full
        ]
        self._sprites = (tuple(full), tuple(half))

    def sprite(self, look: int, unit: float) -> tuple[NDArray[np.uint8], float]:
        """LOOKS[look] in the size that suits `unit` pixels in the frame, and its own unit."""
        level = int(unit < UNIT / 2)  # bilinear sampling must not skip pixels
        return self._sprites[level][look], UNIT / 2**level


def _pen(image: NDArray[np.uint8]) -> Pen:
    """For a sprite, or the mask of one."""
    return Pen(image, UNIT, SPRITE)


def shadow(skin: Colour, depth: float) -> Colour:
    """Skin where light is missing; a depth of 0.7 halves it."""
    blue, green, red = (
        c * math.exp(-depth * float(t)) for c, t in zip(skin, SHADOW_TINT, strict=True)
    )
    return blue, green, red


def _outline(slim: float) -> list[tuple[float, float]]:
    """The head without hair and ears: round above, narrowing to the chin."""
    points = []
    for x, y in arc(0, 0, 1, 1, steps=72):
        narrowing = (0.10 + slim) * y**2 if y > 0 else 0.0
        points.append((x * (1 - narrowing) * 0.98, 1.27 * y if y > 0 else 1.36 * y))
    return points


def _head(person: Person) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Head, ears and hair without features, BGR, and their opacity."""
    size = (round(SPRITE.height * UNIT), round(SPRITE.width * UNIT))
    canvas = np.empty((*size, 3), np.uint8)
    canvas[:] = shade(person.hair, 0.8)
    alpha = np.zeros(size, np.uint8)
    skin = np.zeros(size, np.uint8)

    for mask in (alpha, skin):
        _pen(mask).fill(_outline(person.slim), WHITE)
    for side in SIDES:
        if person.long_hair:  # behind the neck, and down beside it
            fall = [(0.6, 0.4), (0.45, 1.15), *arc(0.82, 1.2, 0.37, 0.24, 170, 0, 12), (1.16, 0.2)]
            _pen(alpha).fill([(side * x, y) for x, y in fall], WHITE)
        else:
            for mask in (alpha, skin):
                _pen(mask).ellipse(side * 1.0, 0.02, 0.13, 0.26, WHITE)

    flesh = _flesh(person, size)
    weight = cv2.GaussianBlur(skin, (0, 0), 1.2).astype(np.float32)[..., None] / 255
    canvas = (canvas + (flesh - canvas) * weight).astype(np.uint8)
    for side in SIDES if not person.long_hair else ():
        inner = arc(side * 1.01, 0.0, 0.06, 0.15, 90, 270 if side > 0 else -90)
        _pen(canvas).stroke(inner, shade(person.skin, 0.68), 0.035)
    _hair(canvas, alpha, person)
    return canvas, np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1.0), np.uint8)


def _flesh(person: Person, size: tuple[int, int]) -> NDArray[np.float32]:
    """Shaded skin for the whole sprite, (h, w, 3) float32: light falls from the upper left."""
    coarse = (size[1] // 4, size[0] // 4)  # soft shadows need few pixels
    x, y = np.meshgrid(
        np.linspace(SPRITE.x1, SPRITE.x2, coarse[0], dtype=np.float32),
        np.linspace(SPRITE.y1, SPRITE.y2, coarse[1], dtype=np.float32),
    )
    tone = 0.10 - 0.10 * x - 0.30 * np.clip((x * x + (y / 1.3) ** 2) - 0.35, 0, 1.2)
    beard = -person.stubble
    for cx, cy, rx, ry, strength in (
        (-0.40, -0.22, 0.30, 0.20, -0.34),  # eye sockets
        (0.40, -0.22, 0.30, 0.20, -0.36),
        (0.00, 0.08, 0.09, 0.34, 0.16),  # bridge of the nose, and its shadow side
        (0.17, 0.15, 0.09, 0.30, -0.14),
        (-0.02, 0.26, 0.10, 0.09, 0.14),
        (0.03, 0.44, 0.20, 0.07, -0.22),  # under the nose
        (-0.52, 0.26, 0.24, 0.20, 0.12),  # cheeks
        (0.50, 0.26, 0.24, 0.20, 0.08),
        (-0.05, -0.70, 0.50, 0.25, 0.10),  # forehead
        (0.00, 0.90, 0.26, 0.06, -0.16),  # under the lip
        (-0.03, 1.06, 0.20, 0.12, 0.10),  # chin
        (0.00, 1.00, 0.62, 0.28, beard),
        (-0.75, 0.60, 0.22, 0.45, beard),
        (0.75, 0.60, 0.22, 0.45, beard),
        (0.00, 0.54, 0.30, 0.07, beard),
    ):
        tone += strength * np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)
    fine = cv2.resize(tone, size[::-1], interpolation=cv2.INTER_CUBIC)[..., None]
    lit = np.exp(fine * SHADOW_TINT) * np.array(person.skin, np.float32)
    return np.asarray(np.minimum(lit, 255), np.float32)


def _hair(canvas: NDArray[np.uint8], alpha: NDArray[np.uint8], person: Person) -> None:
    """The hair that falls over head and forehead."""
    if person.long_hair:  # parted in the middle, framing the face
        left = [(0.03, -1.02), *arc(-0.30, -0.42, 0.62, 0.62, 300, 180, 16), (-0.97, 0.5)]
        left = [*left, (-0.95, 1.4), (-1.2, 1.2), *arc(0, -0.4, 1.17, 1.2, 180, 272, 24)]
        locks = [left, [(-x, y) for x, y in left]]
    else:
        fringe = [(0.80, -0.70), (0.35, -0.92), (-0.25, -0.86), (-0.78, -0.74), (-0.91, -0.45)]
        locks = [
            [(-0.98, -0.12), *arc(0, -0.42, 1.06, 1.1, 176, 364), (0.98, -0.12), (0.91, -0.45)]
        ]
        locks[0] += fringe
    for lock in locks:
        _pen(canvas).fill(lock, person.hair)
        _pen(alpha).fill(lock, WHITE)
    for i in range(11):  # strands, lighter towards the light
        bend = -0.95 + 0.19 * i
        strand = arc(bend * 0.25, -0.45, abs(bend) + 0.05, 0.95, 200, 340, 24)
        if abs(bend) > 0.5:
            strand = [p for p in strand if p[0] * bend > 0]
        strand = [(px, py) for px, py in strand if py < -0.98]
        if len(strand) > 1:
            _pen(canvas).stroke(strand, shade(person.hair, 1.45 - 0.06 * i), 0.02)


def _face(canvas: NDArray[np.uint8], alpha: NDArray[np.uint8], person: Person, look: Look) -> Image:
    """The head with a look on it, blue, green and red multiplied by the opacity."""
    image = canvas.copy()
    pen = _pen(image)
    for side in SIDES:
        _eye(pen, person, look, side)
    _nose(pen, person)
    _mouth(pen, person, look)
    soft = cv2.GaussianBlur(image, (5, 5), 1.0)
    opacity = cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.multiply(soft, opacity, scale=1 / 255), np.uint8)


def _eye(pen: Pen, person: Person, look: Look, side: int) -> None:
    """One eye and its brow."""
    x, y, rx, ry = side * 0.40, -0.20, 0.205, 0.098 * (1 + look.eye)
    dark = shade(person.skin, 0.36)
    almond = [*arc(x, y, rx, ry, 180, 360), *arc(x, y, rx, ry * 0.8, 0, 180)]
    pen.fill(almond, (222, 226, 230))
    iris = min(0.098, ry * 1.25)
    pen.ellipse(x, y, iris, iris, person.iris)
    pen.ellipse(x, y, iris * 0.52, iris * 0.52, (12, 12, 14))
    pen.ellipse(x - 0.03, y - 0.035, 0.022, 0.022, WHITE)
    pen.stroke(arc(x, y, rx, ry, 178, 362), (22, 24, 30), 0.05)
    pen.stroke(arc(x, y, rx, ry * 0.8, 10, 170), dark, 0.022)
    pen.stroke(arc(x, y - 0.06, rx * 1.1, ry * 1.05, 205, 335), shade(person.skin, 0.62), 0.025)

    raised = -0.44 - look.brow
    inner, outer = raised - look.tilt * 0.6, raised + look.tilt * 0.5 + 0.04
    brow = [
        (side * 0.17, inner),
        (side * 0.42, raised - 0.05),
        (side * 0.66, outer),
        (side * 0.42, raised + 0.03),
        (side * 0.18, inner + 0.09),
    ]
    pen.fill(brow, shade(person.hair, 0.75))


def _nose(pen: Pen, person: Person) -> None:
    """Nostrils and wings; the bridge is shading."""
    shadow = shade(person.skin, 0.42)
    for side in SIDES:
        pen.ellipse(side * 0.075, 0.375, 0.042, 0.024, shadow)
        wing = arc(side * 0.13, 0.33, 0.06, 0.08, 90, -60 if side > 0 else 240)
        pen.stroke(wing, shade(person.skin, 0.62), 0.022)


def _mouth(pen: Pen, person: Person, look: Look) -> None:
    """Lips, and what is seen between them."""
    width = 0.34 + look.mouth
    middle, corner = 0.69 + look.smile * 0.35, 0.69 - look.smile * 0.65
    lip = (person.skin[0] * 0.60, person.skin[1] * 0.56, person.skin[2] * 0.82)

    def edge(offset: float, dip: float = 0.0) -> list[tuple[float, float]]:
        """A curve from corner to corner, `offset` below the line between the lips."""
        ts = [i / 12 - 1 for i in range(25)]
        return [
            (t * width, corner + (middle + offset - corner) * (1 - t * t) ** 0.75
             + dip * math.exp(-((t / 0.25) ** 2)))
            for t in ts
        ]  # fmt: skip

    gap = look.jaw
    pen.fill([*edge(-0.115 - gap * 0.3, 0.035), *reversed(edge(0.13 + gap * 0.7))], lip)
    top, bottom = edge(-gap * 0.3), edge(gap * 0.7)
    if gap:
        pen.fill([*top, *reversed(bottom)], (38, 26, 62))
        teeth = edge(min(0.1, gap * 0.45) - gap * 0.3)
        pen.fill([*top[2:-2], *reversed(teeth[2:-2])], (226, 232, 236))
    else:
        pen.stroke(top, shade(lip, 0.45), 0.032)
    pen.stroke([top[0], top[1]], shade(lip, 0.5), 0.03)
    pen.stroke([top[-2], top[-1]], shade(lip, 0.5), 0.03)
