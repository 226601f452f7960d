"""What is said over MQTT: topics, payloads, and Home Assistant's discovery. No network here.

`P` is the prefix ("edgefer"), `NAME` this device, `CAMERA` a camera's name:

    P/NAME/availability    "online", or "offline": retained; the broker itself says "offline"
                           where the device vanishes (Last Will)
    P/NAME/CAMERA/state    the newest reading, at most one every `interval` seconds; not retained:
                           {"time": "2025-01-31T12:00:00.123+00:00", "sequence": 12, "faces": 2,
                            "expression": "happy" or null, "probability": 0.91 or null,
                            "age_ms": 9.1}
                           expression and probability are those of the largest face, smoothed
                           and steady as events are. A camera
                           that is lost or closed leaves {"time": ..., "sequence": null,
                           "faces": 0, "expression": null, "probability": null, "age_ms": null}
    P/NAME/CAMERA/event    every event, in order; not retained:
                           {"time": ..., "event": "expression_changed", ...} as events.py says
    D/KIND/NAME_CAMERA_WHAT/config   discovery, retained, where D is `discovery`: the sensors
                           "expression" and "faces", and the event entity "event". A sensor
                           whose state has not come for some time is shown as unavailable.
                           What a reload no longer announces is removed by an empty payload

Times are UTC, of the moment the message was made; `captured` in an event is seconds on a clock
that only this machine has. An expression is how a face looks, not what is felt.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from edgefer import __version__
from edgefer.data import Reading
from edgefer.errors import ConfigError
from edgefer.outputs import MqttConfig

ONLINE, OFFLINE = b"online", b"offline"

EVENTS = ("face_appeared", "expression_changed", "face_left")
"""What Home Assistant is told to expect; a test holds it to edgefer/events.py."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of one device. Raises ConfigError where one cannot be part of a topic."""

    prefix: str
    name: str
    cameras: tuple[str, ...]
    discovery: str = ""

    def __post_init__(self) -> None:
        for key, value in (("mqtt.prefix", self.prefix), ("mqtt.discovery", self.discovery)):
            # A leading $ is the broker's own; + and # are wildcards.
            if value and not re.fullmatch(r"[^+#\x00/$\s][^+#\x00\s]*(?<!/)", value):
                raise ConfigError(
                    f"{key} is {value!r}; it takes a topic such as home/edgefer, without + # or "
                    "spaces, and without / at its ends"
                )
        for key, value in (("mqtt.name", self.name), *(("camera", c) for c in self.cameras)):
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
                raise ConfigError(
                    f"{key} is {value!r}; as part of a topic it takes letters, digits, - and _"
                )
        if "availability" in self.cameras:
            raise ConfigError("a camera cannot be called availability: that is a topic already")

    @property
    def availability(self) -> str:
        return f"{self.prefix}/{self.name}/availability"

    def state(self, camera: str) -> str:
        return f"{self.prefix}/{self.name}/{camera}/state"

    def event(self, camera: str) -> str:
        return f"{self.prefix}/{self.name}/{camera}/event"

    @property
    def home_assistant(self) -> str:
        """Where Home Assistant says "online" when it starts; "" where nobody asked for it."""
        return f"{self.discovery}/status" if self.discovery else ""


def topics_of(config: MqttConfig, cameras: Sequence[str]) -> Topics:
    """Raises ConfigError as `Topics`."""
    name = config.name or socket.gethostname().partition(".")[0]
    return Topics(config.prefix, name, tuple(cameras), config.discovery)


def check(config: MqttConfig, cameras: Sequence[str]) -> None:
    """Raises ConfigError where [mqtt] cannot be meant so. No secret, no file and no network is
    touched."""
    if not config.host:
        raise ConfigError("mqtt.host is empty; give the broker's name or address")
    if not _is_host(config.host):
        raise ConfigError(
            # What stands before an @ may be a password.
            f"mqtt.host is {re.sub('.*@', '***@', config.host, flags=re.DOTALL)!r}; it takes a "
            "name or an address alone. The port goes into mqtt.port; for mqtts:// there is "
            "mqtt.tls = true; user and password are mqtt.user and mqtt.password"
        )
    topics_of(config, cameras)
    if config.password and not config.user:
        raise ConfigError("mqtt.password is set, mqtt.user is not; give both")
    if not config.tls:
        for key in ("ca", "certificate", "key"):
            if getattr(config, key):
                raise ConfigError(
                    f"mqtt.{key} is set, but mqtt.tls is false; set mqtt.tls = true, or take "
                    f"mqtt.{key} out"
                )
    if bool(config.certificate) != bool(config.key):
        raise ConfigError("of mqtt.certificate and mqtt.key one is set; give both, or none")


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)  # of version 6 it has colons
    except ValueError:
        try:
            host.encode("idna")  # as the resolver will
        except UnicodeError:
            return False
        return not re.search(r"[^\w.-]", host)
    return True


def state_payload(reading: Reading) -> bytes:
    """As in the module's example."""
    label, probability = None, None
    if reading.faces:
        areas = [face.box.area for face in reading.faces]
        label, probability = reading.shown[areas.index(max(areas))]
    return payload(
        {
            "sequence": reading.sequence,
            "faces": len(reading.faces),
            "expression": label,
            "probability": probability and round(probability, 4),
            "age_ms": round(reading.age * 1000, 3),
        }
    )


def away_payload() -> bytes:
    """The state of a camera that sees nothing any more."""
    nothing = dict.fromkeys(("expression", "probability", "age_ms"))
    return payload({"sequence": None, "faces": 0, **nothing})


def payload(record: Mapping[str, Any]) -> bytes:
    """A record as JSON, with the time in front."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    return json.dumps({"time": now, **record}, separators=(",", ":")).encode()


def announcements(
    topics: Topics, labels: Sequence[str], interval: float
) -> list[tuple[str, bytes]]:
    """Home Assistant's discovery messages, each to be retained; [] where nobody asked for them.

    `labels` are all expressions the model knows; `interval` seconds pass between two states.
    Source of the keys:
    https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
    """
    if not topics.discovery:
        return []
    told = []
    # Our own process or a camera may hang with the connection up: an old value must not stay.
    expire = max(30, math.ceil(3 * interval))
    for camera in topics.cameras:
        state, event = topics.state(camera), topics.event(camera)
        entities: dict[tuple[str, str], dict[str, Any]] = {
            ("sensor", "expression"): {
                "name": "Expression",
                "state_topic": state,
                # Home Assistant's word for "no value"; JSON's null would become the text "None".
                "value_template": "{{ value_json.expression or 'none' }}",
                "device_class": "enum",
                "options": [*labels, "none"],
                "expire_after": expire,
                "json_attributes_topic": state,
                "icon": "mdi:emoticon-outline",
            },
            ("sensor", "faces"): {
                "name": "Faces",
                "state_topic": state,
                "value_template": "{{ value_json.faces }}",
                "state_class": "measurement",
                "expire_after": expire,
                "icon": "mdi:face-recognition",
            },
            ("event", "event"): {
                "name": "Face event",
                "state_topic": event,
                "value_template": "{{ dict(value_json, event_type=value_json.event) | tojson }}",
                "event_types": list(EVENTS),
            },
        }
        for (kind, what), keys in entities.items():
            unique = f"{topics.name}_{camera}_{what}"
            told.append(
                (
                    f"{topics.discovery}/{kind}/{unique}/config",
                    json.dumps(
                        keys
                        | {
                            "unique_id": f"edgefer_{unique}",
                            "availability_topic": topics.availability,
                            "device": {
                                "identifiers": [f"edgefer_{topics.name}_{camera}"],
                                "name": f"edgefer {topics.name} {camera}",
                                "manufacturer": "edgefer",
                                "sw_version": __version__,
                            },
                            "origin": {"name": "edgefer", "sw_version": __version__},
                        }
                    ).encode(),
                )
            )
    return told
