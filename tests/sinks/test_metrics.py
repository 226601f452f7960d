from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from edgefer.data import Look, StageTimes
from edgefer.health import Health
from edgefer.sensors import powers, temperatures
from tests.brokers import wanted
from tests.drivers import reading

pytest.importorskip("prometheus_client", reason="pip install 'edgefer[daemon]'")
from edgefer.sinks.metrics import Metrics


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


@pytest.fixture
def nano(tmp_path: Path) -> Path:
    """What a Nano with JetPack 4 shows below /sys, and the hwmon of JetPack 5."""
    zone = "class/thermal/thermal_zone"
    old = "bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    put(
        tmp_path,
        **{
            f"{zone}0/type": "CPU-therm",
            f"{zone}0/temp": "41500",
            f"{zone}1/type": "CPU-therm",
            f"{zone}1/temp": "42000",
            f"{zone}2/type": "PMIC-Die",
            f"{zone}2/temp": "100000",
            f"{zone}3/type": "off",
            f"{zone}3/temp": "-256000",
            f"{zone}4/type": "broken",
            f"{old}/rail_name_0": "POM_5V_IN",
            f"{old}/in_power0_input": "2412",
            "class/hwmon/hwmon0/name": "ina3221",
            "class/hwmon/hwmon0/in1_label": "VDD_IN",
            "class/hwmon/hwmon0/in1_input": "5000",
            "class/hwmon/hwmon0/curr1_input": "600",
            "class/hwmon/hwmon1/name": "amdgpu",
            "class/hwmon/hwmon1/power1_input": "35000000",
        },
    )
    return tmp_path


def test_sensors_are_read_in_their_units(nano: Path) -> None:
    assert temperatures(nano) == {"CPU-therm": 41.5, "CPU-therm 2": 42.0}
    assert powers(nano) == {"POM_5V_IN": 2.412, "VDD_IN": 3.0, "amdgpu power1": 35.0}


def test_what_cannot_be_read_is_not_there(tmp_path: Path) -> None:
    assert temperatures(tmp_path) == powers(tmp_path) == {}
    page = Metrics(sys=tmp_path).text().decode()
    assert "temperature" not in page
    assert "power" not in page


def page_of(metrics: Metrics) -> dict[str, float]:
    lines = [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def filled(sys: Path) -> Metrics:
    """A page with every metric on it."""
    health = Health()
    health.part("camera hall").report("recovering", "gone")
    metrics = Metrics(health, sys=sys)
    metrics.camera("hall")
    looks: tuple[Look, ...] = ("detect", "detect", "still", "detect")
    for n, look in enumerate(looks):
        faces = n != 1
        times = StageTimes(0.001, 0.03 if look == "detect" else 0.0, 0.02 if faces else 0.0)
        shown = reading(n) if faces else reading(n, faces=())
        metrics.read("hall", replace(shown, captured=0.0, published=0.05, times=times, look=look))
    metrics.frames_dropped("hall", "sink too slow", 3)
    metrics.reconnected("hall")
    metrics.restarted("engine")
    metrics.event_dropped("mqtt", "overflow")
    metrics.engine({"model": 'a "quoted"\nname', "runtime": "onnxruntime 1.23.2 cpu fp32"})
    return metrics


def test_readings_are_counted(nano: Path) -> None:
    page = page_of(filled(nano))
    frames = 'edgefer_frames_total{camera="hall",look="%s"}'
    assert [page[frames % look] for look in ("detect", "follow", "still")] == [3, 0, 1]
    assert page['edgefer_faces_total{camera="hall"}'] == 3
    assert page['edgefer_frames_dropped_total{camera="hall",reason="sink too slow"}'] == 3
    stage = 'edgefer_stage_seconds_count{camera="hall",stage="%s"}'
    assert page[stage % "detection"] == 3, "a still frame was not searched"
    assert page[stage % "classification"] == 3, "a frame without a face was not classified"
    bucket = 'edgefer_stage_seconds_bucket{camera="hall",le="%s",stage="detection"}'
    assert (page[bucket % "0.02"], page[bucket % "0.04"]) == (0, 3)
    assert page['edgefer_frame_age_seconds_sum{camera="hall"}'] == pytest.approx(0.2)
    assert page['edgefer_part_state{part="camera hall",state="recovering"}'] == 1
    assert page['edgefer_part_state{part="camera hall",state="ok"}'] == 0
    assert page['edgefer_power_watts{rail="POM_5V_IN"}'] == 2.412
    assert page["process_open_fds"] > 0


def test_another_engine_takes_the_place_of_the_first(tmp_path: Path) -> None:
    metrics = filled(tmp_path)
    metrics.engine({"model": "b", "precision": "fp16"})
    (engine,) = [name for name in page_of(metrics) if name.startswith("edgefer_engine_info")]
    assert engine == 'edgefer_engine_info{model="b",precision="fp16"}'


def test_two_pages_do_not_share_counts(tmp_path: Path) -> None:
    filled(tmp_path)
    assert 'edgefer_frames_total{camera="hall",look="detect"}' not in page_of(Metrics(sys=tmp_path))


@pytest.mark.parametrize("empty", [False, True])
def test_promtool_accepts_the_page(empty: bool, nano: Path) -> None:
    promtool = wanted("promtool", shutil.which("promtool"), "prometheus")
    page = (Metrics(sys=nano) if empty else filled(nano)).text()
    checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
