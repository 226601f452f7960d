"""What machines show below /sys, written from the documented formats, not copied from any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests import doctor_machines

_NANO_RAILS = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
NANO = {
    **doctor_machines.NANO,
    f"{_NANO_RAILS}/rail_name_0": "POM_5V_IN",
    f"{_NANO_RAILS}/in_power0_input": "4000",
    f"{_NANO_RAILS}/rail_name_1": "POM_5V_GPU",
    f"{_NANO_RAILS}/in_power1_input": "1000",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1479000",
    "sys/class/devfreq/57000000.gpu/device/load": "873",
}
"""JetPack 4."""

ORIN = {
    **doctor_machines.ORIN,
    "sys/class/hwmon/hwmon1/name": "ina3221",
    "sys/class/hwmon/hwmon1/in1_label": "VDD_IN",
    "sys/class/hwmon/hwmon1/in1_input": "5000",
    "sys/class/hwmon/hwmon1/curr1_input": "1200",
    "sys/class/hwmon/hwmon1/in7_label": "Sum of shunt voltages",
    "sys/class/hwmon/hwmon1/in7_input": "1",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1728000",
    "sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq": "729600",
    "sys/class/devfreq/17000000.gpu/min_freq": "306000000",
    "sys/class/devfreq/17000000.gpu/max_freq": "624750000",
    "sys/class/devfreq/17000000.gpu/cur_freq": "408000000",
    "sys/class/thermal/cooling_device0/type": "gpu-throttle-alert",
    "sys/class/thermal/cooling_device0/cur_state": "0",
}
"""JetPack 6."""

_RAPL = "sys/class/powercap/intel-rapl"
X86 = {
    **doctor_machines.PC,
    f"{_RAPL}:0/name": "package-0",
    f"{_RAPL}:0/energy_uj": "262143000000",
    f"{_RAPL}:0/max_energy_range_uj": "262143328850",
    f"{_RAPL}:0:0/name": "core",
    f"{_RAPL}:0:0/energy_uj": "5",
    f"{_RAPL}:0:0/max_energy_range_uj": "262143328850",
    f"{_RAPL}:0:1/name": "dram",
    f"{_RAPL}:0:1/energy_uj": "1000000",
    f"{_RAPL}:0:1/max_energy_range_uj": "65712999613",
    "sys/class/powercap/intel-rapl-mmio:0/name": "package-0",
    "sys/class/powercap/intel-rapl-mmio:0/energy_uj": "7",
    "sys/class/powercap/intel-rapl-mmio:0/max_energy_range_uj": "262143328850",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "4700000",
    "sys/devices/system/cpu/cpufreq/policy10/scaling_cur_freq": "800000",
    "sys/devices/system/cpu/cpufreq/policy2/scaling_cur_freq": "4600000",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "4",
    "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "0",
}

BARE = {"sys/class/thermal/unread": ""}
"""A virtual machine that shows nothing of what it runs on."""


def lay(folder: Path, files: Mapping[str, str]) -> Path:
    """The files below `folder`; its /sys."""
    for path, text in files.items():
        where = folder / path.lstrip("/")
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text)
    return folder / "sys"


def program(folder: Path, name: str, script: str) -> Path:
    """A program of that name, a shell script, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
