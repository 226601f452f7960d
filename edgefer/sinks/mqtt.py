"""Readings and events to an MQTT broker; topics and payloads are in edgefer/sinks/topics.py.

`put` and `tell` leave what they are given and return; a thread of this module's own talks to the
broker. It is a thread, not a task, because connecting blocks in name lookup and TLS for seconds,
and an event loop cannot end before the threads it lent out for that do.

While the broker is away events wait, up to `buffer`, and the oldest are dropped and counted; a
state is replaced by the next one. With QoS 1 and 2 an event leaves the buffer when the broker has
acknowledged it: after a broken connection it may come twice. With QoS 0 what the broken
connection held is lost and nobody knows.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgefer.backoff import Backoff
from edgefer.credentials import read_secret
from edgefer.data import Reading
from edgefer.health import State
from edgefer.outputs import MqttConfig
from edgefer.sinks.mqtt_session import STEADY, BrokerLost, Login, Message, Session
from edgefer.sinks.outbox import Outbox
from edgefer.sinks.tls import client_context
from edgefer.sinks.topics import (
    OFFLINE,
    ONLINE,
    announcements,
    away_payload,
    check,
    payload,
    state_payload,
    topics_of,
)
from edgefer.timing import clock

FAREWELL = 1.0
"""Seconds in which `close` sends what still waits."""

log = logging.getLogger(__name__)


class Mqtt:
    """One connection for all cameras of a daemon, kept up for ever from `start` to `close`."""

    def __init__(
        self,
        config: MqttConfig,
        cameras: Sequence[str],
        labels: Sequence[str] = (),
        *,
        report: Callable[[State, str], object] | None = None,
        dropped: Callable[[str], None] | None = None,
    ) -> None:
        """`report` is told the connection's state and why; `dropped` the reason of each loss.

        Raises ConfigError where a name, a secret or a certificate cannot be used. No network is
        touched.
        """
        check(config, cameras)
        self.topics = topics_of(config, cameras)
        self._config, self._labels, self._report = config, tuple(labels), report
        password = read_secret("mqtt.password", config.password) if config.password else None
        will = Message(self.topics.availability, OFFLINE, 1, True)
        self._login = Login(f"edgefer-{self.topics.name}", password, _tls(config), will)
        self._address = f"{config.host}:{self._port}"
        if password is not None and not config.tls:
            log.info("mqtt: the password goes to %s in the clear; see mqtt.tls", self._address)
        self._events: Outbox[Message] = Outbox(config.buffer, dropped)
        self._states: dict[str, Message] = {}  # the newest of each camera
        self._unsent: dict[str, None] = {}  # cameras whose state was not sent yet, in order
        self._last_state: dict[str, float] = {}
        self._stale: dict[str, Message] = {}  # retained by topic, and to be replaced
        self._successor: Mqtt | None = None
        self._said_offline = False
        self._ending = False
        self._deadline = 0.0
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._standing: tuple[State, str] = ("starting", "")
        self.connections = 0
        """How often the broker let us in."""

    @property
    def _port(self) -> int:
        return self._config.port or (8883 if self._config.tls else 1883)

    @property
    def drops(self) -> Counter[str]:
        """Events lost, by reason: overflow, refused (by the broker), closed."""
        return self._events.drops

    @property
    def waiting(self) -> int:
        """Events not yet sent."""
        return len(self._events)

    @property
    def standing(self) -> tuple[State, str]:
        """The connection's state, and why it is not ok."""
        return self._standing

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def put(self, camera: str, reading: Reading) -> None:
        """Leave a reading, unless the last state of that camera is younger than `interval`."""
        now = clock()
        if now - self._last_state.get(camera, -1e9) < self._config.interval:
            return
        self._last_state[camera] = now
        self._leave_state(camera, state_payload(reading))

    def away(self, camera: str) -> None:
        """Leave the state of a camera that is lost or closed, however young the last one is; its
        next reading is due at once."""
        self._last_state.pop(camera, None)
        self._leave_state(camera, away_payload())

    def _leave_state(self, camera: str, told: bytes) -> None:
        message = Message(self.topics.state(camera), told, self._config.qos)
        with self._events.changed:
            self._states[camera] = message
            self._unsent[camera] = None
            self._events.changed.notify_all()

    def tell(self, camera: str, record: Mapping[str, Any]) -> None:
        """Leave an event, as `Event.as_record` gives it."""
        self._events.put(Message(self.topics.event(camera), payload(record), self._config.qos))

    def retire(self, successor: Mqtt | None) -> None:
        """Another configuration follows: what it does not announce is removed from the broker.

        For who is about to `close` this and to `start` the successor (None: MQTT is given up).
        Topics alone decide: at another address may be the same broker, and Home Assistant
        forgets what its user changed of an entity that is removed.
        """
        announced = self._retained() - {self.topics.availability}
        stale = self._stale | {topic: Message(topic, b"", 1, True) for topic in announced}
        kept = set() if successor is None else successor._retained()
        self._stale = {topic: said for topic, said in stale.items() if topic not in kept}
        self._successor = successor

    def _retained(self) -> set[str]:
        topics = {topic for topic, _ in announcements(self.topics, (), self._config.interval)}
        return topics | {self.topics.availability}

    def _bequeath(self) -> None:
        """What this broker was not there to hear, the successor says."""
        heir = self._successor
        if heir is None or heir._config.host != self._config.host:
            return
        left = dict(self._stale)
        if not self._said_offline and self.topics.availability != heir.topics.availability:
            left[self.topics.availability] = self._login.will
        heir._stale = left

    async def close(self) -> None:
        """Send what waits within FAREWELL, say "offline" and leave. Safe to call twice."""
        if not self._ending:
            self._deadline = clock() + FAREWELL
            self._ending = True
            self._events.touch()
            if self._thread.ident is not None:
                await asyncio.to_thread(self._thread.join, FAREWELL + 0.4)
            self._events.close()
            self._bequeath()

    def _run(self) -> None:
        try:
            self._serve()
        except Exception as exc:  # a thread's border: a silent one would look well for ever
            log.exception("mqtt: a bug in edgefer ended it")
            self._say("failed", f"{type(exc).__name__}: {exc}")

    def _serve(self) -> None:
        # Who is thrown out at once, as by another client of the same name, waits longer each time.
        backoff = Backoff(self._config.backoff, self._config.backoff_max, steady=STEADY)
        while not self._ending:
            session = Session(self._config, self._login, self._events)
            try:
                session.connect(self._config.host, self._port)
                backoff.went_well()
                self.connections += 1
                self._say("ok", "")
                self._carry(session)
            except BrokerLost as exc:
                self._say("recovering", f"{self._address}: {exc}")
            finally:
                session.leave()
            self._events.wait(lambda: self._ending, backoff.pause())

    def _carry(self, session: Session) -> None:
        """Send until the end; raises BrokerLost."""
        self._greet(session)
        while True:
            session.wait(lambda: bool(self._waiting() or self._ending))
            if session.home_assistant_started():
                self._greet(session)
            if self._ending and (clock() > self._deadline or not self._waiting()):
                session.send(self._login.will)
                self._said_offline = True
                return
            if stale := self._stale:
                topic, message = next(iter(stale.items()))
                session.send(message)
                del stale[topic]
                continue
            event = self._events.take()
            if event is not None:
                try:
                    taken = session.send(event)
                except BrokerLost:
                    self._events.give_back(event)
                    raise
                if not taken:
                    self._events.drop("refused")
            elif (state := self._next_state()) is not None:
                session.send(state)

    def _waiting(self) -> bool:
        return bool(self._stale or self._events or self._unsent)

    def _greet(self, session: Session) -> None:
        """Say who is here, and how each camera stands."""
        if self._ending:
            return  # what is retired must not come back
        if self.topics.home_assistant:
            session.subscribe(self.topics.home_assistant)
        for topic, config in announcements(self.topics, self._labels, self._config.interval):
            session.send(Message(topic, config, 1, True))
        session.send(Message(self.topics.availability, ONLINE, 1, True))
        with self._events.changed:
            self._unsent |= dict.fromkeys(self._states)

    def _next_state(self) -> Message | None:
        with self._events.changed:
            if not self._unsent:
                return None
            camera = next(iter(self._unsent))
            del self._unsent[camera]
            return self._states[camera]

    def _say(self, state: State, reason: str) -> None:
        if (state, reason) == self._standing:
            return  # one line for each change, not for each attempt
        self._standing = (state, reason)
        if state == "ok":
            log.info("mqtt: connected to %s", self._address)
        elif state == "recovering":
            log.warning("mqtt: %s; trying again", reason)
        if self._report is not None:
            self._report(state, reason)


def _tls(config: MqttConfig) -> ssl.SSLContext | None:
    if not config.tls:
        return None
    return client_context("mqtt", config.ca, config.certificate, config.key)
