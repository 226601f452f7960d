"""The pages as they are sent: languages, escaping, and nothing that the policy would refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="pip install 'edgefer[web]'")
from edgefer.classifier import Classifier
from edgefer.config import Config
from edgefer.outputs import HttpConfig, WebConfig
from edgefer.web import Web
from edgefer.web.pages import NAVIGATION, SCRIPTS, TYPES
from edgefer.web.serving import Serving
from edgefer.web.texts import LANGUAGES, preferred, read_texts
from tests.drivers import FixedDetector, MeanEngine
from tests.web.servers import Daemon, Server, serving

PATHS = [path for _, path in NAVIGATION] + ["/login"]
STATIC = files("edgefer.web") / "static"


@pytest.fixture
def engine() -> MeanEngine:
    return MeanEngine()


def web(daemon: Daemon, config: WebConfig, engine: MeanEngine | None = None) -> Web:
    more: dict[str, Any] = {}
    if engine is not None:
        lent = Serving(FixedDetector(()), engine, Classifier(engine), Path("some.onnx"))
        more["lend"] = lambda: nullcontext(lent)
    return Web(
        Config(http=HttpConfig(port=0), web=config),
        daemon.health,
        daemon.metrics,
        daemon.status,
        **more,
    )


@pytest.fixture
def pages(daemon: Daemon, engine: MeanEngine) -> Iterator[Server]:
    made = web(daemon, WebConfig(pages=True, preview=True), engine)
    with serving(made) as server:
        yield server


class Elements(HTMLParser):
    """Every element with its attributes, and what stands in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str]]] = []
        self.inline = ""
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, {name: value or "" for name, value in attrs}))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - as the base class has it
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style"):
            self.inline += data.strip()


def keys(texts: Mapping[str, Any], before: str = "") -> dict[str, set[str]]:
    """Each text's place, and the {fields} in it."""
    found: dict[str, set[str]] = {}
    for key, value in texts.items():
        if isinstance(value, Mapping):
            found |= keys(value, f"{before}{key}.")
        else:
            found[before + key] = set(re.findall(r"\{\w+\}", value))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PATHS)
def test_each_page_is_rendered_in_each_language(pages: Server, path: str, language: str) -> None:
    answer = pages.get(f"{path}?language={language}")
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in answer.text
    name = {path: name for name, path in NAVIGATION}.get(path, "login")
    assert f"<h1>{read_texts()[language][name]['title']}</h1>" in answer.text


def test_all_languages_have_the_same_texts_with_the_same_fields() -> None:
    first, *others = (keys(texts) for texts in read_texts().values())
    for other in others:
        assert other == first


@pytest.mark.parametrize("page", SCRIPTS)
def test_scripts_say_only_what_each_language_has(page: str) -> None:
    said = set()
    for name in modules(f"{page}.js"):
        code = (STATIC / name).read_text("utf-8")
        said |= set(re.findall(r"\btexts\.(\w+)", code)) | set(re.findall(r'\bsay\("(\w+)"', code))
    for language, texts in read_texts().items():
        told = {"labels", *texts["script"], *texts[page]["script"]}
        for other in SCRIPTS[page]:
            told |= set(texts[other]["script"])
        assert said <= told, language


def modules(name: str) -> set[str]:
    """A script and all that it imports."""
    code = (STATIC / name).read_text("utf-8")
    return {name}.union(*(modules(other) for other in re.findall(r'from "\./([\w.]+)"', code)))


@pytest.mark.parametrize("path", PATHS)
def test_no_script_or_style_is_written_into_a_page(pages: Server, path: str) -> None:
    found = Elements(pages.get(path).text)
    assert found.inline == ""
    for tag, attributes in found.all:
        assert tag != "style"
        assert tag != "script" or attributes["src"].startswith("/static/")
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_brings_nothing_from_another_host(pages: Server, path: str) -> None:
    for _, attributes in Elements(pages.get(path).text).all:
        for name in ("src", "href", "action"):
            assert re.match(r"[/?#]", attributes.get(name, "/")), attributes


def test_no_static_file_names_another_host() -> None:
    for file in STATIC.iterdir():
        if not file.name.endswith(".jpg"):
            found = re.findall(r"https?://[^\"')\s]+", file.read_text("utf-8"))
            assert set(found) <= {"http://www.w3.org/2000/svg"}, file.name


def test_what_a_page_shows_is_escaped(daemon: Daemon, engine: MeanEngine) -> None:
    engine.spec = replace(engine.spec, name="<script>alert(1)</script>")
    with serving(web(daemon, WebConfig(pages=True), engine)) as server:
        about = server.get("/about").text
        assert "<script>alert(1)</script>" not in about
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in about
        login = server.get("/login", params={"next": '"><script>'}).text
        assert '"><script>' not in login


def test_the_address_chooses_the_language_and_it_is_remembered(pages: Server) -> None:
    answer = pages.get("/about?language=id")
    cookie = answer.headers["Set-Cookie"]
    assert "edgefer_language=id" in cookie
    assert "HttpOnly" in cookie
    prefers = {"Accept-Language": "en", "Cookie": "edgefer_language=id"}
    assert '<html lang="id">' in pages.get("/about", headers=prefers).text
    assert '<html lang="en">' in pages.get("/about?language=en", headers=prefers).text
    assert "Set-Cookie" not in pages.get("/about?language=xx", headers=prefers).headers


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("id", "id"),
        ("in-ID", "id"),
        ("de, id-ID;q=0.8, en;q=0.4", "id"),
        ("id;q=0.2, en-GB;q=0.9", "en"),
        ("fr", "en"),
        ("id;q=0", "en"),
        ("id;q=nonsense", "en"),
        ("id;q=nan", "en"),
    ],
)
def test_the_browser_s_preference_chooses_where_nothing_else_does(
    header: str, language: str
) -> None:
    assert preferred(header) == language


def test_the_links_to_languages_keep_what_else_the_address_says(pages: Server) -> None:
    found = Elements(pages.get("/login?next=%2Fimage&wrong=1").text)
    links = [attributes["href"] for tag, attributes in found.all if "hreflang" in attributes]
    assert links == [f"?next=%2Fimage&wrong=1&language={code}" for code in LANGUAGES]


def test_the_sign_in_says_what_went_wrong(pages: Server) -> None:
    texts = read_texts()["en"]["login"]
    assert texts["wrong"] not in pages.get("/login").text
    assert texts["wrong"] in pages.get("/login?wrong=1").text
    assert texts["slow"].replace("{seconds}", "12") in pages.get("/login?wait=12").text
    assert "attempts" not in pages.get("/login?wait=soon").text


def test_about_tells_of_the_model_that_answers_and_of_the_law(
    pages: Server, engine: MeanEngine
) -> None:
    text = pages.get("/about").text
    assert engine.spec.name in text
    assert engine.runtime in text
    assert "Regulation (EU) 2024/1689" in text
    assert "Article 5(1)(f)" in text


def test_about_asks_the_models_once_while_they_are_the_same(
    daemon: Daemon, engine: MeanEngine
) -> None:
    daemon.state = {"engine": {"model": engine.spec.name, "runtime": engine.runtime}}
    asked = 0

    @contextmanager
    def lend() -> Iterator[Serving]:
        nonlocal asked
        asked += 1
        yield Serving(FixedDetector(()), engine, Classifier(engine), Path("some.onnx"))

    config = Config(http=HttpConfig(port=0), web=WebConfig(pages=True))
    made = Web(config, daemon.health, daemon.metrics, daemon.status, lend=lend)
    with serving(made) as server:
        for _ in range(3):
            assert engine.spec.name in server.get("/about").text
        assert asked == 1
        daemon.state = {"engine": {"model": "another", "runtime": engine.runtime}}
        server.get("/about")
        assert asked == 2


def test_about_says_so_where_no_model_answers(daemon: Daemon) -> None:
    with serving(web(daemon, WebConfig(pages=True))) as server:
        answer = server.get("/about")
        assert answer.status_code == 200
        assert read_texts()["en"]["about"]["model_none"] in answer.text


@pytest.mark.parametrize("preview", [True, False])
def test_without_scripts_cameras_are_seen_only_where_that_is_allowed(
    daemon: Daemon, preview: bool
) -> None:
    made = web(daemon, WebConfig(pages=True, preview=preview))
    made.live.begin("front door", daemon.camera)
    with serving(made) as server:
        assert ("/v1/cameras/front%20door/video" in server.get("/").text) is preview


def test_static_files_are_sent_once_and_then_known(pages: Server) -> None:
    for file in STATIC.iterdir():
        answer = pages.get(f"/static/{file.name}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == TYPES["." + file.name.rpartition(".")[2]]
        assert answer.content == file.read_bytes()
        again = pages.get(f"/static/{file.name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name", ["nothing.js", "..%2fpages.py", "%2e%2e/pages.py", "../pages.py", "%00.js", "live"]
)
def test_no_other_file_is_sent(pages: Server, name: str) -> None:
    assert pages.get(f"/static/{name}").status_code == 404


@pytest.fixture
def guarded(daemon: Daemon, tmp_path: Path) -> Iterator[Server]:
    secret = tmp_path / "password"
    secret.write_text("open sesame\n")
    secret.chmod(0o400)
    with serving(web(daemon, WebConfig(pages=True, password=str(secret)))) as server:
        yield server


def test_the_form_to_sign_in_carries_its_token_and_where_to_go(guarded: Server) -> None:
    found = Elements(guarded.get("/login?next=%2Fimage").text)
    fields = {a["name"]: a.get("value") for tag, a in found.all if tag == "input"}
    assert fields["next"] == "/image"
    assert fields["csrf"]
    assert fields["password"] is None


def test_nobody_who_has_not_signed_in_is_offered_to_sign_out(guarded: Server) -> None:
    assert "/logout" not in guarded.get("/login").text
