"""Devices laid out as folders, written from the documented formats, not copied from a device."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edgefer.doctor.machine import SYSTEM_PYTHON, Machine, Ran
from edgefer.doctor.probe import DISTRIBUTIONS

PYTHON = "/opt/edgefer/bin/python"

Files = Mapping[str, str]
Answers = Mapping[str, Ran]
"""What a program answers, by the beginning of its command line; all others are not there."""

NANO: Files = {
    "/proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0",
    "/proc/device-tree/compatible": "nvidia,p3450-0000\0nvidia,jetson-nano\0nvidia,tegra210\0",
    "/etc/nv_tegra_release": "# R32 (release), REVISION: 7.1, GCID: 1, BOARD: t210ref, "
    "EABI: aarch64, DATE: Sat Feb 19 17:05:08 UTC 2022\n",
    "/etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\nCPU_ONLINE CORE_0 1\n"
    "< POWER_MODEL ID=1 NAME=5W >\n",
    "/proc/meminfo": "MemTotal:        4059424 kB\nMemFree: 1 kB\nMemAvailable:    2900000 kB\n",
    "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n"
    "/dev/zram0 partition 507424 0 5\n/dev/zram1 partition 507424 0 5\n"
    "/swapfile file 4194300 0 -1\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq": "1479000\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq": "1479000\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1479000\n",
    "/sys/class/devfreq/57000000.gpu/min_freq": "921600000",
    "/sys/class/devfreq/57000000.gpu/max_freq": "921600000",
    "/sys/class/devfreq/57000000.gpu/cur_freq": "921600000",
    "/sys/class/thermal/thermal_zone0/type": "CPU-therm",
    "/sys/class/thermal/thermal_zone0/temp": "41500",
    "/sys/class/thermal/thermal_zone0/trip_point_0_type": "active",
    "/sys/class/thermal/thermal_zone0/trip_point_0_temp": "40000",
    "/sys/class/thermal/thermal_zone0/trip_point_1_type": "passive",
    "/sys/class/thermal/thermal_zone0/trip_point_1_temp": "97000",
    "/sys/class/thermal/thermal_zone1/type": "PMIC-Die",
    "/sys/class/thermal/thermal_zone1/temp": "100000",
    "/sys/class/thermal/cooling_device0/type": "cpu-balanced",
    "/sys/class/thermal/cooling_device0/cur_state": "0",
    "/sys/class/thermal/cooling_device1/type": "pwm-fan",
    "/sys/class/thermal/cooling_device1/cur_state": "2",
    "/sys/devices/pwm-fan/target_pwm": "80",
    "/sys/class/video4linux/video0/name": "vi-output, imx219 7-0010\n",
    "/dev/video0": "",
    "/dev/nvhost-gpu": "",
    "/dev/nvhost-ctrl-gpu": "",
    "/dev/nvmap": "",
    "/tmp/argus_socket": "",
    SYSTEM_PYTHON: "",
}

ORIN: Files = {
    "/proc/device-tree/model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit\0",
    "/proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0",
    "/etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic, "
    "EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025\n",
    "/etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n"
    "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n",
    "/proc/meminfo": "MemTotal:        7802752 kB\nMemAvailable:    5900000 kB\n",
    "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 650228 0 5\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq": "729600\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq": "1728000\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "729600\n",
    "/sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "/sys/class/thermal/thermal_zone0/temp": "48312",
    "/sys/class/hwmon/hwmon3/oc1_event_cnt": "0",
    "/sys/class/hwmon/hwmon3/oc3_event_cnt": "37",
    "/sys/class/video4linux/video0/name": "USB 2.0 Camera: USB Camera\n",
    "/dev/video0": "",
    "/dev/nvmap": "",
    "/dev/nvhost-ctrl-gpu": "",
    "/tmp/argus_socket": "",
    SYSTEM_PYTHON: "",
}

PC: Files = {
    "/sys/class/dmi/id/product_name": "Workstation 5000\n",
    "/proc/meminfo": "MemTotal:       32768000 kB\nMemAvailable:   30000000 kB\n",
    "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq": "800000\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq": "4700000\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "4700000\n",
    "/sys/class/thermal/thermal_zone0/type": "x86_pkg_temp",
    "/sys/class/thermal/thermal_zone0/temp": "52000",
    "/dev/nvidia0": "",
    SYSTEM_PYTHON: "",
}

BARE: Files = {"/proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 7000000 kB\n"}
"""A virtual machine that shows nothing of what it runs on."""


def said(record: Mapping[str, object]) -> Ran:
    """An answer of the probe."""
    return Ran(out="\n" + json.dumps(record) + "\n")


def absent(module: str) -> Ran:
    """The probe's answer for a module that is not installed."""
    return said({"python": "3.10.12", "installed": {}, "absent": module,
                 "error": f"ModuleNotFoundError: No module named '{module}'"})  # fmt: skip


def broken(error: str, **installed: str) -> Ran:
    """The probe's answer for one that does not load."""
    return said({"python": "3.10.12", "installed": installed, "error": error, "absent": None})


ORT = said({"python": "3.10.12", "installed": {"onnxruntime": "1.23.2"}, "version": "1.23.2",
            "listed": ["AzureExecutionProvider", "CPUExecutionProvider"],
            "usable": ["CPUExecutionProvider"]})  # fmt: skip

DAEMON = dict.fromkeys(DISTRIBUTIONS["daemon"], "1.0")

OWN: Answers = {
    f"{PYTHON} daemon": said({"python": "3.10.12", "installed": DAEMON}),
    f"{PYTHON} tensorrt": absent("tensorrt"),
    f"{PYTHON} pycuda": absent("pycuda"),
    f"{PYTHON} onnxruntime": ORT,
    f"{PYTHON} cv2": said({"version": "4.12.0", "haar": True}),
    f"{SYSTEM_PYTHON} tensorrt": absent("tensorrt"),
    f"{SYSTEM_PYTHON} pycuda": absent("pycuda"),
}

NANO_ANSWERS: Answers = {
    **OWN,
    f"{SYSTEM_PYTHON} tensorrt": said({"python": "3.6.9", "version": "8.2.1.8"}),
    f"{SYSTEM_PYTHON} pycuda": said(
        {"python": "3.6.9", "version": "2021.1", "gpu": "NVIDIA Tegra X1", "capability": "5.3"}
    ),
    "nvpmodel -q": Ran(out="NVPM WARN: fan mode is not set!\nNV Power Mode: MAXN\n0\n"),
    "dpkg-query --show --showformat=${db:Status-Status} ${Version} nvidia-jetpack": Ran(
        out="installed 4.6.1-b110"
    ),
    "gst-inspect-1.0": Ran(),
}

ORIN_ANSWERS: Answers = {
    **OWN,
    f"{PYTHON} tensorrt": said({"python": "3.10.12", "version": "10.3.0"}),
    f"{PYTHON} pycuda": said(
        {"python": "3.10.12", "version": "2025.1", "gpu": "Orin", "capability": "8.7"}
    ),
    "nvpmodel -q": Ran(out="NV Power Mode: 15W\n0\n"),
    "gst-inspect-1.0": Ran(),
}

PC_ANSWERS: Answers = {
    **OWN,
    "nvidia-smi --query-gpu=name": Ran(out="NVIDIA RTX A2000, 560.35.03, 6138 MiB\n"),
    "nvidia-smi --query-gpu=clocks": Ran(out="0x0000000000000001, 45\n"),
    "gst-inspect-1.0": Ran(),
}


class Programs:
    """Answers for programs, and a list of what was asked."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, command: Sequence[str], timeout: float) -> Ran:
        assert 0 < timeout <= 3
        words = [word for word in command if not word.endswith("probe.py")]
        line = " ".join(words)
        self.asked.append(line)
        for start, answer in self.answers.items():
            if line.startswith(start):
                return answer
        return Ran(fault=f"{command[0]} is not here")


def laid(
    folder: Path,
    files: Files,
    answers: Answers,
    *,
    may_use: Callable[[Path], bool] = lambda _: True,
    administrator: bool = False,
    free_bytes: int | None = 50 << 30,
) -> Machine:
    """The device as files under `folder`; its model folder is empty."""
    for path, text in files.items():
        where = folder / path.lstrip("/")
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text)
    (folder / "models").mkdir(exist_ok=True)
    return Machine(
        root=folder,
        run=Programs(answers),
        may_use=may_use,
        free_bytes=lambda _: free_bytes,
        administrator=administrator,
        python=PYTHON,
        models=folder / "models",
    )
