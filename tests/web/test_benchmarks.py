"""Results of `edgefer bench` on the page, and short benches."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from edgefer.bench.report import Report
from edgefer.web import benching
from tests.brokers import until
from tests.web.servers import Daemon, Server, serving

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "bench.json"


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


def pretend(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    command = [sys.executable, "-c", f"import sys, shutil, time\n{program}"]
    monkeypatch.setattr(benching, "bench_command", lambda _: command)


def test_the_listing_has_results_and_nothing_else(daemon: Daemon, folder: Path) -> None:
    with serving(daemon.site(benchmarks=str(folder))) as server:
        told = server.get("/v1/benchmarks").json()
        assert [result["name"] for result in told["results"]] == ["a", "b"]
        assert told["results"][0]["engines"][0]["total_fps"] > 0
        whole = server.get("/v1/benchmarks/a").json()
    assert whole["engines"] == json.loads(RESULT.read_text())["engines"]


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


def test_a_short_bench_runs_once_at_a_time_and_its_result_is_listed(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    wait = f"import os\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)\n"
    pretend(
        monkeypatch, f"{wait}shutil.copy({str(RESULT)!r}, sys.argv[sys.argv.index('--json') + 1])"
    )
    with serving(daemon.site()) as server:
        begun = server.post("/v1/benchmarks")
        assert (begun.status_code, begun.json()) == (202, {"name": "here-1"})
        assert server.post("/v1/benchmarks").status_code == 409
        assert server.get("/v1/benchmarks").json()["running"]["seconds"] >= 0
        gate.touch()
        until(lambda: server.get("/v1/benchmarks").json()["running"] is None)
        told = server.get("/v1/benchmarks").json()
        assert [result["name"] for result in told["results"]] == ["here-1"]
        assert server.get("/v1/benchmarks/here-1").json()["name"] == "here-1"


def test_a_bench_that_fails_says_why(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "sys.exit('edgefer: error: no such model')")
    with serving(daemon.site()) as server:
        server.post("/v1/benchmarks")
        until(lambda: server.get("/v1/benchmarks").json()["running"] is None)
        told = server.get("/v1/benchmarks").json()
    assert (told["results"], told["failed"]) == ([], "edgefer: error: no such model")


def test_closing_the_server_ends_a_bench(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alive = tmp_path / "alive"
    pretend(monkeypatch, f"open({str(alive)!r}, 'w')\ntime.sleep(600)")
    with serving(daemon.site()) as server:
        server.post("/v1/benchmarks")
        until(alive.exists)
        assert server.close() < 10


def test_the_command_is_one_that_edgefer_takes(server: Server) -> None:
    from edgefer.cli import parser
    from edgefer.config import Config

    assert server.web.port
    command = benching.bench_command(Config())
    args = parser("bench").parse_args([*command[3:], "--json", "x"])
    assert (args.rounds, args.engines) == (3, ["lightweight.onnx"])
    assert Report.read_json(RESULT).engines
