"""How fast the machine may run now: power mode, clocks, temperature, throttling."""

from __future__ import annotations

import re
from pathlib import Path

from edgefer.doctor.finding import Finding, Topic
from edgefer.doctor.machine import Machine

topic = Topic("power")

HOT = 85.0
"""Degrees Celsius worth a note where a zone has no trip point to compare with."""

THROTTLING = {
    0x04: "power cap",
    0x08: "hardware",
    0x20: "software, hot",
    0x40: "hardware, hot",
    0x80: "power brake",
}
"""Bits of nvidia-smi's throttle reasons that slow a working GPU. Source: NVML's
nvmlClocksThrottleReason constants; idle (0x01) and the user's own settings are none."""


def power_mode(machine: Machine) -> list[Finding]:
    """nvpmodel's mode, on a Jetson."""
    if not machine.jetson:
        return []
    ran = machine.ask("nvpmodel", "-q")
    found = re.search(r"NV Power Mode: *(\S+)", ran.out)
    if ran.fault or not found:
        said = ran.fault or "nvpmodel -q names no mode; try: sudo nvpmodel -q"
        return [topic.unavailable("power mode", said)]
    mode = found[1]
    # Which number is the fastest differs between boards, and between releases.
    modes = re.findall(
        r"POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>", machine.read("/etc/nvpmodel.conf") or ""
    )
    fastest = next((m for m in modes if m[1].startswith("MAXN")), None)
    for m in modes:
        if m[1] == "MAXN_SUPER":
            fastest = m
    if mode == (fastest[1] if fastest else "MAXN"):
        return [topic.ok("power mode", mode)]
    if fastest:
        return [
            topic.note(
                "power mode", f"{mode}; {fastest[1]} is faster", f"sudo nvpmodel -m {fastest[0]}"
            )
        ]
    return [topic.note("power mode", mode, "sudo nvpmodel -p --verbose   # lists the modes")]


def clocks(machine: Machine) -> list[Finding]:
    """CPU clocks from cpufreq, the GPU's from devfreq, or all from jetson_clocks where root."""
    findings = [_cpu(machine)]
    if not machine.jetson:
        return findings
    if machine.administrator:
        ran = machine.ask("jetson_clocks", "--show")
        rows = re.findall(
            r"^(GPU|EMC) MinFreq=(\d+) MaxFreq=(\d+) CurrentFreq=(\d+)", ran.out, re.MULTILINE
        )
        if rows:
            return findings + [_range(f"{name} clock", *map(int, rest)) for name, *rest in rows]
    for folder in machine.glob("/sys/class/devfreq/*"):
        if "gpu" in folder.name or folder.name.endswith((".ga10b", ".gv11b", ".gp10b", ".gm20b")):
            hertz = [machine.number(folder / f"{kind}_freq") for kind in ("min", "max", "cur")]
            least, most, now = hertz
            if least is not None and most is not None and now is not None:
                return [*findings, _range("GPU clock", least, most, now)]
    return [*findings, topic.unavailable("GPU clock", "no devfreq; sudo jetson_clocks --show")]


def _cpu(machine: Machine) -> Finding:
    policy = "/sys/devices/system/cpu/cpu0/cpufreq"
    governor = machine.read(f"{policy}/scaling_governor")
    khz = [machine.number(f"{policy}/scaling_{kind}_freq") for kind in ("min", "max", "cur")]
    least, most, now = khz
    if governor is None or least is None or most is None:
        return topic.unavailable("CPU clock", "no cpufreq (virtual machine?)")
    at = "unavailable" if now is None else f"{now // 1000} MHz"
    if governor == "performance" or least == most:
        return topic.ok("CPU clock", f"{at}, held up ({governor})")
    return topic.note(
        "CPU clock",
        f"{at}, floats up to {most // 1000} MHz ({governor}): figures vary",
        "sudo jetson_clocks" if machine.jetson else "sudo cpupower frequency-set -g performance",
    )


def _range(name: str, least: int, most: int, now: int) -> Finding:
    """All in Hz."""
    at = f"{now // 1_000_000} MHz"
    if least == most:
        return topic.ok(name, f"{at}, fixed")
    return topic.note(name, f"{at}, floats up to {most // 1_000_000} MHz", "sudo jetson_clocks")


def temperature(machine: Machine) -> list[Finding]:
    """The hottest thermal zone, against the trip point at which it slows the machine."""
    zones: list[tuple[float, str, Path]] = []
    for folder in machine.glob("/sys/class/thermal/thermal_zone*"):
        kind, milli = machine.read(folder / "type"), machine.number(folder / "temp")
        # The Nano's PMIC-Die is no sensor: it says 100 degrees, always.
        if kind and milli is not None and kind != "PMIC-Die" and milli > -40_000:
            zones.append((milli / 1000, kind, folder))
    if not zones:
        return [topic.unavailable("temperature", "no thermal zone can be read")]
    cool = "let air at it, or fit a fan"
    if machine.there("/sys/devices/pwm-fan/target_pwm"):
        cool = "sudo sh -c 'echo 255 > /sys/devices/pwm-fan/target_pwm'   # the fan at full speed"
    for degrees, kind, folder in zones:
        trip = _trip(machine, folder)
        if trip is not None and degrees >= trip:
            text = f"{kind} {degrees:.0f} C, slowed down from {trip:.0f} C on"
            return [topic.problem("temperature", text, cool)]
    degrees, kind, _ = max(zones, key=lambda zone: zone[0])
    if degrees >= HOT:
        return [topic.note("temperature", f"{degrees:.0f} C ({kind})", cool)]
    return [topic.ok("temperature", f"{degrees:.0f} C ({kind}, the hottest of {len(zones)})")]


def _trip(machine: Machine, zone: Path) -> float | None:
    """The lowest trip point that slows the machine, in degrees; `active` ones start the fan."""
    trips = []
    for n in range(12):
        kind, milli = (
            machine.read(zone / f"trip_point_{n}_type"),
            machine.number(zone / f"trip_point_{n}_temp"),
        )
        if kind is None:
            break
        if kind in ("passive", "hot", "critical") and milli is not None and milli > 0:
            trips.append(milli / 1000)
    return min(trips, default=None)


def throttling(machine: Machine) -> list[Finding]:
    """What slows the machine now, or has since it was started."""
    if not machine.jetson and machine.nvidia:
        return [_card(machine)]
    supply = "use a stronger power supply, or a shorter cable to it"
    events = [
        n
        for p in machine.glob("/sys/class/hwmon/hwmon*/oc*_event_cnt")
        if (n := machine.number(p)) is not None
    ]
    coolers = [
        (kind, state)
        for folder in machine.glob("/sys/class/thermal/cooling_device*")
        if (kind := machine.read(folder / "type"))
        and (state := machine.number(folder / "cur_state")) is not None
        and re.search("cpu|gpu|processor", kind, re.IGNORECASE)
    ]
    slowed = sorted({kind for kind, state in coolers if state > 0})
    if slowed:
        return [
            topic.problem(
                "throttling",
                f"slowed down by heat now: {', '.join(slowed)}",
                "let air at it, or fit a fan",
            )
        ]
    if any(events):
        return [topic.note("throttling", f"{sum(events)} over-current events since boot", supply)]
    if events or coolers:
        return [topic.ok("throttling", "none now" + (", no over-current event" if events else ""))]
    return [topic.unavailable("throttling", "this system shows no sign of it to a user")]


def _card(machine: Machine) -> Finding:
    ran = machine.ask(
        "nvidia-smi",
        "--query-gpu=clocks_throttle_reasons.active,temperature.gpu",
        "--format=csv,noheader,nounits",
    )
    found = re.match(r"0x([0-9a-fA-F]+), *(\d+)", ran.out.strip())
    if ran.fault or not found:
        return topic.unavailable("throttling", ran.fault or "nvidia-smi does not tell")
    bits = int(found[1], 16)
    reasons = [name for bit, name in THROTTLING.items() if bits & bit]
    if reasons:
        text = f"GPU at {found[2]} C slowed down: {', '.join(reasons)}"
        return topic.note("throttling", text, "nvidia-smi -q -d PERFORMANCE,POWER,TEMPERATURE")
    return topic.ok("throttling", f"GPU at {found[2]} C, not slowed down")
