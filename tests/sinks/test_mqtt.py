"""The sink against a real Mosquitto."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from edgefer.data import Tracked
from edgefer.errors import ConfigError
from edgefer.outputs import MqttConfig
from edgefer.timing import clock
from tests.brokers import MOSQUITTO, Authority, Broker, SlowWire, free_port, until, wanted
from tests.drivers import reading

paho = pytest.importorskip("paho.mqtt.client", reason="pip install 'edgefer[daemon]'")
from edgefer.sinks import mqtt_session  # noqa: E402
from edgefer.sinks.mqtt import Mqtt  # noqa: E402
from edgefer.sinks.mqtt_session import Session  # noqa: E402
from edgefer.sinks.topics import check, state_payload  # noqa: E402

# paho-mqtt 2.2 leaves a socket whose TLS handshake failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")

OPEN = "allow_anonymous true"
LABELS = ("angry", "happy")
QUICK = MqttConfig(host="127.0.0.1", name="wall", interval=0.02, backoff=0.02, backoff_max=0.1)


class Listener:
    """What a broker's subscriber hears of all topics."""

    def __init__(self, port: int, **login: str) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self._ready = False
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if login:
            self.client.username_pw_set(**login)
        self.client.on_message = lambda _c, _u, m: self.heard.append(
            (m.topic, m.payload, bool(m.retain))
        )
        self.client.on_connect = lambda *_: self.client.subscribe("#", qos=2)
        self.client.on_subscribe = lambda *_: setattr(self, "_ready", True)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        until(lambda: self._ready)

    def on(self, topic: str) -> list[bytes]:
        return [payload for at, payload, _ in list(self.heard) if at == topic]

    def events(self) -> list[int]:
        return [json.loads(payload)["n"] for payload in self.on("edgefer/wall/hall/event")]

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        # Without a cycle paho closes its pair of sockets now, not when garbage is collected.
        self.client.on_connect = self.client.on_subscribe = self.client.on_message = None


@contextmanager
def connected(port: int, config: MqttConfig = QUICK, **more: Any) -> Iterator[Mqtt]:
    mqtt = Mqtt(replace(config, port=port), ("hall",), LABELS, **more)
    mqtt.start()
    try:
        yield mqtt
    finally:
        asyncio.run(mqtt.close())


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path, OPEN) as running:
        yield running


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_states_events_and_availability_arrive(broker: Broker, version: str, qos: int) -> None:
    with Listener(broker.port) as ear:
        with connected(broker.port, replace(QUICK, version=version, qos=qos)) as mqtt:
            mqtt.put("hall", reading(7))
            mqtt.tell("hall", {"event": "face_appeared", "n": 1})
            until(lambda: ear.events() == [1] and bool(ear.on("edgefer/wall/hall/state")))
            assert ear.on("edgefer/wall/availability") == [b"online"]
        until(lambda: ear.on("edgefer/wall/availability") == [b"online", b"offline"])
    (state,) = map(json.loads, ear.on("edgefer/wall/hall/state"))
    time = state.pop("time")
    assert time.endswith("+00:00")
    assert state == {
        "sequence": 7,
        "faces": 1,
        "expression": "happy",
        "probability": 0.75,
        "age_ms": 20.0,
    }


def test_a_state_tells_the_expression_that_the_largest_face_holds() -> None:
    shown = reading(1)
    (face,) = shown.faces
    tracked = Tracked(5, face, face.box, 1.0, 9, True, label="sad", probability=0.6)
    told = json.loads(state_payload(replace(shown, tracked=(tracked,))))
    assert (told["expression"], told["probability"]) == ("sad", 0.6)


def test_availability_is_retained_and_states_and_events_are_not(broker: Broker) -> None:
    with connected(broker.port) as mqtt:
        mqtt.put("hall", reading())
        mqtt.tell("hall", {"n": 1})
        until(lambda: mqtt.waiting == 0 and mqtt.standing[0] == "ok")
        with Listener(broker.port) as early:
            mqtt.tell("hall", {"n": 2})
            until(lambda: 2 in early.events())
    with Listener(broker.port) as late:
        until(lambda: bool(late.heard))
    assert late.heard == [("edgefer/wall/availability", b"offline", True)]


def test_the_broker_tells_our_last_will_when_we_are_killed(broker: Broker) -> None:
    code = (
        "import sys, time\n"
        "from edgefer.outputs import MqttConfig\n"
        "from edgefer.sinks.mqtt import Mqtt\n"
        f"Mqtt(MqttConfig(host='127.0.0.1', port={broker.port}, name='wall'), ('hall',)).start()\n"
        "time.sleep(60)\n"
    )
    with Listener(broker.port) as ear:
        child = subprocess.Popen([sys.executable, "-c", code])
        try:
            until(lambda: ear.on("edgefer/wall/availability") == [b"online"])
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        until(lambda: ear.on("edgefer/wall/availability") == [b"online", b"offline"])


def test_events_outlast_a_broker_that_is_killed(broker: Broker) -> None:
    stands: list[str] = []
    config = replace(QUICK, timeout=0.5)
    with (
        SlowWire(broker.port, 1e6) as wire,
        connected(wire.port, config, report=lambda state, _: stands.append(state)) as mqtt,
    ):
        until(lambda: mqtt.standing[0] == "ok")
        broker.kill()
        until(lambda: mqtt.standing[0] == "recovering")
        for n in range(50):
            mqtt.tell("hall", {"n": n})
        wire.dead.set()  # until somebody listens
        broker.start()
        with Listener(broker.port) as ear:
            assert ear.events() == []
            wire.dead.clear()
            until(lambda: len(ear.events()) == 50)
            assert ear.events() == list(range(50))
        assert mqtt.connections == 2
        assert not mqtt.drops
    assert [state for state, _ in groupby(stands)] == ["ok", "recovering", "ok"]


def test_a_lost_connection_leaves_no_descriptor_to_the_garbage_collector(broker: Broker) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    gc.collect()
    gc.disable()
    try:
        with connected(broker.port) as mqtt:
            until(lambda: mqtt.standing[0] == "ok")
            before = descriptors()
            for n in range(2, 5):
                broker.kill()
                until(lambda: mqtt.standing[0] == "recovering")
                broker.start()
                until(lambda: mqtt.connections == n)  # noqa: B023 - used before n changes
            until(lambda: descriptors() <= before)
    finally:
        gc.enable()


def test_a_full_buffer_drops_its_oldest_and_counts_them() -> None:
    told: list[str] = []
    with connected(free_port(), replace(QUICK, buffer=10), dropped=told.append) as mqtt:
        for n in range(25):
            mqtt.tell("hall", {"n": n})
        until(lambda: mqtt.standing[0] == "recovering")
        assert "Connection refused" in mqtt.standing[1]
        assert mqtt.waiting == 10
        assert mqtt.drops == {"overflow": 15}
    assert mqtt.drops == {"overflow": 15, "closed": 10}
    assert len(told) == 25


def test_home_assistant_is_told_again_when_it_starts(broker: Broker) -> None:
    topics = {
        "homeassistant/sensor/wall_hall_expression/config",
        "homeassistant/sensor/wall_hall_faces/config",
        "homeassistant/event/wall_hall_event/config",
    }
    with (
        Listener(broker.port) as ear,
        connected(broker.port, replace(QUICK, discovery="homeassistant")) as mqtt,
    ):
        until(lambda: all(len(ear.on(topic)) == 1 for topic in topics))
        mqtt.put("hall", reading(3))
        until(lambda: len(ear.on("edgefer/wall/hall/state")) == 1)
        ear.client.publish("homeassistant/status", "online", qos=1)
        until(lambda: all(len(ear.on(topic)) == 2 for topic in topics))
        until(lambda: len(ear.on("edgefer/wall/hall/state")) == 2)
    with Listener(broker.port) as late:
        until(lambda: len(late.heard) == 4)
    assert {topic for topic, _, retained in late.heard if retained} > topics


@pytest.mark.parametrize(("interval", "seconds"), [(0.02, 30), (15.1, 46)])
def test_home_assistant_lets_a_sensor_expire_and_not_an_event(
    broker: Broker, interval: float, seconds: int
) -> None:
    config = replace(QUICK, discovery="homeassistant", interval=interval)
    with Listener(broker.port) as ear, connected(broker.port, config):
        until(lambda: bool(ear.on("edgefer/wall/availability")))
        told = {
            topic.split("/")[2]: json.loads(payload)
            for topic, payload, _ in ear.heard
            if topic.startswith("homeassistant/")
        }
    assert {name: keys.get("expire_after") for name, keys in told.items()} == {
        "wall_hall_expression": seconds,
        "wall_hall_faces": seconds,
        "wall_hall_event": None,
    }


def test_a_camera_that_is_away_is_told_at_once_and_to_who_asks_later(broker: Broker) -> None:
    def states() -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in ear.on("edgefer/wall/hall/state")]

    config = replace(QUICK, interval=3600, discovery="homeassistant")
    with Listener(broker.port) as ear, connected(broker.port, config) as mqtt:
        mqtt.put("hall", reading(1))
        until(lambda: len(states()) == 1)
        mqtt.put("hall", reading(2))  # within the interval
        mqtt.away("hall")
        until(lambda: len(states()) == 2)
        away = states()[1]
        assert away.pop("time").endswith("+00:00")
        assert away == {
            "sequence": None,
            "faces": 0,
            "expression": None,
            "probability": None,
            "age_ms": None,
        }
        ear.client.publish("homeassistant/status", "online", qos=1)
        until(lambda: len(states()) == 3)
        assert states()[2]["sequence"] is None
        mqtt.put("hall", reading(3))
        until(lambda: [state["sequence"] for state in states()] == [1, None, None, 3])


ANNOUNCING = replace(QUICK, discovery="homeassistant")


def announced(name: str, camera: str, prefix: str = "homeassistant") -> set[str]:
    return {
        f"{prefix}/{kind}/{name}_{camera}_{what}/config"
        for kind, what in (("sensor", "expression"), ("sensor", "faces"), ("event", "event"))
    }


def retained(port: int) -> dict[str, bytes]:
    """All that the broker keeps."""
    with Listener(port) as ear:
        # What is kept comes before what is said after it.
        ear.client.publish("last", "said", qos=2)
        until(lambda: bool(ear.on("last")))
        return {topic: payload for topic, payload, kept in ear.heard if kept}


def reload(before: Mqtt, after: Mqtt | None) -> None:
    before.retire(after)
    asyncio.run(before.close())
    if after is not None:
        after.start()


@pytest.mark.parametrize(
    ("config", "cameras", "kept"),
    [
        (replace(ANNOUNCING, name="door"), ("hall", "yard"), set()),
        (replace(ANNOUNCING, prefix="home"), ("hall",), announced("wall", "hall")),
        (ANNOUNCING, ("hall",), announced("wall", "hall")),
        (replace(ANNOUNCING, discovery="other"), ("hall", "yard"), set()),
        (QUICK, ("hall", "yard"), set()),
        (None, (), set()),
    ],
)
def test_what_a_reload_no_longer_announces_is_removed_and_the_rest_stays(
    broker: Broker, config: MqttConfig | None, cameras: tuple[str, ...], kept: set[str]
) -> None:
    before = Mqtt(replace(ANNOUNCING, port=broker.port), ("hall", "yard"), LABELS)
    before.start()
    old = announced("wall", "hall") | announced("wall", "yard")
    until(lambda: before.standing[0] == "ok")
    until(lambda: retained(broker.port).keys() == old | {"edgefer/wall/availability"})
    after = None
    if config is not None:
        after = Mqtt(replace(config, port=broker.port), cameras, LABELS)
    with Listener(broker.port) as ear:
        reload(before, after)
        if after is not None:
            until(lambda: ear.on(after.topics.availability)[-1:] == [b"online"])
            asyncio.run(after.close())
        # "offline" comes after what was removed.
        until(lambda: b"offline" in ear.on("edgefer/wall/availability"))
        removed = {topic for topic, payload, _ in ear.heard if not payload}
    left = retained(broker.port)
    assert removed == old - kept
    assert old & left.keys() == kept
    assert left["edgefer/wall/availability"] == b"offline"


def test_what_is_announced_stays_for_the_next_start(broker: Broker) -> None:
    with connected(broker.port, ANNOUNCING) as mqtt:
        until(lambda: mqtt.standing[0] == "ok")
        until(lambda: len(retained(broker.port)) == 4)
    assert announced("wall", "hall") < retained(broker.port).keys()


def test_what_the_broker_was_not_there_to_hear_is_removed_when_it_is_back(
    tmp_path: Path,
) -> None:
    # A wire that goes dead: the broker itself keeps what it was told.
    with Broker(tmp_path, OPEN) as broker, SlowWire(broker.port, 1e6) as wire:
        config = replace(ANNOUNCING, port=wire.port, timeout=0.3)
        first, second, third = (
            Mqtt(replace(config, name=name), (camera,), LABELS)
            for name, camera in (("wall", "hall"), ("door", "yard"), ("wall", "yard"))
        )
        first.start()
        until(lambda: retained(broker.port).get("edgefer/wall/availability") == b"online")
        wire.dead.set()
        reload(first, second)
        reload(second, third)
        assert announced("wall", "hall") < retained(broker.port).keys()
        wire.dead.clear()
        until(lambda: not announced("wall", "hall") & retained(broker.port).keys())
        until(
            lambda: (
                retained(broker.port).items()
                >= {
                    "edgefer/wall/availability": b"online",
                    "edgefer/door/availability": b"offline",
                }.items()
            )
        )
        assert announced("wall", "yard") < retained(broker.port).keys()
        asyncio.run(third.close())


def test_a_wrong_password_is_told_and_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wanted("mosquitto", MOSQUITTO, "mosquitto")
    passwords, mine = tmp_path / "passwords", tmp_path / "mine"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "me", "right-horse"], check=True)
    mine.write_text("wrong-horse\n")
    mine.chmod(0o600)
    lines = ("allow_anonymous false", f"password_file {passwords}")
    config = replace(QUICK, user="me", password=str(mine))
    with Broker(tmp_path, *lines) as broker:
        with connected(broker.port, config) as mqtt:
            until(lambda: mqtt.standing[0] == "recovering")
            assert "refuses us: Not authorized" in mqtt.standing[1]
            assert "mqtt.user and mqtt.password" in mqtt.standing[1]
            assert mqtt.connections == 0
        assert sum("refuses us" in line for line in caplog.messages) == 1
        mine.write_text("right-horse\n")
        with connected(broker.port, config) as mqtt:
            until(lambda: mqtt.standing[0] == "ok")
    assert "horse" not in caplog.text + repr(mqtt.__dict__)


def test_what_the_broker_forbids_is_counted(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite edgefer/wall/availability\n")
    with Broker(tmp_path, OPEN, f"acl_file {rules}") as broker, connected(broker.port) as mqtt:
        mqtt.tell("hall", {"n": 1})
        until(lambda: mqtt.drops == {"refused": 1})
        assert mqtt.standing[0] == "ok"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Broker, Authority]]:
    """A broker with TLS that wants a client's certificate."""
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.issue("broker")
    lines = (f"cafile {authority.certificate}", f"certfile {certificate}", f"keyfile {key}",
             "require_certificate true", OPEN)  # fmt: skip
    with Broker(tmp_path, *lines) as broker:
        yield broker, authority


def secured(authority: Authority, trusted: Authority) -> MqttConfig:
    certificate, key = authority.issue("client")
    return replace(
        QUICK,
        host="localhost",
        tls=True,
        ca=str(trusted.certificate),
        certificate=str(certificate),
        key=str(key),
    )


def test_tls_with_a_client_certificate(guarded: tuple[Broker, Authority]) -> None:
    broker, authority = guarded
    with connected(broker.port, secured(authority, authority)) as mqtt:
        until(lambda: mqtt.standing[0] == "ok")
        mqtt.tell("hall", {"n": 1})
        until(lambda: mqtt.waiting == 0)


def test_a_broker_that_nobody_trusted_vouches_for_is_refused(
    guarded: tuple[Broker, Authority], tmp_path: Path
) -> None:
    broker, authority = guarded
    with connected(broker.port, secured(authority, Authority(tmp_path / "other"))) as mqtt:
        until(lambda: "certificate is not trusted" in mqtt.standing[1])
        assert "mqtt.ca" in mqtt.standing[1]
        assert mqtt.connections == 0


def test_attempts_that_fail_in_tls_leave_no_file_open(
    guarded: tuple[Broker, Authority], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, authority = guarded
    attempts: list[int] = []
    begin = Session.connect

    def counted(session: Session, host: str, port: int) -> None:
        attempts.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208
        begin(session, host, port)

    monkeypatch.setattr(Session, "connect", counted)
    config = secured(authority, Authority(tmp_path / "other"))
    with connected(broker.port, replace(config, backoff_max=0.02)):
        until(lambda: len(attempts) > 20)
    assert max(attempts[5:]) <= max(attempts[:5])


def test_a_certificate_for_another_host_is_refused(guarded: tuple[Broker, Authority]) -> None:
    broker, authority = guarded
    config = replace(secured(authority, authority), host="127.0.0.1")
    with connected(broker.port, config) as mqtt:
        until(lambda: "IP address mismatch" in mqtt.standing[1])


def test_a_client_that_the_broker_does_not_know_is_told_so(
    guarded: tuple[Broker, Authority], tmp_path: Path
) -> None:
    broker, authority = guarded
    config = secured(Authority(tmp_path / "other"), authority)
    with connected(broker.port, config) as mqtt:
        until(lambda: mqtt.standing[0] == "recovering")
        assert "mqtt.certificate" in mqtt.standing[1]
        assert mqtt.connections == 0


def told_by(port: int, config: MqttConfig) -> str:
    """Why there is no connection."""
    with connected(port, config) as mqtt:
        until(lambda: mqtt.standing[0] == "recovering")
        return mqtt.standing[1]


def test_an_authority_that_nobody_named_is_told_with_its_setting(
    guarded: tuple[Broker, Authority],
) -> None:
    reason = told_by(guarded[0].port, replace(QUICK, host="localhost", tls=True))
    assert "certificate is not trusted" in reason
    assert "as mqtt.ca" in reason


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_port_that_speaks_tls_is_told_so(guarded: tuple[Broker, Authority], version: str) -> None:
    reason = told_by(guarded[0].port, replace(QUICK, version=version))
    assert "set mqtt.tls = true" in reason
    assert "Unspecified" not in reason


def test_a_port_that_speaks_no_tls_is_told_so(broker: Broker) -> None:
    reason = told_by(broker.port, replace(QUICK, tls=True))
    assert f"If port {broker.port} speaks none" in reason
    assert "mqtt.port" in reason


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_who_is_thrown_out_by_a_client_of_the_same_name_is_told_so(
    broker: Broker, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_session, "STEADY", 60.0)  # however slow this machine is
    config = replace(QUICK, version=version, backoff=60, backoff_max=60)
    with connected(broker.port, config) as one:
        until(lambda: one.standing[0] == "ok")
        with connected(broker.port, config):
            until(lambda: one.standing[0] == "recovering")
    assert "itself edgefer-wall" in one.standing[1]
    assert "mqtt.name" in one.standing[1]


def test_a_session_that_was_taken_over_is_told_in_the_words_of_mqtt_5() -> None:
    """Mosquitto 2.0.11 never sends this packet, so a socket says what other brokers do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = replace(QUICK, port=server.getsockname()[1], backoff=60, backoff_max=60)
        mqtt = Mqtt(config, ("hall",))
        mqtt.start()
        peer, _ = server.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(bytes.fromhex("2003000000 e0028e00"))  # CONNACK, DISCONNECT
            until(lambda: mqtt.standing[0] == "recovering")
        asyncio.run(mqtt.close())
    assert mqtt.standing[1].endswith(
        ": another client calls itself edgefer-wall; give each daemon its own mqtt.name"
    )


def test_a_slow_broker_delays_nobody_and_every_event_is_accounted_for(broker: Broker) -> None:
    config, count = replace(QUICK, buffer=20), 2000
    with Listener(broker.port) as ear, SlowWire(broker.port, 8000) as wire:
        with connected(wire.port, config) as mqtt:
            until(lambda: mqtt.standing[0] == "ok")
            longest = 0.0
            for n in range(count):
                began = clock()
                mqtt.tell("hall", {"n": n})
                mqtt.put("hall", reading(n))
                longest = max(longest, clock() - began)
            until(lambda: mqtt.waiting == 0 and count - 1 in ear.events())
            assert mqtt.connections == 1
        heard = ear.events()
        assert len(heard) == len(set(heard))
        assert len(heard) + mqtt.drops["overflow"] == count
        assert mqtt.drops["overflow"] > 1000
        assert heard == sorted(heard)
    assert longest < 0.25, "put must not wait for the network"


def test_a_broker_that_falls_silent_is_left_and_found_again(broker: Broker) -> None:
    config = replace(QUICK, timeout=0.3)
    with (
        Listener(broker.port) as ear,
        SlowWire(broker.port, 1e6) as wire,
        connected(wire.port, config) as mqtt,
    ):
        until(lambda: mqtt.standing[0] == "ok")
        wire.dead.set()
        mqtt.tell("hall", {"n": 1})
        until(lambda: "no acknowledgement within 0.3 s" in mqtt.standing[1])
        wire.dead.clear()
        until(lambda: 1 in ear.events())


def test_who_is_thrown_out_again_and_again_waits_longer_each_time(broker: Broker) -> None:
    """Two devices of one name: the broker lets in the newer one and throws out the other."""
    config = replace(QUICK, backoff=0.05, backoff_max=60)
    with connected(broker.port, config) as one, connected(broker.port, config) as other:
        began = clock()
        until(lambda: one.connections + other.connections >= 12)
        # Ten pauses of 0.05 s would be over in 0.5 s.
        assert clock() - began > 1.2


def test_a_bug_of_ours_is_told_as_a_failure(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Session, "send", bug)
    stands: list[tuple[str, str]] = []
    with connected(broker.port, report=lambda *stand: stands.append(stand)):
        until(lambda: stands[-1:] == [("failed", "RuntimeError: a bug")])
    assert "Traceback" in caplog.text


def test_closing_takes_no_longer_for_a_broker_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = replace(QUICK, tls=True)
        mqtt = Mqtt(replace(config, port=silent.getsockname()[1]), ("hall",))
        mqtt.start()
        peer, _ = silent.accept()  # it is in the handshake now
        began = clock()
        asyncio.run(mqtt.close())
        assert clock() - began < 2
        peer.close()  # which ends the handshake, and with it the thread that was left behind
        until(lambda: all(thread.name != "mqtt" for thread in threading.enumerate()))


def test_a_topic_that_cannot_be_is_a_config_error() -> None:
    for config, camera in (
        (replace(QUICK, prefix="a/#"), "hall"),
        (replace(QUICK, name="my wall"), "hall"),
        (QUICK, "front+door"),
        (QUICK, "availability"),
        (replace(QUICK, host=""), "hall"),
        (replace(QUICK, ca="/ca.crt"), "hall"),
        (replace(QUICK, tls=True, ca="/absent.crt"), "hall"),
        (replace(QUICK, tls=True, key="/a.key"), "hall"),
        (replace(QUICK, tls=True, certificate="/a.crt"), "hall"),
        (replace(QUICK, password="/etc/hostname"), "hall"),
    ):
        with pytest.raises(ConfigError):
            Mqtt(config, (camera,))


@pytest.mark.parametrize(
    "host",
    ["mqtt://x:1883", "host:1883", "x/y", "[::1]", "a b", "x\n", "a..b", "mqtts://me:secret@x"],
)
def test_a_host_that_is_more_than_a_host_is_refused_and_the_remedy_told(host: str) -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.port.*mqtt\.tls") as caught:
        Mqtt(replace(QUICK, host=host), ("hall",))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["broker", "my_broker.local.", "10.0.0.2", "::1", "fe80::1%eth0", "größe.example"]
)
def test_a_name_or_an_address_is_a_host(host: str) -> None:
    check(replace(QUICK, host=host), ("hall",))


def test_checking_needs_neither_libraries_nor_secrets() -> None:
    code = (
        "import sys\n"
        "sys.modules['paho'] = sys.modules['httpx'] = None\n"
        "from edgefer.outputs import MqttConfig, WebhookConfig\n"
        "from edgefer.sinks import topics, webhook_url\n"
        "topics.check(MqttConfig(host='x', name='wall', user='me', password='/a'), ('hall',))\n"
        "webhook_url.check(WebhookConfig(url='https://x/', token='/absent'))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
