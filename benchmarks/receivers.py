"""Who hears the daemon in a measurement: an MQTT subscriber and a receiver of webhooks.

Each counts, and keeps when the first came; both begin and end with `with`.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from edgefer.timing import clock


class Ear:
    """Subscribed to everything below edgefer/ at a broker on this machine."""

    def __init__(self, port: int) -> None:
        # Here, as a plain install has none of the daemon's libraries.
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._port = port
        self.count = 0
        self.first = 0.0
        """When the first message came."""
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("edgefer/#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._heard

    def _heard(self, _client: Any, _data: Any, message: Any) -> None:  # Any: paho's
        if not message.retain:
            self.first = self.first or clock()
            self.count += 1

    def __enter__(self) -> Ear:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._subscribed.wait(20), "the broker takes no subscription"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # Without a cycle paho closes its pair of sockets now, not when garbage is collected.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None


class Hook:
    """Takes every POST with 204, on a port of its own that it keeps when begun again."""

    def __init__(self, port: int = 0) -> None:
        self.count = 0
        self.first = 0.0
        """When the first post came."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                hook.first = hook.first or clock()
                hook.count += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing is said."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_port

    def __enter__(self) -> Hook:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
