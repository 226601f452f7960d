from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edgefer.bench.gate import examine
from edgefer.config import EngineConfig
from edgefer.engines.ort import OrtEngine
from edgefer.engines.trt_agreement import fixture
from edgefer.errors import ModelError
from edgefer.spec import UNTRAINED
from edgefer_export import untrained
from edgefer_export.cli import main
from edgefer_export.untrained import LABELS, spec_of, write_untrained
from edgefer_export.zoo import NETWORKS


@pytest.mark.parametrize("name", ["lenet", "mobilenetv3-small", "model-b"])
def test_a_network_becomes_a_model_that_says_what_it_is_and_that_nobody_trained_it(
    name: str, tmp_path: Path
) -> None:
    network = NETWORKS[name]
    path = write_untrained(name, tmp_path)
    found = examine(EngineConfig(model=str(path)))
    assert (found.network, found.accuracy, found.precision) == (name, UNTRAINED, "fp32")
    assert (found.parameters, found.parameters_from) == (network.parameters, "spec")
    assert found.input == f"{network.size}x{network.size}x{network.channels}"
    assert found.macs == spec_of(network).macs
    assert found.gate.passed is True


def test_its_values_stay_of_a_size_that_a_trained_networks_have(tmp_path: Path) -> None:
    """Denormal ones would make it slower than it is."""
    engine = OrtEngine(write_untrained("lightweight", tmp_path))
    answers = engine.infer(fixture(engine.spec))
    engine.close()
    assert np.isfinite(answers).all()
    assert 1e-3 < answers.std(axis=0).max() < 1e3  # faces differ


def test_the_same_file_comes_again(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, again = (write_untrained("lenet", folder) for folder in (tmp_path, tmp_path / "again"))
    weights = [[w.raw_data for w in onnx.load(path).graph.initializer] for path in (first, again)]
    assert weights[0] == weights[1]


def test_every_network_of_the_zoo_can_be_described() -> None:
    for network in NETWORKS.values():
        spec = spec_of(network)
        assert (spec.parameters, spec.network) == (network.parameters, network.name)
        assert spec.labels == LABELS[network.classes]


def test_a_file_that_does_not_answer_as_torch_does_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrained, "WITHIN", -1.0)
    with pytest.raises(ModelError, match="off torch"):
        write_untrained("lenet", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_whole_zoo_is_written_by_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edgefer_export.cli.zoo.NETWORKS", ("lenet", "model-a"))
    assert main(["zoo", "--export", str(tmp_path / "zoo")]) == 0
    assert {path.name for path in (tmp_path / "zoo").iterdir()} == {"lenet.onnx", "model-a.onnx"}
    assert f"edgefer bench --zoo {tmp_path / 'zoo'}" in capsys.readouterr().out
