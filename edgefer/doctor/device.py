"""What machine this is: board, L4T, JetPack, GPU, memory, swap, disk."""

from __future__ import annotations

import re

from edgefer.doctor.finding import Finding, Topic, gibibytes
from edgefer.doctor.machine import Machine

topic = Topic("machine")

LEAST_MEMORY = 512 << 10
"""KiB that should be free: an ONNX Runtime and OpenCV process with one camera needs 200 MiB."""

SMALL_BOARD = 5 << 20
"""KiB of memory up to which building a plan without swap ends in the kernel's OOM killer."""

LEAST_DISK = 1 << 30
"""Bytes: room for a few models, their plans and a timing cache."""

SWAP = (
    "sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && "
    "sudo mkswap /swapfile && sudo swapon /swapfile"
)


def device(machine: Machine) -> list[Finding]:
    """The board's own name: device tree on ARM, DMI on a PC."""
    for path in ("/proc/device-tree/model", "/sys/class/dmi/id/product_name"):
        if name := machine.read(path):
            where = ", in a container" if machine.container else ""
            return [topic.ok("device", name + where)]
    return [topic.unavailable("device", "neither a device tree nor DMI names it")]


def release(machine: Machine) -> list[Finding]:
    """L4T and JetPack, on a Jetson only."""
    if not machine.jetson:
        return []
    text = machine.read("/etc/nv_tegra_release") or ""
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", text)
    if found:
        l4t = topic.ok("L4T", f"R{found[1]}.{found[2]}")
    elif core := _package(machine, "nvidia-l4t-core"):
        l4t = topic.ok("L4T", f"R{core.partition('-')[0]}")
    else:
        l4t = topic.unavailable("L4T", "no /etc/nv_tegra_release, no nvidia-l4t-core")
    jetpack = _package(machine, "nvidia-jetpack")
    if jetpack:
        return [l4t, topic.ok("JetPack", jetpack)]
    # The metapackage is often not installed; the L4T release says what matters.
    return [l4t, topic.unavailable("JetPack", "the package nvidia-jetpack is not installed")]


def _package(machine: Machine, name: str) -> str:
    ran = machine.ask("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", name)
    status, _, version = ran.out.strip().partition(" ")
    return version if not ran.fault and ran.code == 0 and status == "installed" else ""


def gpu(machine: Machine) -> list[Finding]:
    """An NVIDIA card's name and driver; a Jetson's GPU is found through PyCUDA."""
    if machine.jetson:
        return []
    if not machine.nvidia:
        return [topic.note("GPU", "no NVIDIA GPU here; models run on the CPU")]
    ran = machine.ask(
        "nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"
    )
    if ran.fault:
        return [topic.unavailable("GPU", ran.fault)]
    if ran.code != 0 or not ran.out.strip():
        said = (ran.out + ran.err).strip().splitlines() or ["nothing"]
        return [
            topic.problem(
                "GPU",
                f"nvidia-smi failed with status {ran.code}: {said[0]}",
                "sudo modprobe nvidia; if that fails, reinstall the driver",
            )
        ]
    return [
        topic.ok("GPU", f"{name}, driver {driver}, {memory}")
        for name, driver, memory in (
            [*(word.strip() for word in line.split(",")), "unavailable", "unavailable"][:3]
            for line in ran.out.strip().splitlines()
        )
    ]


def memory(machine: Machine) -> list[Finding]:
    """How much there is and how much is free, in KiB as /proc/meminfo counts."""
    fields = _meminfo(machine)
    if "MemTotal" not in fields or "MemAvailable" not in fields:
        return [topic.unavailable("memory", "/proc/meminfo cannot be read")]
    total, free = fields["MemTotal"], fields["MemAvailable"]
    text = f"{gibibytes(free)} available of {gibibytes(total)}"
    if free >= LEAST_MEMORY:
        return [topic.ok("memory", text)]
    headless = "sudo systemctl isolate multi-user.target   # ends the desktop until the next boot"
    return [topic.problem("memory", text, headless)]


def swap(machine: Machine) -> list[Finding]:
    """Swap on disk and in compressed memory."""
    text = machine.read("/proc/swaps")
    if text is None:
        return [topic.unavailable("swap", "/proc/swaps cannot be read")]
    disk = zram = 0
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 3 and words[2].isdecimal():
            if "zram" in words[0]:
                zram += int(words[2])
            else:
                disk += int(words[2])
    sizes = [f"{gibibytes(disk)} on disk"] if disk else []
    sizes += [f"{gibibytes(zram)} zram"] if zram else []
    said = ", ".join(sizes) or "none"
    if disk or not machine.jetson or _meminfo(machine).get("MemTotal", 0) > SMALL_BOARD:
        return [topic.ok("swap", said)]
    if zram:
        why = f"{said}, none on disk: building a large plan may be killed"
        return [topic.note("swap", why, SWAP)]
    return [topic.problem("swap", "none: building a plan may be killed (out of memory)", SWAP)]


def disk(machine: Machine) -> list[Finding]:
    """Free space where models and plans go."""
    free = machine.free_bytes(machine.models)
    if free is None:
        return [topic.unavailable("disk", f"{machine.models} cannot be asked")]
    text = f"{gibibytes(free >> 10)} free at {machine.models}"
    if free >= LEAST_DISK:
        return [topic.ok("disk", text)]
    return [topic.problem("disk", text, "sudo apt clean && sudo journalctl --vacuum-size=50M")]


def _meminfo(machine: Machine) -> dict[str, int]:
    found = re.findall(r"^(\w+):\s+(\d+) kB$", machine.read("/proc/meminfo") or "", re.MULTILINE)
    return {name: int(value) for name, value in found}
