"""One connection to an MQTT broker, over paho-mqtt: made, used for one message at a time, left."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from edgefer.credentials import Secret
from edgefer.errors import NotInstalled
from edgefer.outputs import MqttConfig
from edgefer.sinks.outbox import Outbox
from edgefer.sinks.tls import reason
from edgefer.sinks.topics import ONLINE

try:
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.reasoncodes import ReasonCode
except ModuleNotFoundError as exc:
    raise NotInstalled("MQTT needs paho-mqtt: pip install 'edgefer[daemon]'") from exc

CONNECTING = 5.0
"""Seconds for a TCP connection, and for TLS over it."""


class Message(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    retain: bool = False


class BrokerLost(Exception):
    """The connection cannot be used, or never came about; the text says why."""


class Login(NamedTuple):
    """What a connection begins with."""

    identifier: str
    password: Secret | None
    tls: ssl.SSLContext | None
    will: Message
    """What the broker says for us when we are gone."""


def _client(config: MqttConfig, login: Login) -> paho.Client:
    """For one connection: what waits is kept in our own box, and only there."""
    five = config.version == "5"
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=login.identifier,
        clean_session=None if five else True,
        protocol=paho.MQTTv5 if five else paho.MQTTv311,
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECTING
    client.will_set(*login.will)
    if config.user:
        client.username_pw_set(config.user, login.password.reveal() if login.password else None)
    if login.tls is not None:
        client.tls_set_context(login.tls)
    return client


class Session:
    """One connection. paho's thread moves the bytes; ours sends one message at a time."""

    def __init__(self, config: MqttConfig, login: Login, box: Outbox[Message]) -> None:
        self._config, self._box = config, box
        self._client = client = _client(config, login)
        self._accepted = False
        self._lost = ""
        self._answers: dict[int, bool] = {}
        self._started = False
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message

    def connect(self, host: str, port: int) -> None:
        """Raises BrokerLost."""
        try:
            self._client.connect(host, port, keepalive=self._config.keepalive)
        except (OSError, ValueError) as exc:  # ValueError: a host name that cannot be one
            self._lost = reason(exc)
            raise BrokerLost(self._lost) from exc
        self._client.loop_start()
        self._until(lambda: self._accepted, "no answer to CONNECT")

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)

    def home_assistant_started(self) -> bool:
        """Whether it said so since the last question."""
        started, self._started = self._started, False
        return started

    def wait(self, until: Callable[[], bool]) -> None:
        """Sleep until there is something to do; raises BrokerLost."""
        while not self._box.wait(lambda: until() or self._started or bool(self._lost), 3600):
            """An hour of silence is no fault: paho pings the broker."""
        self._check()

    def send(self, message: Message) -> bool:
        """True once the broker has it, False where it refuses; raises BrokerLost."""
        info = self._client.publish(*message)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            self._check()
            raise BrokerLost(paho.error_string(info.rc))
        self._until(lambda: info.mid in self._answers, "no acknowledgement")
        return self._answers.pop(info.mid)

    def leave(self) -> None:
        """End the connection: with a farewell, or, where it is jammed or lost, without one, so
        that the broker says our Last Will."""
        if not self._lost:
            self._client.disconnect()
            self._box.wait(lambda: bool(self._lost), 0.3)
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            try:
                # Not SSLSocket's own, which takes the TLS state from under paho's thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                """It is closed already."""
        self._client.loop_stop()
        # paho closes its pair of sockets when it is forgotten; a cycle would put that off until
        # the garbage collector comes by, many connections later.
        self._client.on_connect = self._client.on_disconnect = None
        self._client.on_publish = self._client.on_message = None

    def _until(self, condition: Callable[[], bool], fault: str) -> None:
        seconds = self._config.timeout
        if not self._box.wait(lambda: condition() or bool(self._lost), seconds):
            self._lost = f"{fault} within {seconds:g} s"
        self._check()

    def _check(self) -> None:
        if self._lost:
            raise BrokerLost(self._lost)

    # paho's thread from here on: it notes what happened and wakes ours.

    def _on_connect(self, _c: object, _u: object, _f: object, code: ReasonCode, _p: object) -> None:
        if code.is_failure:
            self._lost = f"the broker refuses us: {code}"
        self._accepted = not code.is_failure
        self._box.touch()

    def _on_disconnect(
        self, _c: object, _u: object, _f: object, code: ReasonCode, _p: object
    ) -> None:
        self._lost = self._lost or f"the connection broke: {code}"
        self._box.touch()

    def _on_publish(self, _c: object, _u: object, mid: int, code: ReasonCode, _p: object) -> None:
        self._answers[mid] = not code.is_failure
        self._box.touch()

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        # A retained "online" is old news: it would only double the greeting.
        if message.payload == ONLINE and not message.retain:
            self._started = True
            self._box.touch()
