from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from edgefer.config import Config
from edgefer.daemon import outlets as module
from edgefer.daemon.outlets import Outlets
from edgefer.errors import ConfigError, OutputError
from edgefer.events import FaceAppeared, FaceLeft
from edgefer.health import Health
from edgefer.outputs import JsonlConfig, MqttConfig, WebhookConfig
from edgefer.sinks.metrics import Metrics
from tests.drivers import reading

APPEARED, LEFT = FaceAppeared(1, 3, 0.5), FaceLeft(1, 9, 1.5, 1.0)


def using(config: Config, work: Callable[[Outlets, Health], Awaitable[None]]) -> str:
    """Run `work` on started outlets, close them; the metrics' page afterwards."""
    health = Health()
    metrics = Metrics(health)

    async def scenario() -> None:
        made = Outlets(config, ("happy",), health, metrics)
        assert not health.parts  # a reload that is refused leaves nothing behind
        made.start()
        try:
            await work(made, health)
        finally:
            await made.close()
        assert not health.parts

    asyncio.run(scenario())
    return metrics.text().decode()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        ("events", ["face_appeared", "face_left"]),
        ("readings", ["reading"]),
        ("both", ["face_appeared", "reading", "face_left"]),
    ],
)
def test_json_lines_hold_what_was_asked_for_in_order(
    content: str, kinds: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "out.jsonl"

    async def work(made: Outlets, _: Health) -> None:
        made.tell("door", APPEARED)
        made.read("door", reading(4))
        made.tell("door", LEFT)

    using(Config(jsonl=JsonlConfig(path=str(path), content=content)), work)
    assert [line.get("event", "reading") for line in lines(path)] == kinds
    assert {line["camera"] for line in lines(path)} == {"door"}


def test_each_sink_is_a_part_that_readiness_does_not_hang_on(tmp_path: Path) -> None:
    config = Config(
        jsonl=JsonlConfig(path=str(tmp_path / "out.jsonl")),
        mqtt=MqttConfig(host="127.0.0.1", port=1, name="box"),
        webhook=WebhookConfig(url="http://127.0.0.1:1/"),
    )

    async def work(made: Outlets, health: Health) -> None:
        made.tell("door", APPEARED)
        assert {part.name for part in health.parts} == {"mqtt", "webhook", "jsonl"}
        assert not any(part.needed for part in health.parts)
        parts = {part.name: part for part in health.parts}
        away = parts["mqtt"], parts["webhook"]
        while {part.standing.state for part in away} != {"recovering"}:  # noqa: ASYNC110 - threads
            await asyncio.sleep(0.01)
        assert parts["jsonl"].standing.state == "ok"
        assert "127.0.0.1:1" in parts["mqtt"].standing.reason

    page = using(config, work)
    assert 'edgefer_events_dropped_total{reason="closed",sink="mqtt"} 1.0' in page
    assert len(lines(tmp_path / "out.jsonl")) == 1


def test_mqtt_is_told_what_follows_and_which_camera_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mqtt = pytest.importorskip("edgefer.sinks.mqtt", reason="pip install 'edgefer[daemon]'")
    followers: list[object] = []
    absent: list[str] = []
    monkeypatch.setattr(mqtt.Mqtt, "retire", lambda _, after: followers.append(after))
    monkeypatch.setattr(mqtt.Mqtt, "away", lambda _, camera: absent.append(camera))
    health = Health()
    metrics = Metrics(health)
    broker = Config(mqtt=MqttConfig(host="127.0.0.1", port=1, name="box"))

    async def scenario() -> None:
        first, second, third = (
            Outlets(config, (), health, metrics) for config in (broker, broker, Config())
        )
        first.away("door")
        third.away("door")
        await first.close(second)
        await second.close(third)
        await third.close()
        assert followers == [second._mqtt, None]

    asyncio.run(scenario())
    assert absent == ["door"]


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (Config(mqtt=MqttConfig(host="broker", name="a b")), ConfigError),
        (Config(webhook=WebhookConfig(url="ftp://host/")), ConfigError),
        (Config(jsonl=JsonlConfig(path="/nowhere/at/all.jsonl")), OutputError),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_starts(
    config: Config, error: type[Exception]
) -> None:
    async def none(_: Outlets, __: Health) -> None: ...

    with pytest.raises(error):
        using(config, none)


def test_lines_that_a_stalled_disk_cannot_take_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINES", 10)

    async def work(made: Outlets, _: Health) -> None:
        for _n in range(25):  # the loop is never let go, so nothing can be written meanwhile
            made.tell("door", APPEARED)

    path = tmp_path / "out.jsonl"
    page = using(Config(jsonl=JsonlConfig(path=str(path))), work)
    assert 'edgefer_events_dropped_total{reason="overflow",sink="jsonl"} 15.0' in page
    assert len(lines(path)) == 10
