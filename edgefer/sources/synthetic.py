"""Sources that draw their own pictures: demo:// shows people, test:// numbered patterns.

    demo://?seed=7&frames=600          a drawn scene (scene.py), lossless
    demo://?fps=30                     the same as from a camera
    test://?width=320&height=240       a gradient with its frame number (pattern.py)
    test://?live=1&die_at=50           a camera that breaks down, each time it is opened
    test://?live=1&die_at=50&once=1    the same, the first time only

Every setting is a field of DemoOptions or PatternOptions. Without `fps` or `live` the frames
wait to be read, in order and without loss: DemoSource and PatternSource. With one of them the
URL stands for a camera, whose pictures a capture process takes from `pictures`.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from edgefer.data import Frame, Image
from edgefer.errors import ConfigError, SourceError, SourceLost, UnknownName
from edgefer.settings import build_section, setting
from edgefer.sources.pattern import Pattern
from edgefer.sources.scene import Scene
from edgefer.timing import clock

NEVER: Final = -1
EXIT_CODE: Final = 70
"""What a capture process ends with when `die_at` ends it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What both sources can be told after the question mark of their URL."""

    frames: int = setting(0, "pictures before the end; 0 is endless", least=0)
    fps: float = setting(
        0.0, "pictures a second, as from a camera; 0 is as fast as they are read", least=0, most=1e6
    )
    live: bool = setting(False, "as from a camera, at the configured fps where none is given")

    @property
    def from_camera(self) -> bool:
        """True where a capture process is to run `pictures`, and may lose some of them."""
        return self.live or self.fps > 0


@dataclass(frozen=True, slots=True)
class DemoOptions(Options):
    """demo://, a drawn scene of 640x480 with up to four people."""

    seed: int = setting(0, "which people come, when, and into which room", least=0)
    start: int = setting(0, "the scene's frame that is shown first", least=0)


@dataclass(frozen=True, slots=True)
class PatternOptions(Options):
    """test://, pictures that say which frame they are, and the ways in which a source fails.

    A camera that is opened again counts from 0 again, and fails again.
    """

    width: int = setting(640, "pixels", least=128, most=7680)
    height: int = setting(480, "pixels", least=96, most=4320)
    block_at: int = setting(NEVER, "the frame whose reading does not return", least=NEVER)
    die_at: int = setting(
        NEVER, "the frame at which the capture process dies; without one, SourceLost", least=NEVER
    )
    end_at: int = setting(
        NEVER, "the frame at which the stream stops although it should go on", least=NEVER
    )
    resize_at: int = setting(NEVER, "the frame from which on both sides are halved", least=NEVER)
    black_at: int = setting(NEVER, "the frame from which on all pictures are black", least=NEVER)
    freeze_at: int = setting(NEVER, "the frame that is shown again and again", least=NEVER)
    slow: float = setting(0.0, "seconds that each picture takes", least=0, most=3600)
    slow_at: int = setting(0, "the frame from which on it takes them", least=0)
    once: bool = setting(
        False, "only the first opening that gives pictures has these faults; later ones are well"
    )
    absent: int = setting(0, "openings that fail first, as of a camera that is not there", least=0)


_KINDS: Final[dict[str, type[Options]]] = {"demo": DemoOptions, "test": PatternOptions}


def parse(url: str) -> DemoOptions | PatternOptions:
    """The options that a demo:// or test:// URL gives.

    Raises UnknownName with the nearest name where the scheme or an option is not known, and
    ConfigError where a value cannot be meant.
    """
    parts = urlsplit(url)
    if parts.scheme not in _KINDS:
        raise UnknownName("synthetic source", parts.scheme, _KINDS)
    name = f"{parts.scheme}://"
    if parts.netloc or parts.path or parts.fragment:
        raise ConfigError(f"{url!r}: only options may follow, such as {name}?frames=100")
    kind = _KINDS[parts.scheme]
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    values: dict[str, object] = {}
    for key, text in parse_qsl(parts.query, keep_blank_values=True):
        if key in values:
            raise ConfigError(f"{url!r} gives {key} twice; which one is meant?")
        values[key] = _value(text, defaults.get(key, text))
    options: DemoOptions | PatternOptions = build_section(kind, values, name)
    if isinstance(options, PatternOptions) and options.absent and not options.from_camera:
        raise ConfigError(f"{url!r}: only a camera can be absent; add live=1")
    return options


def _value(text: str, default: object) -> object:
    """The text as the default's type where it can be read so; else as it is, to be refused."""
    if isinstance(default, bool):
        return {"1": True, "true": True, "0": False, "false": False}.get(text.lower(), text)
    try:
        return type(default)(text)  # type: ignore[call-arg]
    except ValueError:
        return text


def pictures(url: str, opening: int = 0) -> Iterator[Image]:
    """The pictures of a demo:// or test:// URL, each new memory, as fast as they are taken.

    This is what a capture process runs: pacing to `fps` is its own matter, `block_at` blocks it
    for ever and `die_at` ends it with `os._exit`. The iterator ends after the last of `frames`;
    `end_at` raises SourceLost, `absent` SourceError. Other errors as of `parse`, at the first
    picture. `opening` says how often the camera was opened before.
    """
    options = parse(url)
    if isinstance(options, PatternOptions):
        options = _as_opened(options, opening)
    draw = _painter(options)
    never = threading.Event()
    n = 0
    while not options.frames or n < options.frames:
        if isinstance(options, PatternOptions):
            _misbehave(options, n, never.wait, lambda: os._exit(EXIT_CODE))
        yield draw(n)
        n += 1


def _as_opened(options: PatternOptions, opening: int) -> PatternOptions:
    """The options without the faults that this opening does not have."""
    if opening < options.absent:
        raise SourceError(
            f"test:// is not there for its first {options.absent} openings, as its option absent "
            "asks"
        )
    if options.once and opening > options.absent:
        return PatternOptions(
            options.frames, options.fps, options.live, options.width, options.height
        )
    return options


def _painter(options: DemoOptions | PatternOptions) -> Callable[[int], Image]:
    if isinstance(options, DemoOptions):
        scene, start = Scene(options.seed), options.start
        return lambda n: scene.draw(start + n)
    return _patterns(options)


def _patterns(options: PatternOptions) -> Callable[[int], Image]:
    """Patterns that freeze, shrink and go black when they are asked to."""
    width, height = options.width, options.height
    whole, half = Pattern(width, height), Pattern(width // 2, height // 2)

    def draw(n: int) -> Image:
        if NEVER != options.freeze_at < n:
            n = options.freeze_at
        image = (half if NEVER != options.resize_at <= n else whole).draw(n)
        if NEVER != options.black_at <= n:
            image[:] = 0
        return image

    return draw


def _misbehave(
    options: PatternOptions,
    n: int,
    wait: Callable[[float | None], object],
    die: Callable[[], NoReturn],
) -> None:
    """Do to frame `n` what the options ask for."""
    if options.slow and n >= options.slow_at:
        wait(options.slow)
    if n == options.block_at:
        wait(None)
    if n == options.die_at:
        die()
    if n == options.end_at:
        raise SourceLost(f"test:// stopped before frame {n}, as its option end_at asks")


class _Synthetic:
    """Lossless and in order: each `read` draws the next frame; the same each time."""

    def __init__(self, options: DemoOptions | PatternOptions) -> None:
        self._frames = options.frames
        self._draw = _painter(options)
        self._next = 0
        self._closed = threading.Event()

    @property
    def live(self) -> bool:
        """False: every frame waits to be read."""
        return False

    def read(self) -> Frame | None:
        """The next frame, or None after the last one or once closed."""
        captured = clock()
        n = self._next
        if self._closed.is_set() or (self._frames and n == self._frames):
            return None
        self._prepare(n)
        if self._closed.is_set():
            return None
        self._next = n + 1
        return Frame(self._draw(n), n, captured)

    def _prepare(self, n: int) -> None:
        """Called before frame `n` is drawn."""

    def close(self) -> None:
        """End the source; a `read` that waits in another thread returns None."""
        self._closed.set()


class DemoSource(_Synthetic):
    """demo:// without a pace: the drawn scene, frame by frame."""

    def __init__(self, options: DemoOptions) -> None:
        super().__init__(options)


class PatternSource(_Synthetic):
    """test:// without a pace: numbered pictures, and failures on request.

    `block_at` blocks `read` until `close`; `die_at` and `end_at` raise SourceLost, and so does
    every `read` after that.
    """

    def __init__(self, options: PatternOptions) -> None:
        super().__init__(options)
        self._options = options

    def _prepare(self, n: int) -> None:
        _misbehave(self._options, n, self._closed.wait, self._die)

    def _die(self) -> NoReturn:
        raise SourceLost(f"test:// died before frame {self._next}, as its option die_at asks")
