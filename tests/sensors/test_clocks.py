from __future__ import annotations

from pathlib import Path

from edgefer.sensors.clocks import POLICIES, cpu_clocks, gpu, gpu_load
from edgefer.sensors.heat import coolers, over_currents, temperatures, throttle_count
from tests.sensors.files import BARE, NANO, ORIN, X86, lay


def test_clocks_are_in_megahertz_by_group_of_cores_in_their_order(tmp_path: Path) -> None:
    assert cpu_clocks(lay(tmp_path / "orin", ORIN)) == {"cpu0": 1728.0, "cpu4": 729.6}
    assert list(cpu_clocks(lay(tmp_path / "x86", X86))) == ["cpu0", "cpu2", "cpu10"]


def test_a_server_of_many_cores_is_not_asked_for_each(tmp_path: Path) -> None:
    many = {f"sys/devices/system/cpu/cpufreq/policy{n}/scaling_cur_freq": "1000" for n in range(96)}
    assert list(cpu_clocks(lay(tmp_path, many))) == [f"cpu{n}" for n in range(POLICIES)]


def test_the_gpus_clock_and_load_come_from_devfreq(tmp_path: Path) -> None:
    nano, orin = lay(tmp_path / "nano", NANO), lay(tmp_path / "orin", ORIN)
    clock = gpu(orin)
    assert clock is not None
    assert (clock.now, clock.least, clock.most) == (408_000_000, 306_000_000, 624_750_000)
    assert gpu_load(nano) == 87.3
    assert gpu_load(orin) is None


def test_a_bare_machine_shows_none_of_it(tmp_path: Path) -> None:
    sys = lay(tmp_path, BARE)
    assert (cpu_clocks(sys), gpu(sys), gpu_load(sys)) == ({}, None, None)
    assert (temperatures(sys), coolers(sys)) == ({}, {})
    assert (over_currents(sys), throttle_count(sys)) == (None, None)


def test_what_slows_a_processor_is_told_from_what_cools_it(tmp_path: Path) -> None:
    assert coolers(lay(tmp_path, NANO)) == {"cpu-balanced": False}  # pwm-fan is at work


def test_over_currents_and_throttlings_are_counted_over_all_files(tmp_path: Path) -> None:
    assert over_currents(lay(tmp_path / "orin", ORIN)) == 37
    assert throttle_count(lay(tmp_path / "x86", X86)) == 7
