"""How fast the machine may run now: power mode, clocks, temperature, throttling."""

from __future__ import annotations

import re
from pathlib import Path

from edgefer.doctor.finding import Finding, Topic
from edgefer.doctor.machine import Machine
from edgefer.sensors.clocks import gpu
from edgefer.sensors.heat import coolers, over_currents, zones
from edgefer.sensors.jetson import mode_in, modes_in

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
    mode = mode_in(ran.out)
    if ran.fault or mode is None:
        said = ran.fault or "nvpmodel -q names no mode; try: sudo nvpmodel -q"
        return [topic.unavailable("power mode", said)]
    # Which number is the fastest differs between boards, and between releases.
    modes = modes_in(machine.read("/etc/nvpmodel.conf") or "")
    maxima = [name for name in modes if name.startswith("MAXN")]
    fastest = "MAXN_SUPER" if "MAXN_SUPER" in maxima else next(iter(maxima), None)
    if mode == (fastest or "MAXN"):
        return [topic.ok("power mode", mode)]
    if fastest:
        return [
            topic.note(
                "power mode",
                f"{mode}; {fastest} is faster",
                f"sudo nvpmodel -m {modes[fastest]}",
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
    if (clock := gpu(machine.at("/sys"))) is not None:
        return [*findings, _range("GPU clock", clock.least, clock.most, clock.now)]
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
    found = zones(machine.at("/sys"))
    if not found:
        return [topic.unavailable("temperature", "no thermal zone can be read")]
    cool = "let air at it, or fit a fan"
    if machine.there("/sys/devices/pwm-fan/target_pwm"):
        cool = "sudo sh -c 'echo 255 > /sys/devices/pwm-fan/target_pwm'   # the fan at full speed"
    for zone in found:
        trip = _trip(machine, zone.folder)
        if trip is not None and zone.degrees >= trip:
            text = f"{zone.name} {zone.degrees:.0f} C, slowed down from {trip:.0f} C on"
            return [topic.problem("temperature", text, cool)]
    hottest = max(found, key=lambda zone: zone.degrees)
    where = f"{hottest.degrees:.0f} C ({hottest.name}"
    if hottest.degrees >= HOT:
        return [topic.note("temperature", f"{where})", cool)]
    return [topic.ok("temperature", f"{where}, the hottest of {len(found)})")]


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
    events, at_work = over_currents(machine.at("/sys")), coolers(machine.at("/sys"))
    slowed = sorted(kind for kind, active in at_work.items() if active)
    if slowed:
        return [
            topic.problem(
                "throttling",
                f"slowed down by heat now: {', '.join(slowed)}",
                "let air at it, or fit a fan",
            )
        ]
    if events:
        return [topic.note("throttling", f"{events} over-current events since boot", supply)]
    if at_work or events is not None:
        none = "" if events is None else ", no over-current event"
        return [topic.ok("throttling", f"none now{none}")]
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
