"""A drawn scene for demonstrations and measurements: people come, look about, and leave.

Every picture follows from a seed and a frame number alone, so that a frame can be drawn
again, out of order, and with its ground truth. The people are drawn; nobody's picture is in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import cv2
import numpy as np

from edgefer.data import Box, Image
from edgefer.sources.pen import Pen, arc, shade
from edgefer.sources.portrait import FACE, LOOKS, PEOPLE, SPRITE, Portrait, shadow

WIDTH: Final = 640
HEIGHT: Final = 480
CYCLE: Final = 600
"""Frames after which new people come: three acts, and then nobody."""
ACT: Final = 170
"""Frames of an act; the acts of one cycle show one, two, and three or four people."""
SMALLEST: Final = 60
LARGEST: Final = 200
"""Width of a face in pixels."""
CHANGE: Final = 8
"""Frames from one look to the next."""
IN_SIGHT: Final = 0.85
"""A face belongs to the ground truth if at least this fraction of its box is in the picture."""
NECK: Final = 1.15
"""Where a head turns, in units below the middle of the face."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One person in one frame."""

    person: int
    """Which of PEOPLE."""
    x: float
    y: float
    """The middle of the face, px."""
    unit: float
    """Half a head's width, px."""
    tilt: float
    """How far the head leans to the right of the picture, radians."""
    looks: tuple[int, int]
    """Which of LOOKS: the old one and the new one."""
    change: float
    """0 shows the old look, 1 the new one."""

    @property
    def box(self) -> Box:
        """The upright box of the face, which may reach over the edge of the picture."""
        x, y = self.place(0.0, (FACE.y1 + FACE.y2) / 2)
        half_width, half_height = self.unit * FACE.width / 2, self.unit * FACE.height / 2
        return Box(x - half_width, y - half_height, x + half_width, y + half_height)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point of the head, in units, in pixels of the frame."""
        sin, cos = math.sin(self.tilt) * self.unit, math.cos(self.tilt) * self.unit
        y -= NECK
        return self.x + cos * x - sin * y, self.y + NECK * self.unit + sin * x + cos * y


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's part in an act. All phases are in turns, 0 to 1."""

    person: int
    start: int
    """The first frame, counted from the start of the cycle."""
    lane: tuple[float, float]
    """The stretch of the picture that is this person's, px from the left."""
    entry: tuple[float, float]
    exit: tuple[float, float]
    """The direction of the way in and of the way out: (-1, 0) is left, (0, 1) is down."""
    looks: tuple[int, ...]
    phase: float

    def figure(self, frame: int) -> Figure | None:
        """Where the person is in a frame of the cycle, or None before and after the visit."""
        length = ACT - 20
        age = frame - self.start
        if not 0 <= age < length:
            return None
        left, right = self.lane
        largest = min(LARGEST, 0.6 * (right - left))
        smallest = max(SMALLEST, 0.4 * largest)
        nearness = _wave(age / length * 1.5 + self.phase) / 2 + 0.5
        unit = (smallest + (largest - smallest) * nearness) / FACE.width

        x = (left + right) / 2 + 0.12 * (right - left) * _wave(age / 110 + self.phase)
        y = 150 + 55 * nearness + 10 * _wave(age / 70 + 2 * self.phase)
        away = 1 - _ease(age / 26) * _ease((length - 1 - age) / 26)
        aim = self.entry if age < length / 2 else self.exit
        reach = 2.2 * unit + (HEIGHT - y if aim[1] else x if aim[0] < 0 else WIDTH - x)

        turn = length / len(self.looks)
        now = min(int(age / turn), len(self.looks) - 1)
        return Figure(
            person=self.person,
            x=x + away * reach * aim[0],
            y=y + away * reach * aim[1],
            unit=unit,
            tilt=0.07 * _wave(age / 90 + 3 * self.phase),
            looks=(self.looks[max(0, now - 1)], self.looks[now]),
            change=min(1.0, (age - now * turn) / CHANGE),
        )


def _wave(turns: float) -> float:
    return math.sin(2 * math.pi * turns)


def _ease(t: float) -> float:
    """From 0 to 1, starting and arriving gently."""
    t = min(1.0, max(0.0, t))
    return t * t * (3 - 2 * t)


class Scene:
    """Pictures of 640x480 with up to four faces. Any thread may draw any frame."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._background = _room(np.random.default_rng(seed))
        self.portraits = _portraits()
        """One for each of PEOPLE."""

    def figures(self, n: int) -> tuple[Figure, ...]:
        """Everybody in frame `n`, from left to right, the hardly visible included."""
        cycle, frame = divmod(n, CYCLE)
        figures = (visit.figure(frame) for visit in _cast(self.seed, cycle))
        return tuple(figure for figure in figures if figure)

    def truth(self, n: int) -> tuple[Box, ...]:
        """The boxes of the faces of frame `n` that are fully or mostly in the picture."""
        boxes = (figure.box for figure in self.figures(n))
        return tuple(box for box in boxes if _visible(box) >= IN_SIGHT)

    def draw(self, n: int) -> Image:
        """Frame `n`, (480, 640, 3) uint8 BGR; the caller owns it."""
        image: Image = self._background.copy()
        for figure in self.figures(n):
            _draw_body(image, figure)
            self._draw_head(image, figure)
        return image

    def _draw_head(self, image: Image, figure: Figure) -> None:
        """Blend the person's sprite over the part of the picture that it covers."""
        corners = [
            figure.place(x, y) for x in (SPRITE.x1, SPRITE.x2) for y in (SPRITE.y1, SPRITE.y2)
        ]
        left, top = (max(0, math.floor(min(c[axis] for c in corners))) for axis in (0, 1))
        right = min(WIDTH, math.ceil(max(c[0] for c in corners)))
        bottom = min(HEIGHT, math.ceil(max(c[1] for c in corners)))
        if left >= right or top >= bottom:
            return
        portrait = self.portraits[figure.person]
        old, new = (portrait.sprite(look, figure.unit) for look in figure.looks)
        sprite, unit = new
        if figure.change < 1:
            mixed = cv2.addWeighted(old[0], 1 - figure.change, sprite, figure.change, 0)
            sprite = np.asarray(mixed, np.uint8)
        scale = figure.unit / unit
        sin, cos = math.sin(figure.tilt) * scale, math.cos(figure.tilt) * scale
        x, y = figure.place(SPRITE.x1, SPRITE.y1)
        patch = cv2.warpAffine(
            sprite,
            np.array(((cos, -sin, x - left), (sin, cos, y - top))),
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR,
            borderValue=(0, 0, 0, 255),  # nothing, and fully transparent
        )
        behind = image[top:bottom, left:right]
        clear = cv2.cvtColor(cv2.extractChannel(patch, 3), cv2.COLOR_GRAY2BGR)
        cv2.multiply(behind, clear, dst=clear, scale=1 / 255)
        cv2.add(clear, cv2.cvtColor(patch, cv2.COLOR_BGRA2BGR), dst=behind)


def _visible(box: Box) -> float:
    """The fraction of a box that is in the picture."""
    width = min(box.x2, WIDTH) - max(box.x1, 0)
    height = min(box.y2, HEIGHT) - max(box.y1, 0)
    return max(0.0, width) * max(0.0, height) / box.area


def _draw_body(image: Image, figure: Figure) -> None:
    """Neck and shoulders, down to the lower edge; they do not lean with the head."""
    person = PEOPLE[figure.person]
    x, y, unit = figure.x, figure.y, figure.unit
    pen = Pen(image, unit, Box(-x / unit, -y / unit, 0, 0))
    floor = max(2.5, (HEIGHT + 2 - y) / unit)
    pen.fill([(-0.46, 0.8), (0.46, 0.8), (0.5, 2.0), (-0.5, 2.0)], shadow(person.skin, 0.25))
    under_chin = [(-0.46, 1.2), *arc(0, 1.2, 0.46, 0.42, 180, 0, 12)]
    pen.fill(under_chin, shadow(person.skin, 0.55))
    collar = [(-0.5, 1.55), (-0.42, 1.5), *arc(0, 1.55, 0.42, 0.42, 180, 90, 8)]
    half = [(-1.9, floor), *arc(-1.0, 2.25, 0.85, 0.62, 180, 255, 10), *collar, (0.0, floor)]
    for side, light in ((1, 1.0), (-1, 0.82)):  # the left half is in the light
        pen.fill([(side * px, py) for px, py in half], shade(person.shirt, light))
    for side, light in ((1, 1.3), (-1, 1.1)):
        pen.stroke([(side * px, py) for px, py in collar], shade(person.shirt, light), 0.09)


@cache
def _portraits() -> tuple[Portrait, ...]:
    """All sprites; they are the same in every scene."""
    return tuple(Portrait(person) for person in PEOPLE)


@lru_cache(maxsize=4)
def _cast(seed: int, cycle: int) -> tuple[Visit, ...]:
    """Who comes in a cycle, when, and how."""
    rng = np.random.default_rng((seed, cycle))
    visits = []
    for act, crowd in enumerate(rng.permutation((1, 2, int(rng.integers(3, 5))))):
        people = rng.permutation(len(PEOPLE))[:crowd]
        lane = WIDTH / crowd
        for i, person in enumerate(people):
            at_edge = {0: (-1.0, 0.0), crowd - 1: (1.0, 0.0)}
            entry = at_edge.get(i, (0.0, 1.0))
            visits.append(
                Visit(
                    person=int(person),
                    start=act * ACT + int(rng.integers(0, 20)),
                    lane=(i * lane, (i + 1) * lane),
                    entry=entry,
                    exit=(-1.0, 0.0) if crowd == 1 else entry,
                    looks=tuple(int(look) for look in rng.permutation(len(LOOKS))[:3]),
                    phase=float(rng.random()),
                )
            )
    return tuple(visits)


def _room(rng: np.random.Generator) -> Image:
    """A room slightly out of focus: plaster, daylight, a shelf of books, a picture, wood."""
    rows, columns = np.mgrid[0:HEIGHT:4, 0:WIDTH:4].astype(np.float32)
    light = 1.12 - columns / WIDTH * 0.35 - rows / HEIGHT * 0.15
    wall = light[..., None] * rng.uniform(130, 185, 3).astype(np.float32)
    image = np.asarray(cv2.resize(wall, (WIDTH, HEIGHT)).clip(0, 255), np.uint8)
    pen = Pen(image, 1, Box(0, 0, 0, 0))
    wood = (52.0, 84.0, 128.0)
    side = float(rng.integers(0, 2))
    for shelf in (120, 235, 350):
        x, end = side * 400 + 10.0, side * 400 + 225.0
        pen.fill(_rectangle(x - 8, shelf - 95, end + 8, shelf), shade(wood, 0.45))
        while x < end - 24:
            width, height = rng.uniform(8, 24), rng.uniform(50, 86)
            blue, green, red = rng.uniform(45, 150) + rng.uniform(-40, 40, 3)
            cover = (float(blue), float(green), float(red))
            pen.fill(_rectangle(x, shelf - height, x + width - 1.5, shelf), cover)
            band = shelf - height * rng.uniform(0.6, 0.85)
            pen.fill(_rectangle(x, band, x + width - 1.5, band + 5), shade(cover, 1.5))
            x += width
        pen.fill(_rectangle(side * 400 - 4, shelf, end + 14, shelf + 10), wood)
    x = 310.0 if side == 0 else 120.0
    pen.fill(_rectangle(x, 60, x + 150, 175), shade(wood, 0.6))
    pen.fill(_rectangle(x + 9, 69, x + 141, 166), (205, 190, 165))
    pen.fill(
        [(x + 9, 166), (x + 50, 100), (x + 88, 145), (x + 112, 118), (x + 141, 166)], (96, 118, 84)
    )
    pen.fill(_rectangle(0, 405, WIDTH, HEIGHT), shade(wood, 0.8))
    for grain in range(5, 75, 5):
        line = [(px, 405 + grain + 3 * math.sin(px / 90 + grain)) for px in range(0, 641, 20)]
        pen.stroke(line, shade(wood, 0.68), 1)
    soft = cv2.GaussianBlur(image, (0, 0), 1.6)
    texture = np.zeros((HEIGHT, WIDTH), np.float32)
    for cell, strength in ((1, 2.5), (3, 3.5), (12, 5.0), (48, 6.0)):
        noise = rng.standard_normal((HEIGHT // cell, WIDTH // cell), np.float32) * strength
        texture += cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray((soft + texture[..., None]).clip(0, 255), np.uint8)


def _rectangle(x1: float, y1: float, x2: float, y2: float) -> list[tuple[float, float]]:
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
