"""Ten thousand requests of every kind: no error of ours, and no memory that is kept."""

from __future__ import annotations

import gc
import os
import socket
from collections import Counter
from pathlib import Path

import pytest

from tests.drivers import reading
from tests.web.servers import Daemon, Server
from tests.web.test_pictures import encoded, png_bomb

REQUESTS = 10_000
GROWTH = 6 << 20
"""Bytes. The history of ten minutes and the allocator's own ways take some; a leak of one kilobyte
in each request would be ten million."""

PATHS = (
    "/livez",
    "/v1/status",
    "/v1/cameras",
    "/v1/cameras/door",
    "/v1/cameras/absent/video",
    "/v1/history",
    "/v1/openapi.json",
    "/v1/benchmarks/absent",
    "/",
    "/about",
    "/static/page.css",
    "/static/..%2f..%2fetc%2fpasswd",
    "/absent",
)


def resident() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def answered(client: socket.socket, request: bytes) -> tuple[int, bool]:
    """The status code, and whether the server closes; the answer is read to its end."""
    client.sendall(request)
    told = b""
    while b"\r\n\r\n" not in told:
        part = client.recv(65536)
        assert part, "it was cut"
        told += part
    head, _, body = told.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(lengths[0].split(b":")[1]) - len(body)
    while left > 0:
        left -= len(client.recv(left))
    return int(head[9:12]), b"connection: close" in head.lower()


def run(server: Server, count: int) -> Counter[int]:
    """So many requests; each 20th has a body."""
    bodies = [encoded(".png"), encoded(".jpg"), png_bomb(9000, 9000), b"<svg/>", b"\xff\xd8\xff"]
    codes = Counter[int]()
    client = server.connect()
    for n in range(count):
        if n % 20:
            head = f"GET {PATHS[n % len(PATHS)]} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            code, closes = answered(client, head.encode())
        else:
            body = bodies[n // 20 % len(bodies)]
            head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
            code, closes = answered(client, head.encode() + b"\r\n\r\n" + body)
        codes[code] += 1
        if closes:
            client.close()
            client = server.connect()
    client.close()
    return codes


@pytest.mark.timeout(300)
def test_ten_thousand_requests_bring_no_error_and_keep_no_memory(
    site: Server, daemon: Daemon
) -> None:
    daemon.camera.report("ok")
    site.call(lambda: daemon.live.read("door", reading(0)))
    run(site, REQUESTS // 5)
    before = resident()
    codes = run(site, REQUESTS)
    assert sum(codes.values()) == REQUESTS
    assert not [code for code in codes if code >= 500]
    assert codes[200] > REQUESTS / 2
    assert codes[400] + codes[413] + codes[415] > 10
    assert resident() - before < GROWTH
