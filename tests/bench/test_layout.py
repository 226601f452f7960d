from __future__ import annotations

import dataclasses
import math
import struct
import sys
from pathlib import Path

import pytest

from edgefer.bench.cells import between
from edgefer.bench.chart import _arm, bars
from edgefer.bench.gate import Gate
from edgefer.bench.layout import markdown, text
from edgefer.bench.measurement import Measurement
from edgefer.bench.remarks import NO_VITALS
from edgefer.bench.report import Report
from edgefer.bench.reported import TABLE_1
from edgefer.bench.statistics import Interval
from edgefer.bench.vitals import Vitals
from edgefer.errors import NotInstalled
from edgefer.spec import UNTRAINED
from tests.bench.rows import STEADY, measurement, report

WRONG = measurement("wrong.onnx", [900.0, 905.0, 895.0], gate=Gate(False, "all labels differ"))
LONG = measurement("a_name_as_long_as_those_that_model_zoos_give_int8.onnx", precision="int8",
                   rates=[12345.6, 12300.1, 12400.9], network="mobilenetv2-bn")  # fmt: skip
ROWS = (measurement(network="lightweight"), LONG, WRONG)


def test_tables_of_any_row_fit_80_columns() -> None:
    assert max(map(len, text(report(*ROWS)).splitlines())) <= 80
    engine = [dataclasses.replace(row, mode="engine", batch=1) for row in ROWS]
    assert max(map(len, text(report(*engine)).splitlines())) <= 80


def test_a_wrong_row_is_last_of_none() -> None:
    of = report(*ROWS)
    assert [of.rank(m) for m in of.engines] == [2, 1, None]
    assert "! wrong: no rank, wrong answers: all labels differ" in text(of)


def test_rows_that_differ_in_more_than_the_network_are_marked_with_a_footnote() -> None:
    shown = text(report(*ROWS))
    assert "†" in shown
    assert "other precision" in shown.replace("\n  ", " ")
    assert "†" not in text(report(ROWS[0], WRONG))


def test_reported_figures_stand_apart_from_measured_ones() -> None:
    for shown in (text(report(*ROWS)), markdown(report(*ROWS))):
        measured, head, reported = shown.partition(
            "reported, not measured, Keras, one loop, Jetson Nano:"
        )
        assert head
        assert TABLE_1["lightweight"].label in reported
        assert TABLE_1["mobilenetv2-bn"].label in reported
        assert TABLE_1["vgg19"].label not in reported
        assert TABLE_1["lightweight"].label not in measured


def test_what_is_odd_about_a_reported_row_is_told_with_it() -> None:
    shown = text(report(measurement(network="vgg13-bn")))
    assert "9,249.00" in shown
    assert "(sic): 92.49 is meant" in shown


def test_a_variant_of_the_papers_network_stands_beside_what_the_paper_reported() -> None:
    shown = text(report(measurement(network="lightweight-residual"))).replace("\n  ", " ")
    assert TABLE_1["lightweight"].label in shown
    assert "lightweight-residual is measured; Proposed, without its shortcuts, is reported" in shown


def test_models_that_nobody_trained_are_marked_and_said_to_be_for_speed_only() -> None:
    rows = [measurement(name, accuracy=UNTRAINED) for name in ("a.onnx", "b.onnx")]
    for shown in (text(report(*rows)), markdown(report(*rows))):
        assert "a° " in shown
        assert "° all: untrained, speed only" in shown
    some = text(report(rows[0], measurement("c.onnx")))
    assert "° a: untrained, speed only" in some


def test_engines_of_which_the_same_is_said_share_a_line() -> None:
    shown = text(report(measurement("a"), measurement("b"), measurement("c", verdict=("hot",))))
    assert "\na, b: STABLE\nc: UNSTABLE (hot)\n" in shown


def test_frames_that_were_not_searched_are_told_and_not_like_for_like() -> None:
    every = measurement("every.onnx")
    third = measurement("third.onnx", detect_every=3, still=0.01,
                        looks={"detect": 1500, "follow": 3000, "still": 500})  # fmt: skip
    shown = text(report(every, third))
    assert "† third not like every: other search for faces" in shown
    assert "third: frames searched 30.0%, followed 60.0%, still 10.0%" in shown
    row = next(line.split() for line in shown.splitlines() if line.startswith("third†  "))
    assert "30%" in [*row, *shown.split()]
    assert "every frame is searched for faces" in shown.replace("\n  ", " ")
    assert "searched for faces every 3 frames" in text(report(third)).replace("\n  ", " ")


def test_power_heat_and_clocks_are_shown_where_one_row_has_them() -> None:
    vitals = Vitals(4.5, "POM_5V_IN", 8.25, 41.5, 61.0, 1479.0, ("too hot",), "MAXN")
    shown = text(report(measurement(vitals=vitals), measurement("b.onnx")))
    lines = [line.split() for line in shown.splitlines()]
    assert ["a", "4.50", "8.2", "41.5", "61.0", "1,479", "yes"] in lines
    assert "power mode MAXN" in shown
    assert NO_VITALS not in shown
    wide = markdown(report(measurement(vitals=vitals)))
    assert "faces/J" in wide
    assert "faces/J" not in markdown(report())
    assert NO_VITALS in markdown(report())


def test_markdown_has_no_column_in_which_no_row_has_anything() -> None:
    header = markdown(report()).splitlines()[0]
    assert "of roof" not in header
    assert "runtime" not in header
    two = report(measurement(), measurement("b", runtime="openvino"))
    assert "| runtime |" in markdown(two).splitlines()[0]


def test_what_this_machine_does_not_show_is_unavailable_and_no_zero() -> None:
    blind = report(
        measurement(cpu_percent=None, peak_rss_bytes=None, others_percent=None, lost_percent=None)
    )
    assert "unavailable" in text(blind)
    machine = [line for line in text(blind).splitlines() if line.startswith("a   ")][-1]
    assert machine.split() == ["a", "-", "-", "-", "-"]


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    of = report(*ROWS, measurement("one.onnx", [100.0]))
    of.write_json(tmp_path / "r.json")
    again = Report.read_json(tmp_path / "r.json")
    assert text(again) == text(of)
    assert again.engines[0] == of.engines[0]


def test_an_interval_without_an_end_stays_so_in_a_file(tmp_path: Path) -> None:
    wild = measurement(rates=(100.0, 10.0, 300.0))
    assert wild.total_fps.high == math.inf
    of = report(wild)
    of.write_json(tmp_path / "r.json")
    again = Report.read_json(tmp_path / "r.json")
    assert again.engines[0].total_fps == wild.total_fps
    (row,) = [line for line in text(again).splitlines() if line.startswith("a ")][:1]
    assert " to any " in row
    assert " to any |" in markdown(again)
    for shown in (text(again), markdown(again)):
        assert "any: the interval has no end" in shown
    assert "any:" not in text(report())


def test_an_interval_beyond_the_mean_but_with_an_end_is_a_figure() -> None:
    assert between(Interval(100.0, 40.0, 350.0)) == "40.0 to 350.0"
    assert between(Interval(100.0, 40.0, 1001.0)) == "40.0 to any"


def test_an_interval_on_the_terminal_has_both_its_ends_as_elsewhere() -> None:
    lopsided = measurement(rates=(109.0, 142.0, 200.0))
    ends = between(lopsided.total_fps)
    for row in (lopsided, dataclasses.replace(lopsided, mode="engine", batch=1)):
        shown = text(report(row))
        line = next(line for line in shown.splitlines() if line.startswith("a  "))
        assert f"  {ends}" in line
        assert ends in markdown(report(row))
    assert "±" not in text(report(*ROWS))


def test_frames_to_warm_up_are_one_number_where_all_rounds_had_as_many() -> None:
    row = measurement()
    assert "after 50 frames to warm up" in as_one_line(text(report(row)))
    rounds = (dataclasses.replace(row.rounds[0], warmup=80), *row.rounds[1:])
    other = dataclasses.replace(row, rounds=rounds)
    assert "after 50 to 80 frames to warm up" in as_one_line(text(report(other)))


def as_one_line(shown: str) -> str:
    return " ".join(shown.split())


def test_a_chart_is_a_png_with_all_rows(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'edgefer[charts]'")
    sizes: list[tuple[int, int]] = []
    for rows in (ROWS[:1], ROWS, (measurement("one.onnx", [100.0]),)):
        path = tmp_path / f"{len(sizes)}.png"
        bars(report(*rows), path)
        head = path.read_bytes()[:24]
        assert head.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", head[16:24])
        sizes.append((width, height))
    assert sizes[1][1] > sizes[0][1]  # a row more is a bar more


def test_an_interval_without_an_end_leaves_the_chart_and_one_round_has_none() -> None:
    endless = Interval(100.0, 40.0, math.inf)
    assert _arm(endless, endless.high, most=125.0) > 25
    assert _arm(endless, endless.low, most=125.0) == 60
    assert _arm(Interval(100.0, math.nan, math.nan), math.nan, most=125.0) == 0


def test_without_matplotlib_a_chart_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NotInstalled, match=r"edgefer\[charts\]"):
        bars(report(), tmp_path / "c.png")


def test_a_share_of_the_roof_is_the_engines_own() -> None:
    alone = measurement(mode="engine", batch=1, roof_ms=1.0)
    assert alone.roof_share == pytest.approx(0.1)
    in_pipeline: Measurement = measurement(roof_ms=1.0)
    assert in_pipeline.roof_share is None
    assert measurement("b", STEADY).roof_share is None
