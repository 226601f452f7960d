from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from edgefer.bench.compare import compare, markdown, table_csv, text
from edgefer.bench.gate import Gate
from edgefer.bench.measurement import Measurement
from edgefer.bench.report import Report
from edgefer.cli import main
from edgefer.errors import ConfigError
from tests.bench.rows import STEADY, measurement, report

NAMES = ("a.json", "b.json")
SLOWER = tuple(0.9 * rate for rate in STEADY)
CANNOT_TELL = "cannot tell: other work kept the processors busy"


def write(folder: Path, *rates: tuple[float, ...]) -> list[str]:
    paths = []
    for n, row in enumerate(rates):
        paths.append(str(folder / f"{'ab'[n]}.json"))
        report(measurement(rates=row)).write_json(Path(paths[-1]))
    return paths


def test_the_same_twice_shows_no_significant_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "compare", *write(tmp_path, STEADY, STEADY[::-1])]) == 0
    shown = capsys.readouterr().out
    assert "a: no significant difference" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_tenth_slower_is_called_slower_with_its_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = write(tmp_path, STEADY, SLOWER)
    assert main(["bench", "compare", *paths]) == 0
    shown = capsys.readouterr().out
    assert "a: slower" in shown
    assert "CPU ms a frame: dearer" in shown
    assert "-10.0%" in shown
    assert main(["bench", "compare", *reversed(paths)]) == 0
    assert "a: faster" in capsys.readouterr().out


def test_markdown_and_csv_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    args = ["bench", "compare", *write(tmp_path, STEADY, SLOWER), "--markdown", "--csv", str(table)]
    assert main(args) == 0
    assert "| slower |" in capsys.readouterr().out
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert row["verdict"] == "slower"
    assert float(row["ratio"]) == pytest.approx(0.9)
    assert float(row["low"]) < 0.9 < float(row["high"]) < 1
    assert float(row["cpu_ms_ratio"]) == pytest.approx(1 / 0.9)


def test_one_round_proves_nothing() -> None:
    found = compare(NAMES, report(measurement(rates=[100.0])), report(measurement(rates=[50.0])))
    assert found.pairs[0].verdict == "no significant difference"
    assert ",," in table_csv(found)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"cpu": "another"}, "processor a processor and processor another"),
        ({"cores": 4}, "2 cores and 4 cores"),
        ({"device": "a board 2"}, "device a board and device a board 2"),
        ({"device": None}, "device a board and device unknown"),
    ],
)
def test_unlike_hosts_are_refused_unless_forced(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match="--force"):
        compare(NAMES, report(), report(**changed))
    assert compare(NAMES, report(), report(**changed), force=True).unlike == (words,)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"mode": "engine"}, "mode pipeline and mode engine"),
        ({"paced": 30.0}, "as fast as it goes and paced 30 FPS"),
        ({"batch": 1}, "a frame's faces in a call and 1 face in a call"),
        ({"detector": "haar"}, "detector yunet 320 and detector haar"),
        ({"detector": "none"}, "detector yunet 320 and no detector"),
        ({"clip_sha256": "2" * 64}, "clip 111111111111… and clip 222222222222…"),
        ({"clip_sha256": ""}, "clip 111111111111… and no clip"),
        ({"workers": 1}, "2 workers and 1 worker"),
        ({"threads": 2}, "1 thread and 2 threads"),
        ({"detect_every": 3}, "every frame searched for faces and searched every 3 frames"),
        (
            {"still": 0.002},
            "still frames searched too and not searched where at most 0.002 of the picture changed",
        ),
        ({"deadline": 0.1}, "no deadline and deadline 0.1 s"),
    ],
)
def test_unlike_conditions_are_refused_unless_forced(
    changed: dict[str, object], words: str
) -> None:
    other = report(dataclasses.replace(measurement(), **changed))  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught:
        compare(NAMES, report(), other)
    assert words in str(caught.value)
    assert compare(NAMES, report(), other, force=True).unlike == (words,)


def test_two_files_of_one_name_are_told_apart_by_their_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("old/x", "new/x"):
        (tmp_path / folder).mkdir(parents=True)
        report().write_json(tmp_path / folder / "a.json")
    report().write_json(tmp_path / "old" / "b.json")

    def told(first: str, second: str) -> str:
        assert main(["bench", "compare", str(tmp_path / first), str(tmp_path / second)]) == 0
        return capsys.readouterr().out

    assert "A: old/x/a.json, B: new/x/a.json" in told("old/x/a.json", "new/x/a.json")
    assert "A: a.json, B: b.json" in told("old/x/a.json", "old/b.json")
    assert "A: a.json, B: a.json" in told("old/x/a.json", "old/x/a.json")


def test_another_power_mode_is_an_unlike_machine() -> None:
    five_watts = dataclasses.replace(measurement().vitals, power_mode="5W")
    with pytest.raises(ConfigError, match="power mode unknown and power mode 5W"):
        compare(NAMES, report(), report(measurement(vitals=five_watts)))


def test_engines_are_paired_by_name_and_two_files_of_one_engine_each_are_meant() -> None:
    a, b, c = (measurement(name) for name in ("a.onnx", "b.onnx", "c.onnx"))
    found = compare(NAMES, report(a, b), report(b, c))
    assert [(p.first.engine, p.second.engine) for p in found.pairs] == [("b.onnx", "b.onnx")]
    assert found.alone == ("a.onnx", "c.onnx")
    assert compare(NAMES, report(a), report(b)).pairs[0].second.engine == "b.onnx"
    with pytest.raises(ConfigError, match="none in common"):
        compare(NAMES, report(a, b), report(c))


def test_where_others_were_busy_a_tenth_cannot_be_told() -> None:
    busy = report(measurement(rates=SLOWER, others_percent=60.0))
    assert compare(NAMES, report(), busy).pairs[0].verdict == CANNOT_TELL


def test_where_others_were_busy_four_fifths_less_is_not_called_the_same() -> None:
    fast = report(measurement(rates=(142.0, 150.0, 135.0), others_percent=69.0))
    slow = report(measurement(rates=(30.0, 29.0, 31.0), others_percent=93.0))
    for pair in ((fast, slow), (slow, fast)):
        assert compare(NAMES, *pair).pairs[0].verdict == CANNOT_TELL


def test_where_others_were_busy_rounds_that_agree_show_no_difference() -> None:
    busy = report(measurement(others_percent=60.0))
    assert compare(NAMES, busy, busy).pairs[0].verdict == "no significant difference"


def test_others_beside_it_hide_no_tenth_and_what_it_waited_for_does() -> None:
    """Others took an eighth of two cores: all from the core that the engine left idle, or from
    its own."""

    def said(lost: float) -> str:
        first, second = (
            report(measurement(rates=rates, others_percent=12.5, lost_percent=lost))
            for rates in (STEADY, SLOWER)
        )
        return compare(NAMES, first, second).pairs[0].verdict

    assert said(1.0) == "slower"
    assert said(20.0) == CANNOT_TELL


def test_the_interval_grows_with_what_others_took_even_where_nothing_waited() -> None:
    """Caches and memory are shared."""

    def reach(others: float) -> float:
        row = measurement(others_percent=others, lost_percent=0.0)
        rate = compare(NAMES, report(), report(row)).pairs[0].rate
        return rate.high / rate.low

    assert reach(1.0) < reach(12.0) < reach(50.0)


def test_a_file_from_before_waits_were_read_is_read_and_widened_by_all_that_others_took(
    tmp_path: Path,
) -> None:
    old = report(measurement(rates=SLOWER, others_percent=60.0, lost_percent=1.0)).to_json()
    for row in (*old["engines"], *old["engines"][0]["rounds"]):
        del row["lost_percent"]
    (tmp_path / "old.json").write_text(json.dumps(old))
    read = Report.read_json(tmp_path / "old.json")
    assert read.first.cost_percent == 60
    assert compare(NAMES, report(), read).pairs[0].verdict == CANNOT_TELL


def test_rounds_that_have_nothing_in_common_prove_nothing() -> None:
    wild = report(measurement(rates=[1e-3, 1e3, 1e-3], others_percent=99.0))
    for pair in ((report(), wild), (wild, report())):
        found = compare(NAMES, *pair)
        for shown in (text(found), markdown(found)):
            assert CANNOT_TELL in shown
            assert "any: the interval has no end" in shown
        assert max(map(len, text(found).splitlines())) <= 80


def test_an_endless_interval_of_a_quiet_machine_blames_no_other_work() -> None:
    wild = report(measurement(rates=[1e-3, 1e3, 1e-3], others_percent=1.0))
    assert compare(NAMES, report(), wild).pairs[0].verdict == "no significant difference"


def test_wrong_answers_and_an_unstable_run_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = write(tmp_path, STEADY, STEADY)
    shaky = measurement(verdict=("rounds vary by 20%",), gate=Gate(False, "all labels differ"))
    report(shaky).write_json(Path(paths[1]))
    assert main(["bench", "compare", *paths]) == 0
    shown = capsys.readouterr().out
    assert "B, a.onnx: UNSTABLE (rounds vary by 20%)" in shown
    assert "its answers are wrong" in shown


def test_what_is_told_of_two_results_fits_80_columns_however_long() -> None:
    reasons = ("other processes took 69% of the processors", "5% of the frames took 4 times p50")
    first, second = (
        measurement(name, verdict=reasons, gate=Gate(False, "all labels differ, " * 9))
        for name in ("a_name_as_long_as_those_of_model_zoos_a.onnx", "one_that_is_longer_yet.onnx")
    )
    names = (f"{'folder/' * 9}a.json", f"{'folder/' * 9}b.json")
    found = compare(names, report(first), report(second))
    shown = text(found)
    assert max(map(len, shown.splitlines())) <= 80
    for part in (names[1], *reasons):
        assert part in shown.replace("\n  ", " ")
        assert part in markdown(found)


def test_runs_as_noisy_as_these_compare_as_the_issue_asks() -> None:
    """Simulated: 2 % from round to round, 1 % from run to run. Real runs: benchmarks.calibration"""
    rng = np.random.default_rng(3)

    def run(speed: float) -> tuple[float, ...]:
        return tuple(100 * speed * rng.lognormal(0, 0.01) * rng.lognormal(0, 0.02, 5))

    def said(speed: float) -> list[str]:
        pairs = [(report(measurement(rates=run(1))), report(measurement(rates=run(speed))))
                 for _ in range(60)]  # fmt: skip
        return [compare(NAMES, a, b).pairs[0].verdict for a, b in pairs]

    assert said(1.0).count("no significant difference") >= 57
    assert said(0.9).count("slower") >= 57


def test_beside_a_core_that_others_use_a_quarter_of_a_tenth_is_still_told() -> None:
    """Simulated: as quiet as the injected engine, less what it waited, 0 to 2 % of each run."""
    rng = np.random.default_rng(3)

    def row(speed: float, lost_percent: float | None) -> Measurement:
        level = speed * rng.lognormal(0, 0.01) * (1 - rng.uniform(0, 0.02))
        rates = (100 * level * rng.lognormal(0, 0.01, 5)).tolist()
        return measurement(rates=rates, others_percent=12.5, lost_percent=lost_percent)

    def said(speed: float, lost_percent: float | None) -> list[str]:
        pairs = [(report(row(1, lost_percent)), report(row(speed, lost_percent)))
                 for _ in range(60)]  # fmt: skip
        return [compare(NAMES, a, b).pairs[0].verdict for a, b in pairs]

    assert said(1.0, 2.0).count("no significant difference") >= 57
    assert said(0.9, 2.0).count("slower") >= 57
    assert said(0.9, None).count("slower") < 30, "all that they took hides a tenth"


@pytest.mark.parametrize("args", [[], ["a.json"], ["absent.json", "absent.json"]])
def test_what_is_no_pair_of_results_is_refused(args: list[str]) -> None:
    try:
        assert main(["bench", "compare", *args]) == 2
    except SystemExit as exc:  # argparse's own
        assert exc.code == 2  # noqa: PT017
