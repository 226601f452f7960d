"""The pages in a real Chromium, on the real daemon with a drawn camera."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import pytest

from edgefer.sources.scene import Scene
from edgefer.web.pages import NAVIGATION
from edgefer.web.texts import LANGUAGES
from tests.conftest import REPOSITORY
from tests.daemons import Daemon, free_port, wait_for
from tests.web.browsers import DESK, PHONE, Tab, as_json, first_number, spoken

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CAMERA = '[[camera]]\nname = "door"\nurl = "demo://?fps=10&seed=3&start=40"\n'
STEPS = ["frame", "working", "faces", "crop", "grey", "tensor", "maps", "logits", "temperature",
         "probabilities", "evidence"]  # fmt: skip
PAGES = [name for name, _ in NAVIGATION]
PATHS = dict(NAVIGATION)

Open = Callable[..., Tab]


def started(folder: Path, more: str = "", port: int = 0, cameras: str = CAMERA) -> Daemon:
    """A daemon that is ready."""
    folder.mkdir(parents=True)
    port = port or free_port()
    daemon = Daemon(
        folder, f"{cameras}\n[http]\nport = {port}\n[web]\npages = true\npreview = true\n{more}"
    )
    daemon.port = port
    daemon.wait_ready()
    return daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("daemon")
    results = folder / "results"
    kept = REPOSITORY / "benchmarks" / "results"
    shutil.copytree(kept, results, ignore=shutil.ignore_patterns("*.md", "*.csv"))
    for name in ("before", "after"):
        shutil.copy(kept / "bench.json", results / f"{name}.json")
    (results / "broken.json").write_text("{")
    running = started(folder / "one", f'benchmarks = "{results}"\n')
    yield running
    running.end()


def address(daemon: Daemon) -> str:
    return f"http://127.0.0.1:{daemon.port}"


@contextmanager
def tab(browser: Browser, url: str, **more: Any) -> Iterator[Tab]:
    context = spoken(browser, url, **more)
    try:
        yield Tab(context, url)
    finally:
        context.close()


@pytest.fixture
def look(browser: Browser, daemon: Daemon) -> Iterator[Open]:
    """Opens a page of the daemon, by name, and waits until it shows what it is for."""
    opened = []

    def look(name: str, **more: Any) -> Tab:
        context = spoken(browser, address(daemon), **more)
        opened.append(context)
        tab = Tab(context, address(daemon))
        tab.open(PATHS[name])
        filled(tab, name)
        return tab

    yield look
    for context in opened:
        context.close()


def filled(tab: Tab, name: str) -> None:
    page = tab.page
    page.wait_for_load_state("domcontentloaded")  # its scripts have run: a click is heard
    if name == "live":
        page.wait_for_selector(".camera .picture img:not([hidden])")
        page.wait_for_selector(".camera .face")
        page.wait_for_selector(".metric .line[d]")
    elif name in ("image", "steps"):
        page.click("#use-sample")
        page.wait_for_selector(".result .face" if name == "image" else ".step")
    elif name == "benchmarks":
        page.wait_for_selector("#result table")


def image_path(folder: Path) -> Path:
    """A drawn face that looks surprised."""
    path = folder / "somebody.png"
    cv2.imwrite(str(path), Scene(7).draw(120))
    return path


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_an_error(look: Open, name: str) -> None:
    tab = look(name)
    assert tab.complaints == []
    tab.keep(f"{name}-light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_that_shuts_people_out(look: Open, name: str, scheme: str) -> None:
    tab = look(name, color_scheme=scheme)
    if scheme == "dark":
        tab.keep(f"{name}-dark")
    assert tab.shut_out() == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_phone(look: Open, name: str, language: str) -> None:
    tab = look(name, viewport=PHONE, locale=language)
    assert tab.page.get_attribute("html", "lang") == language
    tab.keep(f"{name}-phone-{language}")
    assert tab.reach() == PHONE["width"]


def test_the_live_picture_moves_and_the_numbers_change(look: Open) -> None:
    page = look("live").page
    image = page.locator(".camera .picture img")
    first = image.screenshot()
    wait_for(lambda: image.screenshot() != first, "another picture")
    # All of them: the total of a camera of 10 FPS is 10.0 for minutes on an idle machine.
    numbers = page.locator(".camera .metric .value")
    wait_for(lambda: all(map(first_number, numbers.all_inner_texts()[:5])), "the rates")
    before = numbers.all_inner_texts()
    wait_for(lambda: numbers.all_inner_texts() != before, "other rates")
    page.wait_for_selector("#connection:text-is('Connected')")


def test_each_face_has_its_track_and_seven_bars(look: Open) -> None:
    page = look("live").page
    face = page.locator(".camera .face").first
    # Faces come and go: one that was there may be gone when it is looked at.
    wait_for(lambda: face.locator(".bars li").count() == 7, "a face with seven bars")
    assert face.locator(".who").inner_text().startswith("Track ")
    page.wait_for_selector("#events li")


def test_the_bar_of_the_label_that_is_shown_stands_out_though_the_frame_says_another(
    look: Open,
) -> None:
    page = look("live").page
    assert page.locator(".camera .face .tiny").first.inner_text() == "This frame"
    chosen = page.evaluate(
        """async () => {
          const { faceCard } = await import("/static/faces.js");
          const probabilities = { happy: 0.84, neutral: 0.16 };
          const face = (expression) => ({ expression, probability: 0.36, probabilities });
          const { node, update } = faceCard(face("neutral"), "Track 1");
          const seen = () => [...node.querySelectorAll(".what, .most")].map(
            (one) => one.firstChild.textContent);
          const before = seen();
          update(face("happy"));
          return [before, seen()];
        }"""
    )
    assert chosen == [["neutral", "neutral"], ["happy", "happy"]]


def test_a_camera_that_is_not_there_is_told_with_its_reason(
    browser: Browser, tmp_path: Path
) -> None:
    missing = '[[camera]]\nname = "garden"\nurl = "v4l2:///dev/video-none"\n'
    daemon = started(tmp_path / "one", cameras=CAMERA + missing)
    try:
        with tab(browser, address(daemon)) as opened:
            page = opened.open("/")
            page.wait_for_selector('[data-camera="door"] .picture img:not([hidden])')
            tile = page.locator('[data-camera="garden"]')
            assert "/dev/video-none" in tile.locator(".reason").inner_text()
            assert tile.locator(".picture").get_attribute("data-stale") is not None
            opened.keep("live-two-cameras")
    finally:
        daemon.end()


def test_a_page_says_that_the_daemon_is_gone_and_goes_on_when_it_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    daemon = started(tmp_path / "one")
    with tab(browser, address(daemon)) as opened:
        try:
            page = opened.open("/")
            filled(opened, "live")
        finally:
            daemon.end()
        page.wait_for_selector("#lost:not([hidden])")
        assert page.locator("#connection").get_attribute("data-state") == "lost"
        assert page.locator(".camera .picture").get_attribute("data-stale") is not None
        opened.keep("live-lost")
        again = started(tmp_path / "two", port=daemon.port)
        try:
            page.wait_for_selector("#lost", state="hidden")
            page.wait_for_selector(".camera .picture:not([data-stale]) img:not([hidden])")
            image = page.locator(".camera .picture img")
            first = image.screenshot()
            wait_for(lambda: image.screenshot() != first, "another picture")
        finally:
            again.end()


def test_pictures_are_not_shown_where_the_owner_does_not_allow_it(
    browser: Browser, tmp_path: Path
) -> None:
    daemon = started(tmp_path / "one")
    daemon.end()
    hidden = daemon.path.read_text().replace("preview = true", "preview = false")
    (tmp_path / "two").mkdir()
    daemon = Daemon(tmp_path / "two", hidden)
    daemon.port = int(hidden.split("port = ")[1].split()[0])
    try:
        daemon.wait_ready()
        with tab(browser, address(daemon)) as opened:
            page = opened.open("/")
            page.wait_for_selector(".camera .face")
            assert "preview = true" in page.locator(".no-picture").inner_text()
            assert opened.complaints == []
    finally:
        daemon.end()


def test_a_picture_is_answered_with_its_expression(look: Open, tmp_path: Path) -> None:
    tab = look("image")
    page = tab.page
    shown = page.locator(".result .face .what").all_inner_texts()
    assert sorted(shown) == ["happy", "neutral"]
    page.set_input_files("#files", image_path(tmp_path))
    newest = page.locator(".result").first
    newest.locator(".face").wait_for()
    assert newest.locator(".face .what").all_inner_texts() == ["surprise"]
    assert newest.locator(".bars li").count() == 7
    assert newest.locator(".overlay rect:not(.under)").count() == 1
    assert tab.complaints == []


@pytest.mark.parametrize("apart", [10, 60, 90])
def test_labels_stand_in_the_picture_and_over_no_other(look: Open, apart: int) -> None:
    page = look("image", viewport=PHONE, locale="id").page
    told = page.evaluate(
        """async (apart) => {
          const { overlay } = await import("/static/faces.js");
          const faces = [0, 1, 2, 3].map((n) => ({
            box: [apart * n, 40 + n, apart * n + 50, 90 + n],
            expression: "surprise",
            probability: 0.87,
          }));
          const place = document.querySelector(".result .overlay");
          place.querySelector("svg").replaceWith(overlay([360, 150], faces, place.clientWidth));
          return [...place.querySelectorAll("text")].map((one) => {
            const { x, y, width, height } = one.getBBox();
            return [x, y, x + width, y + height, one.textContent];
          });
        }""",
        apart,
    )
    assert [text.split()[0] for *_, text in told] == ["1", "2", "3", "4"]
    assert "1 terkejut 87%" in {text for *_, text in told}
    for n, (left, top, right, bottom, _) in enumerate(told):
        assert left >= 0
        assert right <= 360
        for x1, y1, x2, y2, _ in told[:n]:
            # Letters of two lines may touch: what a box has above and below them is air.
            assert right <= x1 or x2 <= left or min(bottom, y2) - max(top, y1) <= 3


def test_on_a_phone_faces_of_a_picture_are_all_there_and_beside_it_a_shade_says_that_more_come(
    look: Open,
) -> None:
    page = look("image", viewport=PHONE).page
    faces = page.locator(".result .faces")
    hidden = "one => one.scrollHeight - one.clientHeight"
    assert faces.evaluate(hidden) == 0
    page.set_viewport_size(DESK)
    for _ in range(3):
        faces.evaluate("one => one.append(one.firstChild.cloneNode(true))")
    assert faces.evaluate(hidden) > 0
    assert "gradient" in faces.evaluate("one => getComputedStyle(one).backgroundImage")


def test_an_answer_is_kept_as_json_and_as_a_picture(look: Open, tmp_path: Path) -> None:
    page = look("image").page
    with page.expect_download() as kept:
        page.get_by_role("button", name="Download JSON").click()
    path = tmp_path / kept.value.suggested_filename
    kept.value.save_as(path)
    assert path.name == "sample.json"
    assert len(as_json(path)["images"][0]["faces"]) == 2
    with page.expect_download() as kept:
        page.get_by_role("button", name="Download annotated PNG").click()
    path = tmp_path / kept.value.suggested_filename
    kept.value.save_as(path)
    drawn = cv2.imread(str(path))
    assert drawn is not None
    assert drawn.shape == (480, 640, 3)


def test_what_is_no_picture_is_refused_in_words(look: Open, tmp_path: Path) -> None:
    tab = look("image")
    text, broken = tmp_path / "notes.txt", tmp_path / "broken.png"
    text.write_text("no picture")
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    tab.page.set_input_files("#files", text)
    assert tab.page.locator("#trouble").inner_text() == "notes.txt is not a picture."
    tab.page.set_input_files("#files", broken)
    tab.page.wait_for_selector(".result .note.bad")


def test_a_picture_is_taken_with_the_browser_s_camera(look: Open) -> None:
    page = look("image").page
    page.click("#use-camera")
    seen = "document.querySelector('video').videoWidth > 0"
    wait_for(lambda: page.evaluate(seen), "a picture of the camera")
    page.click("#shoot")
    newest = page.locator(".result").first
    newest.locator(".overlay").wait_for()
    assert newest.locator("h2").inner_text() == "photo.png"
    assert page.locator("#viewfinder").is_hidden()


def test_the_steps_show_every_stage_with_a_sentence_and_its_pictures(look: Open) -> None:
    tab = look("steps")
    steps = tab.page.locator(".step")
    assert steps.evaluate_all("all => all.map((one) => one.dataset.step)") == STEPS
    for sentence in steps.locator("p").all_inner_texts():
        assert sentence.endswith(".")
    assert tab.page.locator("#contents a").count() == len(STEPS)
    broken = "all => all.filter((one) => !one.complete || one.naturalWidth === 0).length"
    assert tab.page.locator(".step img").evaluate_all(broken) == 0
    probabilities = tab.page.locator('[data-step="probabilities"] .most')
    assert probabilities.inner_text().split() == ["happy", "71%"]
    assert tab.complaints == []


def test_another_face_is_chosen_and_a_picture_is_seen_larger(look: Open) -> None:
    page = look("steps").page
    page.select_option("#face", "1")
    most = page.locator('[data-step="probabilities"] .most')
    wait_for(lambda: most.inner_text().startswith("neutral"), "the other face's steps")
    page.locator('[data-step="crop"] button').first.click()
    assert page.locator("#larger").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#larger").is_hidden()


def test_two_results_are_compared(look: Open) -> None:
    tab = look("benchmarks")
    page = tab.page
    assert page.locator("#list button").count() >= 2
    page.select_option("#a", "before")
    page.select_option("#b", "after")
    page.click("#compare button")
    page.wait_for_selector("#result h2:has-text('before : after')")
    assert "no significant difference" in page.locator("#result table").inner_text()
    tab.keep("benchmarks-compared")
    assert tab.complaints == []


def test_the_ratio_is_headed_by_the_names_of_its_columns(look: Open) -> None:
    page = look("benchmarks", viewport=PHONE).page
    page.select_option("#a", "before")
    page.select_option("#b", "after")
    page.click("#compare button")
    page.wait_for_selector("#result h2:has-text('before : after')")
    headings = page.locator("#result thead th").all_inner_texts()
    assert headings[1:4] == ["before", "after", "after / before"]
    caption, seen = (
        page.locator(f"#result {what}").first.bounding_box() for what in ("caption", ".scroll")
    )
    assert caption is not None
    assert seen is not None
    assert caption["width"] <= seen["width"], "words are not cut where the table scrolls"


def test_an_interval_that_goes_on_beyond_the_axis_ends_in_an_arrow_that_is_explained(
    look: Open,
) -> None:
    page = look("benchmarks").page
    drawn = page.evaluate(
        """async () => {
          const { barChart } = await import("/static/plot.js");
          const chart = (high) => barChart([{ name: "a", value: 400, low: 183, high }], "Total");
          return [736, 420].map((high) => {
            const made = chart(high);
            return [made.querySelector(".beyond") !== null, made.textContent.includes("An arrow")];
          });
        }"""
    )
    assert drawn == [[True, True], [False, False]]


def test_two_different_results_are_offered_to_be_compared(look: Open) -> None:
    page = look("benchmarks").page
    assert page.input_value("#a") != page.input_value("#b")
    assert page.locator("#too-few").is_hidden()


def test_where_there_are_no_results_nothing_is_offered_to_be_compared(
    browser: Browser, tmp_path: Path
) -> None:
    daemon = started(tmp_path / "one")
    try:
        with tab(browser, address(daemon)) as opened:
            page = opened.open(PATHS["benchmarks"])
            page.wait_for_selector("#none:not([hidden])")
            assert page.locator("#too-few").is_visible()
            assert page.locator("#compare select, #compare button").count() == 3
            assert page.locator("#pair").is_hidden()
    finally:
        daemon.end()


def test_a_result_of_several_engines_is_listed_with_their_number(look: Open) -> None:
    page = look("benchmarks").page
    engines = len(as_json(REPOSITORY / "benchmarks" / "results" / "zoo.json")["engines"])
    assert f"{engines} engines" in page.locator('#list button[data-name="zoo"]').inner_text()


def test_on_a_phone_a_chosen_result_comes_into_sight_with_its_heading_focused(look: Open) -> None:
    tab = look("benchmarks", viewport=PHONE)
    page = tab.page
    page.click('#list button[data-name="after"]')
    page.wait_for_selector("#result h2:focus:has-text('after')")
    top = "document.querySelector('#result').getBoundingClientRect().top"
    wait_for(lambda: 0 <= page.evaluate(top) < PHONE["height"] / 4, "the result at the top")
    tab.keep("benchmarks-phone-chosen")


def test_beside_the_list_a_chosen_result_does_not_take_the_focus(look: Open) -> None:
    page = look("benchmarks").page
    page.click('#list button[data-name="after"]')
    page.wait_for_selector("#result h2:has-text('after')")
    assert page.evaluate("document.activeElement.dataset.name") == "after"


def test_parts_are_named_in_the_language_of_the_page(look: Open) -> None:
    page = look("live", locale="id").page
    page.wait_for_selector("#parts li")
    names = page.locator("#parts li span:first-child").all_inner_texts()
    assert names == ["Model", "Loop peristiwa", "Halaman", "Baris JSON", "Kamera door"]


def test_what_a_result_could_not_read_is_said_in_the_language_of_the_page(look: Open) -> None:
    page = look("benchmarks", locale="id").page
    told = page.evaluate(
        """async () => {
          const { rendered } = await import("/static/results.js");
          const away = "unavailable";
          const environment = { device: away, cpu: away, cores: null, system: away, git: away };
          return [...rendered({ schema: "edgefer.other/1", environment })[0].children].map(
            (one) => one.textContent);
        }"""
    )
    assert told == [
        word for name in ("Mesin", "Sistem", "Komit") for word in (name, "tidak tersedia")
    ]


def test_a_damaged_result_is_told_beside_the_others(look: Open) -> None:
    page = look("benchmarks").page
    assert page.locator("#unread li").all_inner_texts() == ["broken.json is no JSON, or is damaged"]
    assert page.locator('#list button[data-name="broken"]').count() == 0


def test_each_kind_of_result_is_shown(look: Open) -> None:
    tab = look("benchmarks")
    page = tab.page
    names = page.locator("#list button").evaluate_all("all => all.map((one) => one.dataset.name)")
    assert {"accuracy", "faults", "soak", "runtimes", "ablation", "cameras"} <= set(names)
    for name in names:
        page.click(f'#list button[data-name="{name}"]')
        page.wait_for_selector(f'#list button[data-name="{name}"][aria-current]')
        page.wait_for_selector(f"#result h2:has-text('{name}')")
        assert page.locator("#result tbody tr").count() > 0
        assert page.locator("#trouble").is_hidden()
        assert tab.shut_out() == []
        tab.keep(f"benchmarks-{name}")
    assert tab.complaints == []


def test_the_keyboard_comes_to_the_content_first(look: Open) -> None:
    page = look("about").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("name", [name for name in PAGES if name != "about"])
def test_without_scripts_a_page_says_what_is_missing(
    browser: Browser, daemon: Daemon, name: str
) -> None:
    with tab(browser, address(daemon), java_script_enabled=False) as opened:
        page = opened.page
        page.goto(address(daemon) + PATHS[name], wait_until="commit")  # a video never ends
        page.locator("noscript .note").wait_for()
        assert "JavaScript" in page.locator("noscript .note").inner_text()


def test_signing_in_leads_to_the_page_that_was_wanted_and_out_again(
    browser: Browser, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("open sesame\n")
    secret.chmod(0o400)
    daemon = started(tmp_path / "one", f'password = "{secret}"\n')
    try:
        with tab(browser, address(daemon), viewport=DESK) as opened:
            page = opened.open("/image")
            assert "/login" in page.url
            opened.keep("login")
            assert opened.shut_out() == []
            page.fill("#password", "wrong")
            page.click("main button")
            page.wait_for_selector("#trouble")
            page.goto(f"{address(daemon)}/image")
            page.fill("#password", "open sesame")
            page.click("main button")
            page.wait_for_selector("#drop")
            assert page.url == f"{address(daemon)}/image"
            filled(opened, "image")
            page.set_viewport_size(PHONE)
            button = page.locator("header form button").bounding_box()
            assert button is not None
            assert button["y"] >= 4, "it does not stick to the window's edge"
            page.click("header form button")
            page.wait_for_selector("#password")
            assert opened.complaints == []
    finally:
        daemon.end()
