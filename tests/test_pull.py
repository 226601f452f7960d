"""Models are fetched whole and unchanged, or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgefer import pull as room
from edgefer.detectors import YUNET_FILE
from edgefer.errors import ConfigError, ModelError, NotInstalled, OutputError, UnknownName
from edgefer.pull import MODELS, pull

CONTENT = bytes(range(256)) * 40


class Server(ThreadingHTTPServer):
    """Answers each path below in its own way; remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.release = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["User-Agent"]))
        match self.path:
            case "/good":
                self._answer(len(CONTENT), CONTENT)
            case "/moved":
                self.send_response(302)
                self.send_header("Location", self.server.url("good"))
                self.end_headers()
            case "/other":
                self._answer(len(CONTENT), CONTENT[::-1])
            case "/cut":
                self._answer(len(CONTENT), CONTENT[: len(CONTENT) // 2])
            case "/endless":
                self._answer(None, CONTENT * 10)
            case "/stalled":
                self._answer(len(CONTENT), CONTENT[:100])
                self.server.release.wait()
            case _:
                self.send_error(404)

    def _answer(self, length: int | None, body: bytes) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, its name there
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.release.set()
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The known yunet is CONTENT here."""
    known = dataclasses.replace(MODELS["yunet"], sha256=hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(MODELS, "yunet", known)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "models"


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.exists() else []


@pytest.mark.parametrize("path", ["good", "moved"])
def test_download_lies_whole_and_alone_in_a_new_folder(
    server: Server, folder: Path, path: str
) -> None:
    target = pull("yunet", folder, url=server.url(path))
    assert target == folder / YUNET_FILE
    assert target.read_bytes() == CONTENT
    assert leftovers(folder) == [YUNET_FILE]


def test_download_names_itself_to_the_host(server: Server, folder: Path) -> None:
    pull("yunet", folder, url=server.url("good"))
    assert server.asked == [("/good", "edgefer")]


def test_model_that_is_there_already_is_not_fetched_again(server: Server, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / YUNET_FILE).write_bytes(CONTENT)
    assert pull("yunet", folder, url=server.url("missing")) == folder / YUNET_FILE
    assert server.asked == []


def test_a_named_file_is_checked_even_if_the_model_is_there(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    (folder / YUNET_FILE).write_bytes(CONTENT)
    (tmp_path / "wrong").write_bytes(b"something else")
    with pytest.raises(ModelError):
        pull("yunet", folder, source=tmp_path / "wrong")
    assert (folder / YUNET_FILE).read_bytes() == CONTENT


def test_wrong_file_in_the_folder_is_replaced(server: Server, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / YUNET_FILE).write_bytes(b"something else")
    assert pull("yunet", folder, url=server.url("good")).read_bytes() == CONTENT


def test_offline_copy_of_a_file_needs_no_network(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "brought.onnx"
    source.write_bytes(CONTENT)
    assert pull("yunet", folder, source=source).read_bytes() == CONTENT


def test_offline_file_is_checked_as_a_download_is(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "brought.onnx"
    source.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match=r"brought\.onnx"):
        pull("yunet", folder, source=source)
    assert leftovers(folder) == []


def test_offline_file_that_does_not_exist_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx: No such file"):
        pull("yunet", folder, source=tmp_path / "absent.onnx")


def test_wrong_hash_tells_both_hashes_and_keeps_nothing(server: Server, folder: Path) -> None:
    with pytest.raises(ModelError) as caught:
        pull("yunet", folder, url=server.url("other"))
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert hashlib.sha256(CONTENT[::-1]).hexdigest() in str(caught.value)
    assert leftovers(folder) == []


def test_wrong_download_leaves_the_old_file_as_it_was(server: Server, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / YUNET_FILE).write_bytes(b"the user's own")
    with pytest.raises(ModelError):
        pull("yunet", folder, url=server.url("other"))
    assert (folder / YUNET_FILE).read_bytes() == b"the user's own"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("missing", "404"),
        ("cut", f"{len(CONTENT) // 2} of {len(CONTENT)} bytes"),
        ("stalled", "timed out"),
        ("endless", "more than"),
    ],
)
def test_failed_download_says_why_and_how_to_do_without(
    server: Server, folder: Path, path: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path == "stalled":
        monkeypatch.setattr(room, "TIMEOUT", 0.2)
    monkeypatch.setattr(room, "MAX_BYTES", 4 * len(CONTENT))
    with pytest.raises(NotInstalled) as caught:
        pull("yunet", folder, url=server.url(path))
    assert told in str(caught.value)
    assert server.url(path) in str(caught.value)
    assert "edgefer pull yunet --from FILE" in str(caught.value)
    assert leftovers(folder) == []


def test_no_network_says_how_to_do_without(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unheard:  # bound, but it does not listen: every connection is refused
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}/yunet.onnx"
        with pytest.raises(NotInstalled, match=r"refused.*edgefer pull yunet --from FILE"):
            pull("yunet", folder, url=url)
    assert leftovers(folder) == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://host/yunet.onnx", "yunet.onnx"])
def test_address_that_is_not_http_is_refused(folder: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="https://"):
        pull("yunet", folder, url=url)


def test_folder_that_cannot_be_made_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="EDGEFER_MODELS"):
        pull("yunet", tmp_path / "data" / "models", url=server.url("good"))


def test_target_that_cannot_be_written_leaves_no_part_behind(server: Server, folder: Path) -> None:
    (folder / YUNET_FILE).mkdir(parents=True)
    with pytest.raises(OutputError, match=YUNET_FILE):
        pull("yunet", folder, url=server.url("good"))
    assert leftovers(folder) == [YUNET_FILE]


def test_unknown_model_is_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        pull("yunett", folder)
    assert caught.value.nearest == "yunet"


def test_known_hash_is_that_of_the_published_file(
    shared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the real table again
    source = shared / "models" / "yunet_s_dynamic.onnx"
    assert pull("yunet", folder, source=source).read_bytes() == source.read_bytes()
