from __future__ import annotations

from pathlib import Path

import pytest

from edgefer.credentials import Secret, read_secret, read_token
from edgefer.errors import ConfigError


def kept(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [b"horse", b"horse\n", b"horse\r\n"])
def test_one_newline_at_the_end_is_not_part_of_it(content: bytes, tmp_path: Path) -> None:
    assert read_secret("mqtt.password", str(kept(tmp_path, content))).reveal() == "horse"


def test_a_name_is_looked_up_among_the_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path, b"horse")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret("mqtt.password", "secret").reveal() == "horse"


@pytest.mark.parametrize("folder", [None, "here"])
def test_a_secret_written_where_its_name_should_be_is_not_quoted(
    folder: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    if folder:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigError, match=r"mqtt\.password.*LoadCredential") as caught:
        read_secret("mqtt.password", "horse")
    assert "horse" not in str(caught.value)


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("horse")
    assert "horse" not in f"{secret} {secret!r} {[secret]}"


@pytest.mark.parametrize("content", [b"", b"\n", b"horse\nbattery\n", b"horse\xff", b"ho\0rse"])
def test_what_is_no_line_of_text_is_refused_and_not_quoted(content: bytes, tmp_path: Path) -> None:
    path = kept(tmp_path, content)
    with pytest.raises(ConfigError, match=str(path)) as caught:
        read_secret("mqtt.password", str(path))
    assert "horse" not in str(caught.value)


def test_a_file_that_every_user_can_read_is_refused(tmp_path: Path) -> None:
    path = kept(tmp_path, b"horse", 0o644)
    with pytest.raises(ConfigError, match="chmod o="):
        read_secret("mqtt.password", str(path))
    path.chmod(0o640)
    read_secret("mqtt.password", str(path))


def test_a_file_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.password: cannot read .*absent"):
        read_secret("mqtt.password", str(tmp_path / "absent"))


@pytest.mark.parametrize("content", ["open sesame", "sésame", " sesame"])
def test_a_token_that_no_header_takes_is_refused_and_not_quoted(
    content: str, tmp_path: Path
) -> None:
    path = kept(tmp_path, content.encode())
    assert read_secret("http.token", str(path)).reveal() == content
    with pytest.raises(ConfigError, match=r"http\.token: a header takes ASCII") as caught:
        read_token("http.token", str(path))
    assert "same" not in str(caught.value)
