"""The short bench on the page of results, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from edgefer.web.texts import LANGUAGES
from tests.daemons import wait_for
from tests.web.browsers import PHONE, Tab, spoken
from tests.web.servers import Daemon, Pretended, Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

RUNS, ENDED = "#running:not([hidden])", "#running[hidden]"


@pytest.fixture
def bench(daemon: Daemon, pretended: Pretended) -> Iterator[Server]:
    """Where a visitor may begin the pretended bench."""
    assert not pretended.begun()
    with serving(daemon.site()) as server:
        yield server


@pytest.fixture
def tab(browser: Browser, bench: Server) -> Iterator[Tab]:
    context = spoken(browser, bench.url)
    yield Tab(context, bench.url)
    context.close()


def test_a_bench_shows_how_far_it_is_and_then_its_result(tab: Tab, pretended: Pretended) -> None:
    page = tab.open("/benchmarks")
    page.click("#start")
    page.wait_for_selector(RUNS)
    assert page.locator("#start").is_hidden()
    assert page.evaluate("document.activeElement.id") == "cancel"
    page.wait_for_selector("#done:text('Getting ready')")
    assert page.get_attribute("#bar", "value") is None  # it moves, as nobody can tell yet
    pretended.say({"left": 100_000})
    page.wait_for_selector("#left:text-matches('about .* left')")
    page.wait_for_selector("#bar[value]")
    words = page.get_attribute("#bar", "aria-valuetext") or ""
    assert words.startswith("0%, about 2")
    assert tab.shut_out() == []
    tab.keep("benchmarks-running")
    pretended.say({"left": 0})
    wait_for(lambda: float(page.get_attribute("#bar", "value") or 0) > 0, "a share")
    wait_for(lambda: "Measuring: " in page.locator("#said").inner_text(), "the words")
    pretended.finish()
    page.wait_for_selector("#result h2:has-text('here-1')")
    assert page.locator("#running").is_hidden()
    assert page.locator("#outcome").is_hidden()
    assert page.evaluate("document.activeElement.id") == "start"
    assert tab.complaints == []


def test_whoever_opens_the_page_sees_the_bench_that_runs(
    tab: Tab, browser: Browser, pretended: Pretended
) -> None:
    page = tab.open("/benchmarks")
    page.click("#start")
    page.wait_for_selector(RUNS)
    page.reload()
    page.wait_for_selector(RUNS)
    context = spoken(browser, tab.url, locale="id", viewport=PHONE)
    other = Tab(context, tab.url)
    other.open("/benchmarks").wait_for_selector(RUNS)
    pretended.say({"left": 100_000})
    other.page.wait_for_selector("#left:text-matches('kira-kira .* lagi')")
    other.keep("benchmarks-running-phone-id")
    assert other.reach() == PHONE["width"]
    pretended.finish()
    for one in (page, other.page):
        one.wait_for_selector("#result h2:has-text('here-1')")
    context.close()


def test_who_begins_a_bench_while_another_s_runs_is_shown_that_one(
    tab: Tab, bench: Server, pretended: Pretended
) -> None:
    page = tab.open("/benchmarks")
    page.wait_for_selector("#none:not([hidden])")
    bench.post("/v1/benchmarks")
    page.click("#start")
    page.wait_for_selector(RUNS)
    assert page.locator("#trouble").is_hidden()
    pretended.finish()
    page.wait_for_selector("#result h2:has-text('here-1')")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_bench_is_cancelled(language: str, browser: Browser, bench: Server) -> None:
    context = spoken(browser, bench.url, locale=language)
    tab = Tab(context, bench.url)
    page = tab.open("/benchmarks")
    page.click("#start")
    page.click("#cancel")
    page.wait_for_selector(ENDED, state="attached")
    page.wait_for_selector("#outcome:not([hidden])")
    said = {"en": "The bench was cancelled", "id": "Pengukuran dibatalkan"}[language]
    assert page.locator("#outcome").inner_text().startswith(said)
    assert page.evaluate("document.activeElement.id") == "start"
    assert bench.get("/v1/benchmarks/running").json()["running"] is None
    context.close()


def test_a_bench_that_failed_says_why_also_to_who_comes_later(
    tab: Tab, pretended: Pretended
) -> None:
    page = tab.open("/benchmarks?language=id")
    page.click("#start")
    pretended.say({"error": "there is no model face.onnx"})
    pretended.finish(1)
    for _ in range(2):
        page.wait_for_selector("#outcome:not([hidden])")
        assert page.locator("#outcome").inner_text().startswith("Pengukuran tidak memberi hasil:")
        why = page.locator("#outcome [lang=en]")
        assert why.inner_text() == "there is no model face.onnx"
        assert tab.shut_out() == []
        tab.keep("benchmarks-failed-id")
        page.reload()


def test_a_bench_that_ended_with_its_daemon_is_told_to_have(tab: Tab, bench: Server) -> None:
    page = tab.open("/benchmarks")
    page.click("#start")
    page.wait_for_selector(RUNS)

    def forget() -> None:
        bench.web._bench.running = bench.web._bench.ended = None

    bench.call(forget)  # as a daemon that was started anew
    page.wait_for_selector("#outcome:has-text('started anew')")
