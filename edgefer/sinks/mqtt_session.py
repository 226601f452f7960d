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
from edgefer.timing import clock

try:
    from paho.mqtt import client as paho
    from paho.mqtt.client import DisconnectFlags
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.reasoncodes import ReasonCode
except ModuleNotFoundError as exc:
    raise NotInstalled("MQTT needs paho-mqtt: pip install 'edgefer[daemon]'") from exc

STEADY = 10.0
"""Seconds after which a connection counts as good."""

CONNECTING = 5.0
"""Seconds for a TCP connection, and for TLS over it."""


TAKEN_OVER = 0x8E
"""MQTT 5, 2.4: another client came with our identifier."""

UNTRUSTED = (2, 18, 19, 20, 21)
"""OpenSSL's X509_V_ERR_ codes for a chain that ends at no authority we trust:
https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/"""

UNKNOWN_TO_IT = ("Not authorized", "Bad user name or password")


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
        self._config, self._login, self._box = config, login, box
        self._client = client = _client(config, login)
        self._accepted = False
        self._since = 0.0
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
            self._lost = reason(exc) + self._remedy(exc, port)
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
            # paho closes first and says why a moment later.
            self._box.wait(lambda: bool(self._lost), 0.3)
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

    def _remedy(self, exc: Exception, port: int) -> str:
        """What may help where no connection came about; "" where the reason says it all."""
        config = self._config
        if isinstance(exc, ssl.SSLCertVerificationError):
            if exc.verify_code not in UNTRUSTED:
                return ""
            if config.ca:
                return f"; mqtt.ca ({config.ca}) does not hold the authority that signed it"
            return "; give the PEM file of the authority that signed it as mqtt.ca"
        early = isinstance(exc, ConnectionResetError | BrokenPipeError | ssl.SSLEOFError)
        foreign = isinstance(exc, ssl.SSLError) and exc.reason == "WRONG_VERSION_NUMBER"
        if self._login.tls is not None and (early or foreign):
            return (
                f" instead of TLS. If port {port} speaks none, give the port that does as "
                "mqtt.port, 8883 as a rule, or set mqtt.tls = false"
            )
        return ""

    def _silent_loss(self) -> str:
        """Why the broker may have closed the connection without a word."""
        config = self._config
        if self._accepted:
            fault = "the connection broke"
            if clock() - self._since < STEADY:
                # MQTT 3.1.1 has no word for it, and Mosquitto 2.0.11 says none in MQTT 5.
                fault += (
                    f" soon after it was made. If that goes on, another client may call itself "
                    f"{self._login.identifier}; give each daemon its own mqtt.name"
                )
            return fault
        fault = "the broker closed the connection instead of answering. "
        if not config.tls:
            return fault + "If that port speaks TLS, set mqtt.tls = true"
        if config.certificate:
            return fault + "It may not trust this client's certificate, mqtt.certificate"
        return fault + "It may want a client's certificate: mqtt.certificate and mqtt.key"

    # paho's thread from here on: it notes what happened and wakes ours.

    def _on_connect(self, _c: object, _u: object, _f: object, code: ReasonCode, _p: object) -> None:
        if code.is_failure:
            self._lost = f"the broker refuses us: {code}"
            if str(code) in UNKNOWN_TO_IT:
                self._lost += ". Give it the right mqtt.user and mqtt.password"
        self._since = clock()
        self._accepted = not code.is_failure
        self._box.touch()

    def _on_disconnect(
        self, _c: object, _u: object, flags: DisconnectFlags, code: ReasonCode, _p: object
    ) -> None:
        if code.value == TAKEN_OVER:
            fault = (
                f"another client calls itself {self._login.identifier}; "
                "give each daemon its own mqtt.name"
            )
        elif flags.is_disconnect_packet_from_server:
            fault = f"the broker ended the connection: {code}"
        elif str(code) == "Unspecified error":  # paho's own, for a socket that was closed
            fault = self._silent_loss()
        else:
            fault = f"the connection broke: {code}"
        self._lost = self._lost or fault
        self._box.touch()

    def _on_publish(self, _c: object, _u: object, mid: int, code: ReasonCode, _p: object) -> None:
        self._answers[mid] = not code.is_failure
        self._box.touch()

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        # A retained "online" is old news: it would only double the greeting.
        if message.payload == ONLINE and not message.retain:
            self._started = True
            self._box.touch()
