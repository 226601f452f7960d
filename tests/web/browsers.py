"""A real Chromium, what it complains of, and axe-core, which looks for what shuts people out."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.brokers import wanted
from tests.conftest import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

AXE = REPOSITORY / ".cache" / "axe.min.js"
ARTEFACTS = REPOSITORY / "artefacts"
"""Where screenshots are kept, for eyes."""

PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 900}


def missing(reason: str) -> NoReturn:
    """The test is skipped, except in CI, where all must be there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's, without a display; a test without it is skipped, except in CI."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("playwright is not installed: pip install playwright")
    program = wanted("chromium", shutil.which("chromium"), "chromium")
    # Its sandbox takes a user of its own, which root is not.
    more = ["--no-sandbox"] if os.geteuid() == 0 else []
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*more, *fake])
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """One page of a browser, and what went wrong in it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self.page: Page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        """Errors of the console, among them what the policy refused, and of scripts."""
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message: Any) -> None:  # Any: Playwright's
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def keep(self, name: str) -> None:
        """A picture of all of the page, for eyes."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    def reach(self) -> int:
        """Pixels that the page is wide, of which those beyond the window must be scrolled to."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth")
        return found

    def shut_out(self) -> list[str]:
        """What axe-core finds serious or critical."""
        if not AXE.is_file():
            name = AXE.relative_to(REPOSITORY)
            missing(f"no {name}: make {name}, which takes npm")
        # Evaluated, as the page's policy lets no script in.
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run(document)")
        return [
            f"{fault['id']}: {fault['help']}: {node['html'][:200]}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]


def first_number(text: str) -> float:
    """Of a text such as "11.7 FPS"; nan where it has none."""
    found = re.search(r"-?\d+(?:\.\d+)?", text)
    return float(found.group()) if found else float("nan")


def spoken(browser: Browser, url: str, **more: Any) -> BrowserContext:
    """A window in English, light unless said otherwise."""
    settings: dict[str, Any] = {"viewport": DESK, "locale": "en-GB", **more}
    return browser.new_context(base_url=url, **settings)


def as_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
