from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from edgefer.sensors.jetson import JetsonStats, mode_in, modes_in, power_mode
from tests.sensors.files import program


class JtopException(Exception):  # the name is jetson-stats'
    pass


class Jtop:
    """jetson-stats' client, as far as it is used here, of an AGX board: no rail is its input."""

    answers = True

    def __init__(self, interval: float) -> None:
        assert interval > 0
        self.closed = False
        self.power = {
            "rail": {"VDD_GPU_SOC": {"power": 2412, "avg": 2400}, "off": {"online": False}},
            "tot": {"name": "ALL", "power": 8726, "avg": 8000},
        }

    def start(self) -> None:
        if not self.answers:
            raise JtopException("The jtop.service is not active.")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def jtop(monkeypatch: pytest.MonkeyPatch) -> type[Jtop]:
    module = ModuleType("jtop")
    module.jtop, module.JtopException = Jtop, JtopException  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jtop", module)
    return Jtop


@pytest.mark.usefixtures("jtop")
def test_jetson_stats_rails_and_its_total_are_read_in_watts() -> None:
    stats = JetsonStats(1.0)
    assert stats.watts() == {"VDD_GPU_SOC": 2.412, "total": 8.726}
    stats.close()


def test_without_its_package_or_its_service_there_is_no_jetson_stats(
    jtop: type[Jtop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jtop, "answers", False)
    with pytest.raises(OSError, match="not active"):
        JetsonStats(1.0)
    monkeypatch.setitem(sys.modules, "jtop", None)
    with pytest.raises(OSError, match="not installed"):
        JetsonStats(1.0)


def test_the_power_mode_is_what_nvpmodel_names(tmp_path: Path) -> None:
    said = 'echo "NVPM WARN: fan mode is not set!"; echo "NV Power Mode: 15W"; echo 0'
    assert power_mode(str(program(tmp_path, "nvpmodel", said))) == "15W"
    assert power_mode(str(program(tmp_path, "denied", "echo 'run as root' >&2; exit 1"))) is None
    assert power_mode(str(tmp_path / "absent")) is None
    assert mode_in("") is None


def test_modes_are_numbered_as_the_file_says() -> None:
    said = "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=2 NAME=MAXN >\n"
    assert modes_in(said) == {"15W": 0, "MAXN": 2}
