from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgefer.bench.course import Course, Readings
from edgefer.bench.sampling import Sampled, Sampler
from edgefer.timing import clock
from tests.sensors.files import BARE, NANO, ORIN, X86, lay, program
from tests.sensors.test_tegrastats import ORIN as ORIN_LINE


def until(samples: int, sampler: Sampler) -> None:
    """Wait until it has read so often."""
    ends = time.monotonic() + 30
    while sampler.samples < samples:
        assert time.monotonic() < ends, "the sampler does not read"
        time.sleep(0.005)


def busy(seconds: float) -> None:
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        pass


def test_a_nano_is_read_by_its_rails_zones_and_clocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "nvpmodel", 'echo "NV Power Mode: MAXN"; echo 0')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    sys_ = lay(tmp_path, NANO)
    with Sampler(period=0.01, sys=sys_) as sampler:
        until(3, sampler)
        (sys_ / "class/thermal/thermal_zone0/temp").write_text("61000")
        (sys_ / "devices/system/cpu/cpufreq/policy0/scaling_cur_freq").write_text("921600")
        until(sampler.samples + 2, sampler)
    read = sampler.sampled
    zone = read.degrees["CPU-therm"]
    assert (zone.start, zone.end, zone.most) == (41.5, 61.0, 61.0)
    assert read.hottest() == ("CPU-therm", zone)
    assert (read.mhz["cpu0"].least, read.mhz["cpu0"].most) == (921.6, 1479.0)
    assert read.mhz["gpu"].mean == pytest.approx(921.6)
    assert read.gpu_load_percent is not None
    assert read.gpu_load_percent.most == 87.3
    assert read.watts == pytest.approx(4.0)
    assert read.watts_of == "POM_5V_IN"  # POM_5V_GPU is a part of it
    assert read.joules == pytest.approx(4.0 * read.seconds)
    assert read.per_joule(800) == pytest.approx(800 / (4.0 * read.seconds))
    assert read.throttling == ()
    assert read.power_mode == "MAXN"


def test_a_bare_machine_has_nothing_rather_than_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with Sampler(sys=lay(tmp_path, BARE), proc=tmp_path / "proc") as sampler:
        pass
    read = sampler.sampled
    assert (read.watts, read.watts_of, read.joules, read.per_joule(5)) == (None,) * 4
    assert (read.cpu_percent, read.peak_rss_bytes, read.processes) == (None,) * 3
    assert (read.throttling, read.power_mode, read.gpu_load_percent) == (None,) * 3
    assert read.hottest() is None
    record = read.as_record()
    assert record["degrees"] is record["rails"] is record["mhz"] is None
    assert 0 not in [value for key, value in record.items() if key != "sampling_percent"]


def test_the_energy_of_an_x86_is_its_counters_difference_over_a_wrap(tmp_path: Path) -> None:
    sys_ = lay(tmp_path, X86)
    package, dram = (sys_ / f"class/powercap/intel-rapl:0{n}/energy_uj" for n in ("", ":1"))
    with Sampler(sys=sys_) as sampler:
        package.write_text("9671150")  # wrapped: 10 J
        dram.write_text("3500000")  # 2.5 J
    read = sampler.sampled
    assert read.joules == pytest.approx(12.5)
    assert read.watts == pytest.approx(12.5 / read.seconds)
    assert read.watts_of == "RAPL package-0 + dram-0"
    assert read.per_joule(125) == pytest.approx(10.0)


def test_every_wrap_of_a_counter_is_seen_between_two_readings(tmp_path: Path) -> None:
    sys_ = lay(tmp_path, X86)
    package = sys_ / "class/powercap/intel-rapl:0/energy_uj"
    with Sampler(period=0.01, sys=sys_) as sampler:
        for energy in ("1000000", "262143000000", "1000000"):
            package.write_text(energy)
            until(sampler.samples + 3, sampler)
    assert sampler.sampled.joules == pytest.approx(262_142.0 + 1.32885 + 1.32885, abs=0.01)


def test_throttling_is_what_was_counted_meanwhile_not_since_boot(tmp_path: Path) -> None:
    sys_ = lay(tmp_path, X86)
    with Sampler(sys=sys_) as sampler:
        pass
    assert sampler.sampled.throttling == ()
    with Sampler(sys=sys_) as sampler:
        (sys_ / "devices/system/cpu/cpu1/thermal_throttle/core_throttle_count").write_text("5")
    assert sampler.sampled.throttling == ("processor too hot, 5 times",)


def test_an_orin_that_slows_down_for_a_moment_is_caught(tmp_path: Path) -> None:
    sys_ = lay(tmp_path, ORIN)
    state = sys_ / "class/thermal/cooling_device0/cur_state"
    with Sampler(period=0.01, sys=sys_) as sampler:
        state.write_text("1")
        until(sampler.samples + 2, sampler)
        state.write_text("0")
        (sys_ / "class/hwmon/hwmon3/oc3_event_cnt").write_text("38")
    assert sampler.sampled.throttling == (
        "over-current, 1 times",
        "gpu-throttle-alert slowed by heat",
    )


def test_tegrastats_gives_the_rails_that_the_kernel_does_not_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f'while :; do echo "{ORIN_LINE}"; sleep 0.01; done'
    program(tmp_path / "bin", "tegrastats", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with Sampler(period=0.02, sys=lay(tmp_path, BARE)) as sampler:
        until(100, sampler)  # two seconds; the program's first line comes within
    assert sampler.sampled.watts == pytest.approx(6.251)
    assert sampler.sampled.watts_of == "VDD_IN"


def test_processor_time_is_that_of_the_process_and_its_children(tmp_path: Path) -> None:
    command = "import time\nwhile time.process_time() < 0.6: pass"
    with Sampler(sys=lay(tmp_path, BARE)) as sampler:
        began = clock()
        busy(0.4)
        subprocess.run([sys.executable, "-c", command], check=True)
        seconds = clock() - began
    read = sampler.sampled
    assert read.cpu_percent is not None
    assert read.peak_rss_bytes is not None
    assert read.cpu_percent >= 100 * 0.95 / (seconds + 0.5)
    assert read.cpu_percent < 1000
    assert read.peak_rss_bytes > 10 << 20


def test_another_process_may_be_sampled_from_outside(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with Sampler(child.pid, sys=lay(tmp_path, BARE)) as sampler:
            busy(0.5)
        assert child.stdin is not None
        child.stdin.close()
    read = sampler.sampled
    assert read.processes == 1
    assert read.cpu_percent is not None
    assert read.cpu_percent < 100 * 0.4 / read.seconds + 20  # ours is not in it


def test_a_process_that_has_ended_is_told_of_as_long_as_it_lived(tmp_path: Path) -> None:
    command = "import time\nwhile time.process_time() < 1.5: pass"
    with (
        subprocess.Popen([sys.executable, "-c", command]) as child,
        Sampler(child.pid, period=0.05, sys=lay(tmp_path, BARE)) as sampler,
    ):
        began = clock()
        child.wait(60)
        lived = clock() - began
        time.sleep(2 * lived)  # while it is gone, it is neither busy nor idle
    read = sampler.sampled
    assert read.cpu_percent is not None
    assert read.cpu_percent > 100 * 1.5 / lived * 0.7


def test_its_own_cost_is_told(tmp_path: Path) -> None:
    with Sampler(period=0.001, sys=lay(tmp_path, X86)) as sampler:
        until(20, sampler)
    assert 0 < sampler.sampled.sampling_percent <= 100


def test_a_record_becomes_the_same_again_through_json(tmp_path: Path) -> None:
    for name, files in (("nano", NANO), ("bare", BARE)):
        with Sampler(sys=lay(tmp_path / name, files)) as sampler:
            pass
        read = sampler.sampled
        assert Sampled.from_record(json.loads(json.dumps(read.as_record()))) == read


def test_nothing_is_told_before_the_end(tmp_path: Path) -> None:
    with Sampler(sys=lay(tmp_path, BARE)) as sampler, pytest.raises(RuntimeError):
        _ = sampler.sampled


def test_a_mean_is_over_time_however_often_was_read() -> None:
    course = Readings()
    for at, value in ((0.0, 10.0), (9.0, 10.0), (9.5, 20.0), (10.0, 20.0)):
        course.add(at, value)
    assert course.summary() == Course(10.0, 20.0, 10.0, 20.0, mean=10.75)
