"""/v1/benchmarks: measurements that are not of `edgefer bench`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="pip install 'edgefer[web]'")
from edgefer.config import Config
from edgefer.outputs import HttpConfig, WebConfig
from edgefer.web import Web
from tests.web.servers import Daemon, serving

CLAIMS = {"schema": "edgefer.claims/1", "created": "2026-11-23T09:22:08+00:00", "claims": []}


def test_other_measurements_are_listed_by_kind_and_given_whole(
    daemon: Daemon, tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "cameras.json").write_text(json.dumps(CLAIMS))
    (folder / "broken.json").write_text('{"schema": "edgefer.claims/1"')
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "list.json").write_text("[1]")
    (folder / "foreign.json").write_text('{"schema": "somebody.claims/1"}')
    (folder / "old-bench.json").write_text('{"schema": "edgefer.bench/1"}')
    config = Config(http=HttpConfig(port=0), web=WebConfig(pages=True, benchmarks=str(folder)))
    with serving(Web(config, daemon.health, daemon.metrics, daemon.status)) as server:
        told = server.get("/v1/benchmarks").json()
        assert told["others"] == [
            {"name": "cameras", "kind": "claims", "created": CLAIMS["created"]}
        ]
        assert told["results"] == []
        assert server.get("/v1/benchmarks/cameras").json() == {"name": "cameras", **CLAIMS}
        for name in ("broken", "deep", "foreign", "old-bench", "..%2fresults%2fcameras"):
            assert server.get(f"/v1/benchmarks/{name}").status_code == 404
