"""Results of `edgefer bench` on the page, and short benches."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from edgefer.bench.measure import Outcome
from edgefer.bench.report import Report
from edgefer.errors import EdgeferError
from edgefer.web import benching, benchmarks, short_bench
from tests.brokers import until
from tests.web.servers import RESULT, Daemon, Pretended, Server, serving

RUNNING = "/v1/benchmarks/running"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "results"
    found.mkdir()
    for name in ("a.json", "b.json"):
        shutil.copy(RESULT, found / name)
    (found / "other.json").write_text("{}")
    (found / "broken.json").write_text("{")
    (found / "text.txt").write_text("x")
    (tmp_path / "outside.json").write_text(RESULT.read_text())
    return found


def test_the_listing_has_results_and_nothing_else(daemon: Daemon, folder: Path) -> None:
    with serving(daemon.site(benchmarks=str(folder))) as server:
        told = server.get("/v1/benchmarks").json()
        assert [result["name"] for result in told["results"]] == ["a", "b"]
        assert told["results"][0]["engines"][0]["total_fps"] > 0
        whole = server.get("/v1/benchmarks/a").json()
    assert whole["engines"] == Report.read_json(RESULT).to_json()["engines"]


def test_files_that_cannot_be_shown_are_told_with_the_reason(
    daemon: Daemon, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "older.json").write_text('{"schema": "edgefer.bench/1"}')
    (folder / "large.json").write_text(" " * (1 << 20))
    monkeypatch.setattr(benchmarks, "LARGEST", (1 << 20) - 1)
    with serving(daemon.site(benchmarks=str(folder))) as server:
        told = server.get("/v1/benchmarks")
    unread = {one["file"]: one["why"] for one in told.json()["unread"]}
    assert set(unread) == {"broken.json", "large.json", "older.json"}, "other.json is not ours"
    assert "edgefer.bench/1" in unread["older.json"]
    assert str(folder) not in told.text, "visitors do not see where files lie"


@pytest.mark.parametrize(
    "name", ["other", "broken", "text", "..", "../outside", "%2e%2e%2foutside", "a.json", "a%00"]
)
def test_no_name_leads_out_of_the_listing(name: str, daemon: Daemon, folder: Path) -> None:
    with serving(daemon.site(benchmarks=str(folder))) as server:
        assert server.get(f"/v1/benchmarks/{name}").status_code == 404
        assert server.get(f"/v1/benchmarks/compare?a=a&b={name}").status_code == 404


def test_two_results_are_compared(daemon: Daemon, folder: Path) -> None:
    with serving(daemon.site(benchmarks=str(folder))) as server:
        told = server.get("/v1/benchmarks/compare?a=a&b=b").json()
    assert told["names"] == ["a", "b"]
    (pair, *_) = told["pairs"]
    assert pair["ratio"] == pytest.approx(1)
    assert pair["verdict"] == "no significant difference"


def ended(server: Server) -> Any:
    """How the bench ended, once it has."""
    until(lambda: server.get(RUNNING).json()["running"] is None)
    return server.get(RUNNING).json()["ended"]


def test_a_short_bench_runs_once_at_a_time_and_its_result_is_listed(
    daemon: Daemon, pretended: Pretended
) -> None:
    with serving(daemon.site()) as server:
        begun = server.post("/v1/benchmarks")
        assert (begun.status_code, begun.json()) == (202, {"name": "here-1"})
        assert server.post("/v1/benchmarks").status_code == 409
        assert server.get("/v1/benchmarks").json()["running"]["name"] == "here-1"
        pretended.finish()
        assert ended(server) == {"name": "here-1", "how": "done", "why": ""}
        told = server.get("/v1/benchmarks").json()
        assert [result["name"] for result in told["results"]] == ["here-1"]
        assert server.get("/v1/benchmarks/here-1").json()["name"] == "here-1"


def test_how_far_a_bench_is_is_told_as_soon_as_it_can_be(
    daemon: Daemon, pretended: Pretended
) -> None:
    with serving(daemon.site()) as server:
        server.post("/v1/benchmarks")
        now = server.get(RUNNING).json()["running"]
        assert (now["share"], now["left"]) == (None, None)
        pretended.say({"left": 1000})
        until(lambda: server.get(RUNNING).json()["running"]["left"] is not None)
        now = server.get(RUNNING).json()["running"]
        assert 500 < now["left"] <= 1000
        assert now["share"] == pytest.approx(
            now["seconds"] / (now["seconds"] + now["left"]), abs=0.01
        )


def test_the_share_of_a_bench_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 30.0
    monkeypatch.setattr(benching, "clock", lambda: now)
    bench = benching.Running("here-1", since=0.0, ends=40.0)
    assert (bench.record()["share"], bench.record()["left"]) == (0.75, 10.0)
    bench.ends = 90.0
    assert (bench.record()["share"], bench.record()["left"]) == (0.75, 60.0)
    now = 100.0  # later than it thought
    assert bench.record()["share"] < 1
    assert bench.record()["left"] > 0


def test_a_bench_that_fails_says_why(daemon: Daemon, pretended: Pretended) -> None:
    with serving(daemon.site()) as server:
        server.post("/v1/benchmarks")
        pretended.say({"error": "there is no model face.onnx"})
        pretended.finish(1)
        why = "there is no model face.onnx"
        assert ended(server) == {"name": "here-1", "how": "failed", "why": why}
        assert server.get("/v1/benchmarks").json()["results"] == []


def test_a_bench_that_dies_without_a_word_of_ours_says_what_it_said_last(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such library\\n')"]
    monkeypatch.setattr(benching, "bench_command", lambda _: command)
    with serving(daemon.site()) as server:
        server.post("/v1/benchmarks")
        assert ended(server)["why"] == "its process ended with 1: no such library"


def test_a_cancelled_bench_ends_and_another_may_begin(daemon: Daemon, pretended: Pretended) -> None:
    with serving(daemon.site()) as server:
        assert server.ask("DELETE", RUNNING).status_code == 404
        server.post("/v1/benchmarks")
        until(pretended.begun)
        told = server.ask("DELETE", RUNNING).json()
        ending = {"name": "here-1", "how": "cancelled", "why": ""}
        assert told == {"running": None, "ended": ending}
        assert server.post("/v1/benchmarks").json() == {"name": "here-2"}


def test_closing_the_server_ends_a_bench(daemon: Daemon, pretended: Pretended) -> None:
    with serving(daemon.site()) as server:
        server.post("/v1/benchmarks")
        until(pretended.begun)
        assert server.close() < 10


def test_no_process_of_a_real_bench_outlives_its_end(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_BENCH_OF_THE_TEST", str(daemon))
    with serving(daemon.site()) as server:
        server.post("/v1/benchmarks")
        until(lambda: len(marked(str(daemon))) >= 2)  # its own, and the one that measures
        assert server.ask("DELETE", RUNNING).status_code == 200
        until(lambda: not marked(str(daemon)))


def marked(mark: str) -> list[str]:
    """Processes that inherited the mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"EDGEFER_BENCH_OF_THE_TEST={mark}".encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


@pytest.mark.parametrize("why", ["", "the engine is broken"])
def test_the_process_of_a_bench_tells_how_it_goes_and_writes_its_result(
    why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = Report.read_json(RESULT)

    def measure(*given: Any) -> Outcome:
        told = given[-1]
        for what, left in (("examining a", None), ("a", None), ("a", 2.5), ("done", 0.0)):
            told(what, left)
        return Outcome((), (EdgeferError(why),)) if why else Outcome(measured.engines, ())

    monkeypatch.setattr(short_bench, "measure", measure)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) if why else nullcontext():
        short_bench.main("m.onnx", "yunet", "auto", str(tmp_path / "result.json"))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[:2] == [{"left": 2.5}, {"left": 0.0}]
    assert (tmp_path / "result.json").exists() is (not why)
    if why:
        assert told[-1] == {"error": why}
    else:
        assert Report.read_json(tmp_path / "result.json").engines == measured.engines


def test_the_result_names_a_command_that_measures_the_same() -> None:
    from edgefer.cli import bench, parser
    from edgefer.config import Config

    command = benching.bench_command(Config())
    job = short_bench.short_job(*command[3:])
    words = short_bench.command_of(job)
    assert words[:2] == ("edgefer", "bench")
    args = parser("bench").parse_args(list(words[1:]))
    assert bench._jobs(args) == [job]
    assert args.rounds == short_bench.ROUNDS
