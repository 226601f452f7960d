"""Pictures that are dropped and pasted, and what is said of those that are refused."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgefer.classifier import Classifier
from edgefer.engines.ort import OrtEngine
from edgefer.web.answers import Busy
from edgefer.web.limits import Rate
from edgefer.web.texts import LANGUAGES, read_texts
from tests.daemons import wait_for
from tests.drivers import FixedDetector
from tests.models import blocks_onnx
from tests.web.browsers import Tab, spoken
from tests.web.servers import Daemon, Server, serving
from tests.web.test_pictures import encoded, png_bomb

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGES = ("/image", "/steps")
LOOKED_AT = {"/image": ".result:not([aria-busy]) h2", "/steps": "#summary"}
"""Where the names of pictures stand that were answered."""


@pytest.fixture
def server(daemon: Daemon, tmp_path: Path) -> Iterator[Server]:
    """One that can answer both pages."""
    model = blocks_onnx(tmp_path / "blocks.onnx")
    engine = OrtEngine(model)
    daemon.models = replace(
        daemon.models, engine=engine, classifier=Classifier(engine), model=model
    )
    with serving(daemon.site(megabytes=0.2, megapixels=0.5)) as server:
        yield server


@pytest.fixture
def tab(browser: Browser, server: Server) -> Iterator[Tab]:
    context = spoken(browser, server.url)
    yield Tab(context, server.url)
    context.close()


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Two files."""
    paths = [tmp_path / f"{name}.png" for name in ("first", "second")]
    for path in paths:
        path.write_bytes(encoded(".png"))
    return [str(path) for path in paths]


def drop(page: Page, at: str, *files: str) -> None:
    """As a hand does: what the page does not take, the browser opens in its place."""
    page.locator(at).scroll_into_view_if_needed()
    box = page.locator(at).bounding_box()
    assert box is not None
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": list(files), "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    session.detach()


def paste(page: Page, *files: tuple[str, str, bytes]) -> None:
    """Files (name, type, bytes) from the clipboard, as a browser hands them over."""
    given = [(name, kind, base64.b64encode(data).decode()) for name, kind, data in files]
    page.evaluate(
        """(files) => {
          const clipboardData = new DataTransfer();
          for (const [name, type, data] of files) {
            const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
            clipboardData.items.add(new File([bytes], name, { type }));
          }
          const event = new ClipboardEvent("paste", { clipboardData, bubbles: true });
          document.activeElement.dispatchEvent(event);
        }""",
        given,
    )


def answered(page: Page, path: str, *names: str) -> None:
    """Once these and no others are."""

    def seen() -> list[str]:
        texts = page.locator(LOOKED_AT[path]).all_inner_texts()
        return sorted(text.split(":")[0] for text in texts if text)

    wait_for(lambda: seen() == sorted(names), f"{names} on {path}")


@pytest.mark.parametrize("path", PAGES)
def test_a_dropped_picture_is_looked_at(tab: Tab, path: str, pictures: list[str]) -> None:
    page = tab.open(path)
    drop(page, "#drop", pictures[0])
    answered(page, path, "first.png")
    assert page.locator("#trouble").is_hidden()
    assert page.locator("#source.over").count() == 0
    assert tab.complaints == []


@pytest.mark.parametrize("path", PAGES)
def test_what_is_dropped_beside_the_mark_is_taken_and_not_opened(
    tab: Tab, path: str, pictures: list[str]
) -> None:
    page = tab.open(path)
    drop(page, "h1", pictures[0])
    answered(page, path, "first.png")
    drop(page, ".foot", pictures[1])
    answered(page, path, *(["first.png"] if path == "/image" else []), "second.png")
    assert [one.url for one in tab.context.pages] == [tab.url + path]


def test_several_dropped_pictures_are_looked_at_one_after_the_other(
    tab: Tab, pictures: list[str]
) -> None:
    page = tab.open("/image")
    drop(page, "#drop", *pictures)
    answered(page, "/image", "first.png", "second.png")


def test_of_several_dropped_pictures_the_steps_show_the_first_and_say_so(
    tab: Tab, pictures: list[str]
) -> None:
    page = tab.open("/steps")
    drop(page, "#drop", *pictures)
    answered(page, "/steps", "first.png")
    assert (
        page.locator("#trouble").inner_text() == "One picture is taken here: first.png, the first."
    )


@pytest.mark.parametrize("path", PAGES)
def test_what_is_dropped_beside_a_picture_and_is_none_is_named(
    tab: Tab, path: str, pictures: list[str], tmp_path: Path
) -> None:
    (notes := tmp_path / "notes.txt").write_text("no picture")
    page = tab.open(path)
    drop(page, "#drop", str(notes))
    page.wait_for_selector("#trouble:text('notes.txt is not a picture.')")
    drop(page, "#drop", pictures[0])
    answered(page, path, "first.png")
    assert page.locator("#trouble").is_hidden()
    drop(page, "#drop", str(notes), pictures[1])
    answered(page, path, *(["first.png"] if path == "/image" else []), "second.png")
    assert page.locator("#trouble").inner_text() == "notes.txt is not a picture."
    assert [one.url for one in tab.context.pages] == [tab.url + path]


def test_all_that_is_no_picture_is_named(tab: Tab, pictures: list[str], tmp_path: Path) -> None:
    names = ("empty", "key", "film.mkv")
    for name in names:
        (tmp_path / name).write_bytes(b"")
    page = tab.open("/steps")
    page.evaluate("document.getElementById('files').multiple = true")  # as a drop may bring several
    page.set_input_files("#files", [*pictures, *(str(tmp_path / name) for name in names)])
    page.wait_for_selector("#trouble:text('These are not pictures: empty, key and film.mkv.')")
    answered(page, "/steps", "first.png")


def test_only_what_may_pass_is_offered_to_be_tried_again(tab: Tab) -> None:
    page = tab.open("/image")
    paste(page, ("a.png", "image/png", encoded(".png")[:-20]))
    page.locator(".result .note.bad").wait_for()
    assert page.locator(".result footer button").all_inner_texts() == ["Remove"]
    page.route("**/v1/predict", lambda route: route.abort())
    paste(page, ("b.png", "image/png", encoded(".png")))
    page.locator(".result .note:text('does not answer')").wait_for()
    newest = page.locator(".result").first
    assert newest.locator("footer button").all_inner_texts() == ["Try again", "Remove"]
    page.unroute("**/v1/predict")
    newest.locator("button:text('Try again')").click()
    answered(page, "/image", "a.png", "b.png")


@pytest.mark.parametrize("path", PAGES)
def test_a_pasted_picture_is_looked_at(tab: Tab, path: str) -> None:
    page = tab.open(path)
    paste(page, ("image.png", "image/png", encoded(".png")))
    answered(page, path, "image.png")
    assert tab.complaints == []


def test_pasted_text_is_left_alone(tab: Tab) -> None:
    page = tab.open("/image")
    taken = page.evaluate(
        """() => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", "words");
          const more = { clipboardData, bubbles: true, cancelable: true };
          return !document.body.dispatchEvent(new ClipboardEvent("paste", more));
        }"""
    )
    assert not taken
    assert page.locator("#trouble").is_hidden()
    assert page.locator(".result").count() == 0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PAGES)
def test_a_refusal_is_said_in_the_language_of_the_page(
    path: str, language: str, browser: Browser, server: Server
) -> None:
    says = read_texts()[language]["script"]["refusals"]
    context = spoken(browser, server.url, locale=language)
    page = Tab(context, server.url).open(path)
    noise = np.random.default_rng(1).integers(0, 256, 190_000, np.uint8).tobytes()
    for name, data in (
        ("not_picture", noise),
        ("empty", b""),
        ("damaged", encoded(".png")[:-20]),
        ("too_many_pixels", png_bomb(1000, 1000)),
    ):
        paste(page, ("a.png", "image/png", data))
        wanted = says[name].replace("{megapixels}", "0.5")
        place = ".result .note.bad" if path == "/image" else "#trouble"
        page.wait_for_selector(f"{place}:text-is('{wanted}')")
    paste(page, ("large.png", "image/png", 2 * noise))  # not sent at all
    large = {"en": "large.png has 0.4 MB", "id": "large.png berukuran 0,4 MB"}[language]
    page.wait_for_selector(f"{place}:text('{large}')")
    context.close()


def test_who_must_wait_is_told_how_long_in_the_language_of_the_page(
    browser: Browser, server: Server, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Any) -> None:
        raise Busy("the models do not answer now: gone", 5, "no_models")

    context = spoken(browser, server.url, locale="id")
    page = Tab(context, server.url).open("/image")
    daemon.models = replace(daemon.models, detector=FixedDetector(at=away))
    paste(page, ("a.png", "image/png", encoded(".png")))
    page.wait_for_selector(
        ".result .note:text('Model sedang tidak menjawab. Coba lagi dalam 5 dtk.')"
    )
    monkeypatch.setattr(Rate, "take", lambda *_: 7)
    page.click(".result button:text('Coba lagi')")
    page.wait_for_selector(".result .note:text('Terlalu banyak permintaan dari sini.')")
    context.close()


def test_a_reason_that_the_page_has_no_words_for_is_marked_as_english(tab: Tab) -> None:
    page = tab.open("/image?language=id")
    page.route("**/v1/predict", lambda route: route.fulfill(status=418, body="I am a teapot"))
    paste(page, ("a.png", "image/png", encoded(".png")))
    note = page.locator(".result .note")
    note.wait_for()
    assert note.inner_text() == "Perangkat menolak (418): I am a teapot"
    assert note.locator("[lang=en]").inner_text() == "I am a teapot"
