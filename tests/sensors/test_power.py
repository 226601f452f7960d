from __future__ import annotations

from pathlib import Path

import pytest

from edgefer.sensors import powers
from edgefer.sensors.power import counters, input_rail
from tests.sensors.files import BARE, NANO, ORIN, X86, lay

RAPL = "class/powercap/intel-rapl:0"


def test_rails_of_either_driver_are_read_in_watts(tmp_path: Path) -> None:
    assert powers(lay(tmp_path / "nano", NANO)) == {"POM_5V_IN": 4.0, "POM_5V_GPU": 1.0}
    # The chip's sum of shunt voltages has a label, but no current: it is no rail.
    assert powers(lay(tmp_path / "orin", ORIN)) == {"VDD_IN": 6.0}


def test_a_machine_that_shows_no_power_has_none_rather_than_zero(tmp_path: Path) -> None:
    sys = lay(tmp_path, BARE)
    assert powers(sys) == {}
    assert counters(sys) == []


def test_the_input_rail_is_the_whole_and_parts_are_never_added_up() -> None:
    assert input_rail(["POM_5V_GPU", "POM_5V_IN"]) == "POM_5V_IN"
    assert input_rail(["VDD_IN", "VDD_SOC"]) == "VDD_IN"
    assert input_rail(["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"]) is None
    assert input_rail([]) is None


def test_packages_and_memory_count_once_and_cores_are_part_of_them(tmp_path: Path) -> None:
    found = counters(lay(tmp_path, X86))
    assert [counter.name for counter in found] == ["package-0", "dram-0"]
    assert found[0].folder.name == "intel-rapl:0"  # not its double, intel-rapl-mmio


def test_the_platforms_counter_is_not_added_to_what_it_holds(tmp_path: Path) -> None:
    platform = {
        "sys/class/powercap/intel-rapl:1/name": "psys",
        "sys/class/powercap/intel-rapl:1/energy_uj": "1",
        "sys/class/powercap/intel-rapl:1/max_energy_range_uj": "262143328850",
    }
    assert [c.name for c in counters(lay(tmp_path, X86 | platform))] == ["package-0", "dram-0"]


def test_a_counter_that_only_root_may_read_is_no_counter(tmp_path: Path) -> None:
    sys = lay(tmp_path, X86)
    energy = sys / RAPL / "energy_uj"
    energy.unlink()
    energy.mkdir()  # unreadable for root too
    (sys / "class/powercap/intel-rapl-mmio:0/energy_uj").unlink()
    assert [counter.name for counter in counters(sys)] == ["dram-0"]


def test_a_counter_that_wraps_goes_on_counting(tmp_path: Path) -> None:
    package = counters(lay(tmp_path, X86))[0]
    assert package.since(1_000_000, 3_500_000) == pytest.approx(2.5)
    before = package.read()
    assert before == 262_143_000_000
    assert package.since(before, 1_671_150) == pytest.approx(2.0)
