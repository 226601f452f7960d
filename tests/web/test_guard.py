"""Who is let in, and what every answer carries."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from edgefer.credentials import Secret
from edgefer.errors import ConfigError
from edgefer.outputs import HttpConfig
from edgefer.web.access import LASTS, Access
from edgefer.web.answers import Busy
from edgefer.web.limits import KNOWN, Rate, Room
from tests.web.servers import PASSWORD, TOKEN, Daemon, Server, serving

API = ("/v1/status", "/v1/cameras", "/v1/history", "/v1/benchmarks", "/v1/openapi.json")
PAGES = ("/", "/image", "/steps", "/benchmarks", "/about")


@pytest.fixture
def closed(daemon: Daemon, password: str) -> Iterator[Server]:
    """With a password."""
    with serving(daemon.site(password=password)) as running:
        yield running


MADE: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def _closed_browsers() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


def browser(server: Server, **headers: str) -> httpx.Client:
    sent = {"Accept": "text/html", "Origin": server.url, "Sec-Fetch-Site": "same-origin", **headers}
    MADE.append(httpx.Client(base_url=server.url, headers=sent, trust_env=False, timeout=20))
    return MADE[-1]


def csrf(client: httpx.Client, page: str = "/login") -> str:
    found = re.search(r'name="csrf" value="(\w+)"', client.get(page).text)
    assert found
    return found[1]


def signed_in(server: Server, **headers: str) -> httpx.Client:
    client = browser(server, **headers)
    form = {"password": PASSWORD, "csrf": csrf(client)}
    assert client.post("/login", data=form).headers["Location"] == "/"
    return client


@pytest.mark.parametrize("path", ["/", "/about", "/login", "/v1/cameras", "/v1/absent", "/absent"])
def test_every_answer_carries_the_headers_that_protect_a_browser(path: str, site: Server) -> None:
    headers = site.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Permissions-Policy"].startswith("camera=(self)")
    assert headers["Cache-Control"] == "no-store"


def test_a_refusal_carries_them_too(site: Server) -> None:
    answer = site.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "Content-Security-Policy" in answer.headers


def test_without_pages_nothing_of_them_is_there(server: Server) -> None:
    for path in (*PAGES, *API[1:], "/login", "/static/page.css"):
        assert server.get(path).status_code == 404
    assert server.post("/v1/predict", content=b"x").status_code == 413


def test_loopback_without_a_password_is_open(site: Server) -> None:
    for path in (*PAGES, *API):
        assert site.get(path).status_code == 200


def test_with_a_password_pages_lead_to_the_form_and_the_rest_is_refused(closed: Server) -> None:
    client = browser(closed)
    for path in PAGES:
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/login")
    for path in (*API, "/metrics", "/v1/cameras/door/video", "/v1/stream"):
        answer = client.get(path)
        assert answer.status_code in (401, 303)
        assert closed.get(path).status_code == 401
    assert client.post("/v1/predict", content=b"x").status_code == 401
    assert client.get("/login").status_code == 200
    assert client.get("/static/page.css").status_code == 200


def test_health_is_told_without_the_password_and_nothing_secret_in_it(
    closed: Server, daemon: Daemon
) -> None:
    address = "rtsps://me:word@192.0.2.1:7441/secretpath: gone. See http://192.0.2.1/key."
    daemon.camera.report("recovering", address)
    assert closed.get("/livez").json() == {"good": True, "reasons": [], "notes": []}
    answer = closed.get("/readyz")
    told = "rtsps://***@192.0.2.1:7441/***: gone. See http://192.0.2.1/***."
    assert (answer.status_code, answer.json()["reasons"]) == (503, [f"camera door: {told}"])
    assert "secretpath" in signed_in(closed).get("/readyz").text


def test_a_program_without_a_token_is_told_what_to_set(
    closed: Server, daemon: Daemon, token: str
) -> None:
    for given in ({}, {"Authorization": f"Bearer {PASSWORD}"}):
        answer = closed.get("/metrics", headers=given)
        assert (answer.status_code, "set [http] token" in answer.text) == (401, True)
    with serving(daemon.site(HttpConfig(port=0, token=token))) as server:
        assert "set [http]" not in server.get("/metrics").text, "there is one"


@pytest.mark.parametrize(
    ("client", "path", "open_"),
    [
        ("127.0.0.1", "/readyz", True),
        ("127.0.0.2", "/livez", True),
        ("::1", "/livez", True),
        ("::ffff:127.0.0.1", "/livez", True),
        ("192.0.2.1", "/livez", True),  # the server's own: it comes from the same machine
        ("192.0.2.2", "/livez", False),
        ("::ffff:192.0.2.2", "/readyz", False),
        ("127.0.0.1", "/metrics", False),
        ("127.0.0.1", "/readyz/", False),
    ],
)
def test_only_probes_of_this_machine_need_no_password(client: str, path: str, open_: bool) -> None:
    scope = {"path": path, "client": (client, 40000), "server": ("192.0.2.1", 8377)}
    assert Access(password=Secret("one")).open_to(scope) == open_
    assert not Access(Secret("two"), Secret("one")).open_to(scope), "programs have a token"
    assert not Access(password=Secret("one")).open_to({**scope, "client": None})


def test_the_password_begins_a_session_and_signing_out_ends_it(closed: Server) -> None:
    client = signed_in(closed)
    for path in (*PAGES, *API):
        assert client.get(path).status_code == 200
    taken = dict(client.cookies)
    answer = client.post("/logout", data={"csrf": csrf(client, "/")})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert closed.get("/v1/cameras", cookies=taken).status_code == 401, "the cookie is dead"


def test_the_cookie_is_for_this_site_alone_and_for_no_script(closed: Server) -> None:
    for origin, secure in ((closed.url, False), (closed.url.replace("http", "https"), True)):
        # Behind a proxy with TLS, the browser's own address is the Host.
        client = browser(closed, Origin=origin)
        host = origin.split("//")[1]
        form = {"password": PASSWORD, "csrf": csrf(client)}
        answer = client.post("/login", data=form, headers={"Host": host})
        told = answer.headers["Set-Cookie"]
        assert "HttpOnly" in told
        assert "SameSite=strict" in told
        assert "Path=/" in told
        assert ("Secure" in told) == secure


def test_a_wrong_password_is_told_and_too_many_are_put_off(closed: Server) -> None:
    client = browser(closed)
    places = []
    for _ in range(7):
        form = {"password": "fiend", "csrf": csrf(client), "next": "/about"}
        places.append(client.post("/login", data=form).headers["Location"])
    assert places[0] == "/login?wrong=1&next=%2Fabout"
    assert re.fullmatch(r"/login\?wait=(\d|1[0-2])&next=%2Fabout", places[-1]), "each 12 s one"
    form = {"password": PASSWORD, "csrf": csrf(client)}
    assert "wait" in client.post("/login", data=form).headers["Location"], "nor the right one"


@pytest.mark.parametrize(
    "after", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", ""]
)
def test_signing_in_leads_to_no_other_site(after: str, closed: Server) -> None:
    client = browser(closed)
    form = {"password": PASSWORD, "csrf": csrf(client), "next": after}
    assert client.post("/login", data=form).headers["Location"] == "/"


def test_a_form_of_another_site_signs_nobody_in(closed: Server) -> None:
    client = browser(closed)
    token = csrf(client)
    for form in ({"password": PASSWORD}, {"password": PASSWORD, "csrf": token[:-1] + "x"}):
        assert client.post("/login", data=form).status_code == 403
    stranger = browser(closed)
    answer = stranger.post("/login", data={"password": PASSWORD, "csrf": token})
    assert answer.status_code == 403, "a token without the cookie it was made for"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_sends_nothing(headers: dict[str, str], site: Server) -> None:
    assert site.post("/v1/predict", content=b"x", headers=headers).status_code == 403
    assert site.post("/v1/benchmarks", headers=headers).status_code == 403


def test_a_page_of_another_site_sees_nothing_but_may_link_here(site: Server) -> None:
    cross = {"Sec-Fetch-Site": "cross-site"}
    for mode, place in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
        sent = {**cross, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": place}
        for path in ("/", "/v1/cameras", "/v1/cameras/door/picture"):
            assert site.get(path, headers=sent).status_code == 403
    link = {**cross, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert site.get("/", headers=link).status_code == 200


def test_a_session_without_a_browser_sends_nothing(closed: Server) -> None:
    client = signed_in(closed)
    cookies = dict(client.cookies)
    assert closed.post("/v1/predict", content=b"x", cookies=cookies).status_code == 403
    assert client.post("/v1/predict", content=b"x").status_code == 415


def test_a_token_asks_for_everything_and_is_a_password_too(daemon: Daemon, token: str) -> None:
    with serving(daemon.site(HttpConfig(port=0, token=token))) as server:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        for path in (*PAGES, *API, "/metrics"):
            assert server.get(path).status_code == 401
            assert server.get(path, headers=bearer).status_code == 200
        client = browser(server)
        client.post("/login", data={"password": TOKEN, "csrf": csrf(client)})
        assert client.get("/").status_code == 200


def test_others_reach_it_with_a_password_alone(daemon: Daemon, password: str) -> None:
    http = HttpConfig(host="0.0.0.0", port=0)
    with pytest.raises(ConfigError):
        daemon.site(http)
    with serving(daemon.site(http, password=password)) as server:
        assert server.get("/v1/cameras").status_code == 401


def test_a_session_holds_over_a_restart_but_not_over_a_new_password() -> None:
    before, now = Access(password=Secret("one")), 0.0
    session = before.begin()
    assert Access(password=Secret("one")).valid(session)
    assert not Access(password=Secret("two")).valid(session)
    assert not Access(password=Secret("one"), now=lambda: now + 9e9).valid(session)
    assert LASTS < 9e9


@pytest.mark.parametrize(
    "made_up", ["", "x", "..", "99999999999.x.y", "9" * 5000 + ".a.b", "é.é.é"]
)
def test_a_session_cannot_be_made_up(made_up: str) -> None:
    assert not Access(password=Secret("one")).valid(made_up)


def test_each_byte_of_a_session_counts() -> None:
    access = Access(password=Secret("one"))
    session = access.begin()
    for n, letter in enumerate(session):
        other = session[:n] + ("a" if letter != "a" else "b") + session[n + 1 :]
        assert not access.valid(other)


def test_a_body_is_bounded_however_it_comes(daemon: Daemon) -> None:
    with serving(daemon.site(megabytes=0.1)) as server:
        assert server.post("/v1/predict", content=b"x" * 300_000).status_code == 413
        pieces = iter([b"x" * 1000] * 300)
        assert server.post("/v1/predict", content=pieces).status_code == 413
        head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
        assert b" 413 " in server.asked(head % 10**15).splitlines()[0]


def test_a_body_with_the_wrong_method_is_told_the_right_one(site: Server) -> None:
    for method, path, right in (
        ("PUT", "/v1/predict", "POST"),
        ("POST", "/v1/cameras", "GET"),
        ("PATCH", "/v1/benchmarks", "GET, POST"),
    ):
        answer = site.ask(method, path, content=b"x")
        assert (answer.status_code, answer.headers["Allow"]) == (405, right)
    assert site.ask("GET", "/v1/cameras", content=b"x").status_code == 413
    assert site.post("/v1/benchmarks", content=b"x").status_code == 413


def test_who_sends_too_much_is_told_when_to_come_again(site: Server) -> None:
    with httpx.Client(base_url=site.url, trust_env=False) as client:
        answers = [client.post("/v1/predict", content=b"x") for _ in range(200)]
    late = [answer for answer in answers if answer.status_code == 429]
    assert late
    assert int(late[0].headers["Retry-After"]) >= 1
    assert site.get("/v1/cameras").status_code == 200, "who only reads may go on"


def test_a_rate_is_a_burst_and_then_a_pace() -> None:
    now = 0.0
    rate = Rate(2, 3, lambda: now)
    assert [rate.take("a") for _ in range(4)] == [0, 0, 0, 1]
    assert rate.take("b") == 0
    now = 0.5
    assert [rate.take("a"), rate.take("a")] == [0, 1]
    for n in range(2 * KNOWN):
        rate.take(str(n))
    assert rate.take("a") == 0, "who is forgotten begins anew"


def test_memory_for_bodies_is_bounded_and_given_back() -> None:
    room = Room(10)
    with room.share() as one:
        one(2)
        one(4)
        with room.share() as other:
            other(4)
            with pytest.raises(Busy):
                other(1)
        with room.share() as other:
            other(4)
    with room.share() as one:
        one(10)
