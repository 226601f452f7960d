from __future__ import annotations

from edgefer.config import EventsConfig
from edgefer.data import Expression
from edgefer.tracking.steady import Steady
from tests.scenes import looks


def test_what_flickers_is_shown_as_one_expression() -> None:
    steady = Steady(0.0, EventsConfig())
    shown = set()
    for n in range(120):
        steady.look(looks("sad", 0.9) if n % 4 == 3 else looks("happy", 0.8), n / 30)
        shown.add(steady.shown[0])
    assert shown == {"happy"}
    assert 0.4 < steady.shown[1] < 0.8


def test_what_changes_for_good_is_shown_once_it_led_for_the_hold() -> None:
    steady = Steady(0.0, EventsConfig(half_life=0.0, hold=0.5))
    for n in range(30):
        steady.look(looks("happy"), n / 32)
    held = [steady.look(looks("sad"), n / 32) for n in range(30, 60)]
    assert held.index(True) == 16
    assert (steady.label, steady.since) == ("sad", 46 / 32)


def test_before_anything_holds_what_leads_is_shown() -> None:
    steady = Steady(0.0, EventsConfig(min_probability=0.9))
    steady.look(looks("sad", 0.5), 0.0)
    assert (steady.label, *steady.shown) == (None, "sad", 0.5)


def test_a_late_look_changes_nothing() -> None:
    steady = Steady(0.0, EventsConfig())
    steady.look(looks("happy", 0.6), 1.0)
    steady.look(looks("sad"), 0.5)
    assert steady.shown == ("happy", 0.6)


def test_a_model_with_other_labels_is_shown_by_its_own() -> None:
    steady = Steady(0.0, EventsConfig(hold=0.0))
    assert steady.look(looks("happy"), 0.0)
    steady.look(Expression(("calm", "tense"), (0.3, 0.7)), 1.0)
    assert steady.shown == ("tense", 0.7)
