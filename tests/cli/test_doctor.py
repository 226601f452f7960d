from __future__ import annotations

import json

import pytest

from edgefer.cli import main
from edgefer.doctor import EXIT_PROBLEM


def test_doctor_prints_a_page_and_ends_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor"])
    page = capsys.readouterr().out
    assert code == (EXIT_PROBLEM if "\n  problem " in page else 0)
    assert "ONNX Runtime" in page


def test_doctor_json_is_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    assert json.loads(capsys.readouterr().out)["schema"] == 1


def test_help_of_doctor_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
