from __future__ import annotations

import dataclasses

import pytest

from edgefer.errors import ConfigError, UnknownName
from edgefer.outputs import HttpConfig, JsonlConfig, MqttConfig, WebConfig, WebhookConfig
from edgefer.settings import build_section
from edgefer.sinks.topics import EVENTS

SECTIONS = {
    "jsonl": JsonlConfig,
    "mqtt": MqttConfig,
    "webhook": WebhookConfig,
    "http": HttpConfig,
    "web": WebConfig,
}


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_is_documented(name: str) -> None:
    assert SECTIONS[name].__doc__
    assert all(spec.metadata["doc"] for spec in dataclasses.fields(SECTIONS[name]))


@pytest.mark.parametrize("name", SECTIONS)
def test_the_defaults_are_allowed_values(name: str) -> None:
    kind = SECTIONS[name]
    values = {spec.name: spec.default for spec in dataclasses.fields(kind)}
    assert build_section(kind, values, name) == kind()


def test_a_misspelt_choice_is_refused() -> None:
    with pytest.raises(UnknownName):
        build_section(JsonlConfig, {"fsync": "allways"}, "jsonl")
    with pytest.raises(ConfigError):
        build_section(MqttConfig, {"qos": 3}, "mqtt")


def test_home_assistant_is_told_of_every_kind_of_event() -> None:
    events = pytest.importorskip("edgefer.events", reason="events come with the daemon")
    made = [
        events.FaceAppeared(1, 2, 3.0),
        events.ExpressionChanged(1, 2, 3.0, None, "happy", 0.9, 1.0),
        events.FaceLeft(1, 2, 3.0, 1.0),
    ]
    assert {event.as_record()["event"] for event in made} == set(EVENTS)
