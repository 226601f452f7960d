"""When a picture says nothing: black, even and frozen ones, on a clock of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import pytest

from edgefer.data import Image
from edgefer.sources import synthetic
from edgefer.sources.picture import Picture
from edgefer.timing import clock

FPS = 30
RNG = np.random.default_rng(7)


class Watched:
    """A Picture that is shown frames at 30 a second, from any time on."""

    def __init__(self, stale: float = 10) -> None:
        self.picture = Picture(stale)
        self.now = 1000.0

    def show(self, images: Iterable[Image]) -> str:
        """What is wrong after the last of them."""
        wrong = ""
        for image in images:
            self.now += 1 / FPS
            wrong = self.picture.see(image, self.now)
        return wrong


def flat(bgr: tuple[int, int, int], seconds: float, noise: float = 0) -> Iterator[Image]:
    for _ in range(round(seconds * FPS)):
        image = np.empty((48, 64, 3))
        image[:] = bgr
        yield (image + RNG.normal(0, noise, image.shape)).clip(0, 255).astype(np.uint8)


def scene(seconds: float) -> Iterator[Image]:
    return synthetic.pictures(f"test://?width=128&height=96&frames={round(seconds * FPS)}")


def still(seconds: float) -> Iterator[Image]:
    (image,) = synthetic.pictures("test://?width=128&height=96&frames=1")
    return (image.copy() for _ in range(round(seconds * FPS)))


@pytest.mark.parametrize("noise", [0, 3])
def test_a_black_picture_is_told_once_it_was_black_for_so_long(noise: float) -> None:
    watched = Watched()
    assert watched.show(scene(30)) == ""
    assert watched.show(flat((0, 0, 0), 9.9, noise)) == ""
    assert watched.show(flat((0, 0, 0), 0.2, noise)) == "black for 10 s"
    assert watched.show(scene(0.1)) == ""


@pytest.mark.parametrize("colour", [(128, 128, 128), (0, 135, 0), (255, 255, 255), (16, 16, 16)])
def test_one_even_colour_is_no_scene(colour: tuple[int, int, int]) -> None:
    watched = Watched()
    assert watched.show(flat(colour, 9.9)) == ""
    assert watched.show(flat(colour, 0.2)) == "one even colour for 10 s"


def test_a_picture_that_stays_the_same_to_the_bit_is_frozen() -> None:
    watched = Watched()
    watched.show(scene(1))
    assert watched.show(still(9.9)) == ""
    assert watched.show(still(0.2)) == "frozen for 10 s"
    assert watched.show(scene(0.1)) == ""


def test_a_still_room_under_a_sensors_noise_is_well() -> None:
    watched = Watched()
    assert watched.show(flat((90, 100, 110), 25, noise=2)) == ""
    assert watched.show(flat((15, 15, 15), 25, noise=4)) == ""  # and so is a dim one


def test_a_moment_of_black_begins_the_time_anew() -> None:
    watched = Watched()
    watched.show(flat((0, 0, 0), 8))
    watched.show(scene(0.1))
    assert watched.show(flat((0, 0, 0), 8)) == ""


def test_black_does_not_flicker_where_noise_crosses_its_bound() -> None:
    watched = Watched()
    watched.show(flat((6, 6, 6), 11, noise=1))
    told = {watched.show(flat((value,) * 3, 1 / FPS, noise=1)) for value in (7, 9, 8, 10, 7, 9)}
    assert told == {"black for 10 s"}


def test_a_size_of_any_kind_is_looked_at() -> None:
    for height, width in ((1, 1), (23, 31), (25, 33), (1080, 1920), (4320, 7680)):
        picture = Picture(10)
        image = np.zeros((height, width, 3), np.uint8)
        assert [picture.see(image, now) for now in (0.0, 9.0, 11.0)] == ["", "", "black for 10 s"]


def test_a_small_movement_is_seen_in_a_still_picture() -> None:
    watched = Watched()
    image = np.full((480, 640, 3), 100, np.uint8)
    image[::2] = 140
    for n in range(15 * FPS):
        moved = image.copy()
        cv2.circle(moved, (100 + n, 200), 20, (0, 0, 255), -1)
        assert watched.show([moved]) == ""


def test_0_never_looks() -> None:
    assert Watched(stale=0).show(flat((0, 0, 0), 60)) == ""


def test_another_opening_is_worth_trying_only_once() -> None:
    watched = Watched()
    assert watched.show(flat((0, 0, 0), 11))
    assert watched.picture.try_again()
    watched.show(flat((60, 60, 60), 2, noise=5))  # a camera's exposure, finding its way
    assert watched.show(flat((0, 0, 0), 11))
    assert not watched.picture.try_again()


def test_a_still_screen_that_changes_now_and_then_gains_no_second_try() -> None:
    watched = Watched()
    watched.show(still(11))
    assert watched.picture.try_again()
    for _ in range(5):
        watched.show(scene(1))
        assert watched.show(still(11)) == "frozen for 10 s"
        assert not watched.picture.try_again()


def test_after_a_time_that_was_well_another_try_is_worth_it() -> None:
    watched = Watched()
    watched.show(flat((0, 0, 0), 11))
    assert watched.picture.try_again()
    watched.show(scene(11))
    assert watched.show(flat((0, 0, 0), 11))
    assert watched.picture.try_again()


def test_the_time_while_a_camera_is_away_proves_nothing() -> None:
    watched = Watched()
    watched.show(still(5))
    watched.picture.away()
    watched.now += 3600
    assert watched.show(still(9)) == ""
    assert watched.show(still(2)) == "frozen for 10 s"


def test_it_costs_little_and_no_more_for_a_large_picture() -> None:
    """Some 15 us were measured; a bound for a slow and busy machine."""
    for height, width in ((480, 640), (2160, 3840)):
        images = RNG.integers(0, 255, (2, height, width, 3), np.uint8)
        picture, times = Picture(10), []
        for n in range(300):
            begun = clock()
            picture.see(images[n % 2], n / FPS)
            times.append(clock() - begun)
        assert sorted(times)[30] < 300e-6
