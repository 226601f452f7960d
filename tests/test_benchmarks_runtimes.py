"""`benchmarks.runtimes` measures what it says; how fast is for it to tell."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from benchmarks.runtimes import measure, of_sgemm, product, ratio, table, take_turns
from tests.models import tiny_onnx


def busy(seconds: float) -> None:
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        pass


def test_a_contestant_of_half_the_work_is_twice_as_fast_by_processor_time() -> None:
    work = {"slow": lambda: busy(0.004), "fast": lambda: busy(0.002)}
    _, cpu = take_turns(work, rounds=8)
    found = ratio(cpu["slow"], cpu["fast"])
    assert found.mean == pytest.approx(2.0, rel=0.1)
    assert found.low <= found.mean <= found.high


def test_a_ratio_is_taken_within_a_round_so_that_a_slow_round_is_slow_for_both() -> None:
    found = ratio([1.0, 10.0, 2.0], [0.5, 5.0, 1.0])
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_a_share_of_sgemm_compares_products_a_second() -> None:
    assert of_sgemm(1024**3, [0.02], [0.01]) == pytest.approx(0.5)
    assert of_sgemm(None, [0.02], [0.01]) is None


def test_the_product_is_one_of_1024_by_1024() -> None:
    (result,) = product()()
    assert result.shape == (1024, 1024)
    assert (result == 1024).all()


def test_what_is_not_here_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    path = str(tiny_onnx(tmp_path / "m.onnx"))
    rows = measure([path, f"openvino:{path}"], rounds=3)
    assert [row.engine for row in rows] == [path]
    assert (rows[0].same_label, rows[0].difference) == (1.0, 0.0)
    assert rows[0].faster_cpu.mean == pytest.approx(1.0)
    assert "left out: OpenVINO is not here" in capsys.readouterr().out
    assert "m.onnx" in table(rows)
