"""What is told of signing in that fails."""

from __future__ import annotations

import pytest

from tests.web.servers import PASSWORD, Daemon, serving
from tests.web.test_guard import browser, csrf


def test_each_sign_in_that_fails_is_logged_with_its_address_and_without_what_was_typed(
    daemon: Daemon, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(daemon.site(password=password)) as server:
        client = browser(server)
        form = {"password": "swordfish", "csrf": csrf(client)}
        for _ in range(6):
            client.post("/login", data=form)
        client.post("/login", data={**form, "password": PASSWORD})
    told = [record for record in caplog.records if record.name == "edgefer.web.login"]
    refused, put_off = "sign-in refused: wrong password", "sign-in put off: too many attempts"
    assert [record.message for record in told] == [refused] * 5 + [put_off] * 2
    assert {getattr(record, "client", None) for record in told} == {"127.0.0.1"}
    assert "swordfish" not in caplog.text


def test_a_sign_in_that_succeeds_is_not_logged_as_a_failed_one(
    daemon: Daemon, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(daemon.site(password=password)) as server:
        client = browser(server)
        client.post("/login", data={"password": PASSWORD, "csrf": csrf(client)})
    assert [one for one in caplog.records if one.name == "edgefer.web.login"] == []
