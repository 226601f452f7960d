"""Lines in the form that each JetPack prints; the figures are invented.

Forms: "tegrastats Utility" in NVIDIA's developer guides, r28.2, r32.6, r35.2 and r36.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edgefer.sensors.tegrastats import Running, parse
from tests.sensors.files import program

JETPACK_3 = (
    "RAM 1201/3983MB (lfb 90x4MB) SWAP 12/8192MB (cached 3MB) cpu [17%,13%,29%,off]@1734 "
    "EMC 11%@1600 APE 25 GR3D 39%@998"
)
NANO = (
    "RAM 1502/3956MB (lfb 120x4MB) SWAP 0/1978MB (cached 0MB) IRAM 0/252kB(lfb 252kB) "
    "CPU [31%@1479,28%@1479,33%@1479,30%@1479] EMC_FREQ 9% GR3D_FREQ 71% PLL@33C CPU@36.5C "
    "PMIC@100C GPU@34C AO@42.5C thermal@35.25C POM_5V_IN 4321/4100 POM_5V_GPU 1203/1001 "
    "POM_5V_CPU 0/0"
)
XAVIER = (
    "RAM 2690/15692MB (lfb 6x1MB) SWAP 479/7846MB (cached 3MB) CPU [3%@1904,7%@1906,off,off] "
    "EMC_FREQ 1%@1600 GR3D_FREQ 13%@510 APE 150 MTS fg 0% bg 1% AO@37.5C GPU@37.5C PMIC@50C "
    "GPU 0/0 CPU 311/311 SOC 932/940 CV 0/0 VDDRQ 155/155 SYS5V 1365/1365"
)
ORIN = (
    "02-11-2025 10:11:12 RAM 2310/7620MB (lfb 8x4MB) SWAP 0/3810MB (cached 0MB) "
    "CPU [12%@729,0%@729,3%@1510,0%@729,off,off] EMC_FREQ 3%@2133 GR3D_FREQ 62%@[611,0] NVDEC off "
    "NVJPG off VIC off OFA off APE 200 cpu@48.5C soc2@46.593C soc0@48.625C gpu@49.75C tj@49.312C "
    "cv0@-256C VDD_IN 6251mW/5800mW VDD_CPU_GPU_CV 2512mW/1944mW VDD_SOC 1720mW/1659mW NC 0mW/0mW"
)


def test_every_rail_is_read_in_watts_and_memory_is_no_rail() -> None:
    nano, xavier, orin = parse(NANO), parse(XAVIER), parse(ORIN)
    assert nano is not None
    assert xavier is not None
    assert orin is not None
    assert nano.watts == {"POM_5V_IN": 4.321, "POM_5V_GPU": 1.203, "POM_5V_CPU": 0.0}
    assert xavier.watts == {
        "GPU": 0.0, "CPU": 0.311, "SOC": 0.932, "CV": 0.0, "VDDRQ": 0.155, "SYS5V": 1.365,
    }  # fmt: skip
    assert orin.watts == {"VDD_IN": 6.251, "VDD_CPU_GPU_CV": 2.512, "VDD_SOC": 1.72}


def test_temperatures_leave_out_what_is_no_sensor_or_off() -> None:
    nano, orin = parse(NANO), parse(ORIN)
    assert nano is not None
    assert orin is not None
    assert nano.degrees == {"PLL": 33.0, "CPU": 36.5, "GPU": 34.0, "AO": 42.5, "thermal": 35.25}
    assert set(orin.degrees) == {"cpu", "soc2", "soc0", "gpu", "tj"}


@pytest.mark.parametrize(
    ("line", "percent", "mhz", "memory"),
    [(JETPACK_3, 39, 998, 11), (NANO, 71, None, 9), (XAVIER, 13, 510, 1), (ORIN, 62, 611, 3)],
)
def test_the_gpus_load_and_clock_are_read_in_every_form(
    line: str, percent: float, mhz: float | None, memory: float
) -> None:
    said = parse(line)
    assert said is not None
    assert (said.gpu_percent, said.gpu_mhz, said.memory_percent) == (percent, mhz, memory)


def test_a_line_without_power_has_none_rather_than_zero() -> None:
    said = parse(JETPACK_3)
    assert said is not None
    assert said.watts == {}
    assert said.degrees == {}


@pytest.mark.parametrize("line", ["", "Run tegrastats as root", "RAM full"])
def test_another_line_says_nothing(line: str) -> None:
    assert parse(line) is None


def test_the_newest_line_of_the_running_program_is_kept(tmp_path: Path) -> None:
    script = f'echo "warning: not root"\necho "{JETPACK_3}"\necho "{ORIN}"\nexec sleep 60'
    running = Running(1.0, str(program(tmp_path, "tegrastats", script)))
    try:
        ends = time.monotonic() + 20
        while (line := running.newest()) is None or not line.watts:
            assert time.monotonic() < ends, "no line came"
            time.sleep(0.01)
        assert line.watts["VDD_IN"] == 6.251
    finally:
        running.close()
        running.close()
