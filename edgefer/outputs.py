"""The configuration of what carries results away: a section for each sink, and for HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from edgefer.credentials import PLACE
from edgefer.settings import setting


@dataclass(frozen=True, slots=True)
class JsonlConfig:
    """JSON lines on disk."""

    path: str = setting("", "the file that is appended to; empty: none")
    content: str = setting(
        "events",
        "what is written: events of tracked faces, readings of every frame, or both",
        choices=("events", "readings", "both"),
    )
    size_mb: float = setting(
        16.0, "MB at which the file is put aside as .1; 0 is never", least=0, most=1e6
    )
    count: int = setting(4, "files put aside that are kept, .1 the newest", least=0, most=1000)
    fsync: str = setting(
        "never",
        "when lines are forced onto the disk: never, every interval, or always, after each line",
        choices=("never", "interval", "always"),
    )
    interval: float = setting(5.0, "seconds between two fsyncs", least=0.01, most=3600)


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """An MQTT broker, and Home Assistant behind it."""

    host: str = setting("", "the broker; empty: none")
    port: int = setting(0, "its port; 0 is 8883 with TLS, 1883 without", least=0, most=65535)
    version: str = setting("5", "of the protocol", choices=("5", "3.1.1"))
    name: str = setting("", "of this device, in topics and as client id; empty: the host's name")
    prefix: str = setting("edgefer", "what all topics begin with")
    user: str = setting("", "the user; empty: none")
    password: str = setting("", "where the password is: " + PLACE, secret=True)
    tls: bool = setting(False, "speak TLS, and check the broker's certificate and name")
    ca: str = setting("", "a PEM file of trusted authorities; empty: the system's")
    certificate: str = setting("", "a PEM file with this client's certificate; empty: none")
    key: str = setting("", "a PEM file with its key, without passphrase")
    qos: int = setting(1, "of states and events: 0, 1 or 2", least=0, most=2)
    interval: float = setting(
        1.0, "seconds between two states of a camera at least", least=0.02, most=3600
    )
    buffer: int = setting(
        1000, "events kept while the broker is away; the oldest go first", least=1, most=1_000_000
    )
    timeout: float = setting(10.0, "seconds for an answer of the broker", least=0.1, most=600)
    keepalive: int = setting(
        30, "seconds of silence before the broker is asked", least=5, most=3600
    )
    backoff: float = setting(
        0.5, "seconds before the first new attempt; doubles with each failure", least=0.01, most=600
    )
    backoff_max: float = setting(60.0, "seconds between attempts at most", least=0.01, most=3600)
    discovery: str = setting(
        "", "Home Assistant's discovery prefix, there homeassistant; empty: announce nothing"
    )


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Events, posted to an address."""

    url: str = setting("", "http:// or https://; empty: none")
    token: str = setting(
        "", "where a token is, sent as Authorization: Bearer: " + PLACE, secret=True
    )
    ca: str = setting("", "a PEM file of trusted authorities; empty: those of certifi")
    timeout: float = setting(
        5.0, "seconds for connecting, and for each part of the answer", least=0.05, most=600
    )
    attempts: int = setting(6, "times an event is posted before it is dropped", least=1, most=1000)
    backoff: float = setting(
        0.5, "seconds before the second attempt; doubles with each", least=0.01, most=600
    )
    backoff_max: float = setting(60.0, "seconds between attempts at most", least=0.01, most=3600)
    buffer: int = setting(
        1000, "events that wait; the oldest are dropped first", least=1, most=1_000_000
    )


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """What Prometheus and probes ask over HTTP: /metrics, /livez, /readyz and /v1/status."""

    host: str = setting(
        "127.0.0.1", "the address that listens; any other than loopback needs a token"
    )
    port: int = setting(8377, "its port; 0: none", least=0, most=65535)
    token: str = setting(
        "", "where the token is that Authorization: Bearer must bring: " + PLACE, secret=True
    )


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Pages for people, and the API behind them, on the listener of [http]."""

    pages: bool = setting(False, "show the pages: live, test an image, step by step, benchmarks")
    preview: bool = setting(
        False, "let whoever may see the pages see what the cameras see; nothing is stored"
    )
    password: str = setting(
        "", "where the password of the pages is; empty: none is asked for: " + PLACE, secret=True
    )
    fps: float = setting(
        10.0, "pictures a second of a camera that is watched, at most", least=0.1, most=60
    )
    width: int = setting(640, "pixels across such a picture, at most", least=64, most=3840)
    uploads: int = setting(
        8, "pictures of visitors that wait for recognition; more are put off", least=1, most=256
    )
    megabytes: float = setting(16.0, "MB of a visitor's picture at most", least=0.01, most=256)
    megapixels: float = setting(
        40.0, "million pixels of it, known before it is decoded", least=0.01, most=200
    )
    benchmarks: str = setting("", "a folder with results of edgefer bench to show; empty: none")
