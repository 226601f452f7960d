"""The pages of a daemon that runs: its cameras, its models, its reloads."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.daemons import Daemon, wait_for

pytest.importorskip("jinja2", reason="pip install 'edgefer[web]'")
pytest.importorskip("python_multipart", reason="pip install 'edgefer[web]'")

PAGES = "[web]\npages = true\npreview = true\nfps = 20\n"
CAMERA = '[[camera]]\nname = "{}"\nurl = "demo://?fps=15"\n'
Start = Callable[[str], Daemon]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Daemon] = []

    def begin(config: str) -> Daemon:
        running.append(Daemon(tmp_path, config))
        running[-1].wait_ready()
        return running[-1]

    yield begin
    for daemon in running:
        daemon.end()


def names(daemon: Daemon) -> list[str]:
    answer = daemon.get("/v1/cameras")
    return [each["name"] for each in answer.json()["cameras"]] if answer.is_success else []


def reload(daemon: Daemon, config: str) -> None:
    daemon.write(config)
    before = len(daemon.log())
    daemon.send(signal.SIGHUP)
    wait_for(lambda: any("reload" in line["message"] for line in daemon.log()[before:]), "a reload")


def test_who_signed_out_stays_so_over_a_reload(start: Start, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("friend\n")
    password.chmod(0o400)
    config = CAMERA.format("door") + PAGES + f'password = "{password}"\n'
    daemon = start(config)
    url = f"http://127.0.0.1:{daemon.port}"
    headers = {"Origin": url, "Sec-Fetch-Site": "same-origin"}

    def code(session: dict[str, str]) -> int:
        return httpx.get(url + "/v1/cameras", cookies=session).status_code

    with httpx.Client(base_url=url, headers=headers) as browser:

        def send(page: str, path: str, **form: str) -> dict[str, str]:
            found = re.search(r'name="csrf" value="(\w+)"', browser.get(page).text)
            assert found
            browser.post(path, data={**form, "csrf": found[1]})
            return dict(browser.cookies)

        left = send("/login", "/login", password="friend")
        send("/", "/logout")
        kept = send("/login", "/login", password="friend")
    assert (code(left), code(kept)) == (401, 200)
    reload(daemon, config)
    wait_for(lambda: code(kept) == 200, "the server after the reload")
    assert code(left) == 401


def test_a_camera_is_seen_and_a_picture_of_it_recognised(start: Start) -> None:
    daemon = start(CAMERA.format("door") + PAGES)
    daemon.wait_frames(camera="door")
    picture = daemon.get("/v1/cameras/door/picture")
    assert picture.headers["Content-Type"] == "image/jpeg"
    url = f"http://127.0.0.1:{daemon.port}/v1/predict"
    told = httpx.post(url, content=picture.content, timeout=60).json()
    assert told["images"][0]["size"] == [640, 480]
    assert told["model"]["name"] == daemon.get("/v1/status").json()["engine"]["model"]


def test_no_picture_stays_in_what_is_written(start: Start) -> None:
    daemon = start(CAMERA.format("door") + PAGES)
    daemon.get("/v1/cameras/door/picture")
    daemon.wait_frames(camera="door")
    assert all("image" not in key for line in daemon.lines() for key in line)


def test_a_reload_brings_pages_and_takes_them_away(start: Start) -> None:
    daemon = start(CAMERA.format("door"))
    assert daemon.get("/v1/cameras").status_code == 404
    reload(daemon, CAMERA.format("door") + PAGES)
    wait_for(lambda: names(daemon) == ["door"], "the page of the camera")
    assert daemon.get("/v1/cameras/door/picture").is_success
    reload(daemon, CAMERA.format("door") + CAMERA.format("yard") + PAGES)
    wait_for(lambda: names(daemon) == ["door", "yard"], "both cameras")
    reload(daemon, CAMERA.format("yard") + PAGES)
    wait_for(lambda: names(daemon) == ["yard"], "one camera")
    assert daemon.get("/v1/cameras/yard/picture").is_success
    reload(daemon, CAMERA.format("yard"))
    wait_for(lambda: daemon.get("/v1/cameras").status_code == 404, "no pages")
    assert daemon.get("/livez").is_success
