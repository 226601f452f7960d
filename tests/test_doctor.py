"""Whole devices, then each case that a user meets. No Jetson was at hand: text is made up."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest

from edgefer.detectors import YUNET_FILE
from edgefer.doctor import CHECKS, EXIT_PROBLEM, Examination, examine
from edgefer.doctor import __main__ as program
from edgefer.doctor.camera import GSTREAMER
from edgefer.doctor.finding import Finding
from edgefer.doctor.machine import SYSTEM_PYTHON, Machine, Ran, run
from edgefer.doctor.models import YUNET
from edgefer.doctor.probe import RELU
from edgefer.doctor.software import PROBE, missing_library
from edgefer.errors import NotInstalled
from edgefer.files import read_toml
from edgefer.sources.gstreamer import PACKAGES
from tests.conftest import REPOSITORY
from tests.doctor_machines import (
    BARE,
    DAEMON,
    NANO,
    NANO_ANSWERS,
    ORIN,
    ORIN_ANSWERS,
    OWN,
    PC,
    PC_ANSWERS,
    PYTHON,
    Files,
    Programs,
    absent,
    broken,
    laid,
    said,
)

DEVICES = {
    "nano": (NANO, NANO_ANSWERS),
    "orin": (ORIN, ORIN_ANSWERS),
    "pc": (PC, PC_ANSWERS),
    "bare": (BARE, {}),
}


def named(examination: Examination, name: str) -> Finding:
    (finding,) = (f for f in examination.findings if f.name == name)
    return finding


def states(examination: Examination) -> dict[str, str]:
    return {finding.name: finding.state for finding in examination.findings}


def changed(files: Files, more: Files | None = None, less: tuple[str, ...] = ()) -> Files:
    return {path: text for path, text in {**files, **(more or {})}.items() if path not in less}


def test_a_nano_in_order_has_no_problem_and_runs_plans_in_the_system_python(
    tmp_path: Path,
) -> None:
    found = examine(laid(tmp_path, NANO, NANO_ANSWERS))
    assert found.exit_code == 0, found.page()
    assert named(found, "device").text == "NVIDIA Jetson Nano Developer Kit"
    assert named(found, "L4T").text == "R32.7.1"
    assert named(found, "JetPack").text == "4.6.1-b110"
    system = named(found, "system TensorRT")
    assert (system.state, "8.2.1.8" in system.text, "3.6.9" in system.text) == ("ok", True, True)
    assert named(found, "TensorRT").state == "note"
    assert "compute capability 5.3" in named(found, "PyCUDA").text
    assert named(found, "power mode") == Finding("power", "power mode", "ok", "MAXN")
    assert named(found, "CPU clock").state == "ok"
    assert named(found, "GPU clock").text == "921 MHz, fixed"
    assert named(found, "swap").text == "4.0 GiB on disk, 991 MiB zram"
    assert named(found, "video0").text == "vi-output, imx219 7-0010"


def test_an_orin_in_its_slow_mode_is_told_the_number_of_the_fast_one(tmp_path: Path) -> None:
    found = examine(laid(tmp_path, ORIN, ORIN_ANSWERS))
    assert found.exit_code == 0, found.page()
    assert named(found, "L4T").text == "R36.4.3"
    assert named(found, "TensorRT").text == "10.3.0"
    assert named(found, "power mode").remedy == "sudo nvpmodel -m 2"
    assert named(found, "CPU clock").remedy == "sudo jetson_clocks"
    assert named(found, "GPU clock").state == "unavailable"
    assert named(found, "throttling").text == "37 over-current events since boot"
    assert named(found, "JetPack").state == "unavailable"


def test_a_pc_with_a_card_shows_its_driver_and_nothing_of_a_jetson(tmp_path: Path) -> None:
    found = examine(laid(tmp_path, PC, PC_ANSWERS))
    assert found.exit_code == 0, found.page()
    assert named(found, "GPU").text == "NVIDIA RTX A2000, driver 560.35.03, 6138 MiB"
    assert named(found, "throttling").text == "GPU at 45 C, not slowed down"
    assert named(found, "CPU clock").state == "ok"
    assert not {"L4T", "JetPack", "Argus", "GPU nodes", "power mode"} & set(states(found))


def test_a_machine_that_shows_nothing_is_unavailable_and_never_guessed(tmp_path: Path) -> None:
    machine = laid(tmp_path, {}, {})
    found = examine(machine)
    hidden = {"device", "memory", "swap", "CPU clock", "temperature", "throttling", "TensorRT",
              "PyCUDA", "ONNX Runtime", "OpenCV", "daemon"}  # fmt: skip
    assert {name for name, state in states(found).items() if state == "unavailable"} == hidden
    assert all(named(found, name).text.startswith("unavailable") for name in hidden)


def test_the_daemons_packages_and_its_unit_are_looked_for(tmp_path: Path) -> None:
    unit = {"/usr/local/lib/systemd/system/edgefer.service": ""}
    whole = named(examine(laid(tmp_path / "a", changed(PC, unit), PC_ANSWERS)), "daemon")
    assert (whole.state, "the unit is installed" in whole.text) == ("ok", True)
    less = {name: version for name, version in DAEMON.items() if name != "paho-mqtt"}
    answers = {**PC_ANSWERS, f"{PYTHON} daemon": said({"python": "3.10.12", "installed": less})}
    part = named(examine(laid(tmp_path / "b", PC, answers)), "daemon")
    assert part.state == "note"
    assert part.text == "paho-mqtt not installed; no unit is installed"
    assert part.remedy == f"{PYTHON} -m pip install 'edgefer[daemon]'"


def test_packages_beside_edgefer_alone_are_found(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("__version__ = '9.9'")
    done = subprocess.run(
        [sys.executable, "-I", str(PROBE), "cv2", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(done.stdout.splitlines()[-1])["version"] == "9.9"


def test_the_daemons_packages_are_those_of_the_extra() -> None:
    extras = read_toml(REPOSITORY / "pyproject.toml")["project"]["optional-dependencies"]
    assert {wanted.partition(">=")[0] for wanted in extras["daemon"]} == {*DAEMON}


def test_a_check_that_is_broken_leaves_the_rest_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefer.doctor.power._trip", lambda *_: 1 / 0)
    found = examine(laid(tmp_path, NANO, NANO_ANSWERS))
    assert named(found, "temperature").text == "unavailable: ZeroDivisionError: division by zero"
    assert named(found, "throttling").state == "ok"


@pytest.mark.parametrize(
    ("error", "library", "package"),
    [
        ("ImportError: libnvinfer.so.10: cannot open shared object file: No such file or "
         "directory", "libnvinfer.so.10", "libnvinfer10"),
        ("ImportError: libnvonnxparser.so.11: cannot open shared object file: No such file",
         "libnvonnxparser.so.11", "libnvonnxparsers11"),
        ("ImportError: libnvinfer_plugin.so.8: cannot open shared object file: No such file",
         "libnvinfer_plugin.so.8", "libnvinfer-plugin8"),
        ("ImportError: /usr/lib/aarch64-linux-gnu/libnvinfer.so.8: file too short",
         "libnvinfer.so.8", "libnvinfer8"),
        ("ImportError: libcuda.so.1: cannot open shared object file: No such file",
         "libcuda.so.1", "nvidia-driver"),
    ],
)  # fmt: skip
def test_bindings_without_their_library_name_it_and_its_package(
    tmp_path: Path, error: str, library: str, package: str
) -> None:
    assert missing_library(error) == library
    answers = {**PC_ANSWERS, f"{PYTHON} tensorrt": broken(error, **{"tensorrt-bindings": "10.3"})}
    finding = named(examine(laid(tmp_path, PC, answers)), "TensorRT")
    assert finding.state == "problem"
    assert "bindings 10.3 are here" in finding.text
    assert library in finding.text
    assert package in finding.remedy


def test_libraries_missing_in_a_container_are_brought_by_the_nvidia_runtime(
    tmp_path: Path,
) -> None:
    error = "ImportError: libnvinfer.so.8: file too short"
    answers = {**NANO_ANSWERS, f"{SYSTEM_PYTHON} tensorrt": broken(error)}
    machine = laid(tmp_path, changed(NANO, {"/.dockerenv": ""}), answers)
    finding = named(examine(machine), "system TensorRT")
    assert finding.text == "the bindings are here, but libnvinfer.so.8 is an empty file"
    assert finding.remedy == "docker run --runtime nvidia ..."


@pytest.mark.parametrize(("library", "remedy"), [
    ("libnvinfer.so.10", "pip install 'tensorrt==10.*'   # or: sudo apt install libnvinfer10"),
    ("libcuda.so.1", "docker run --gpus all ..."),
])  # fmt: skip
def test_a_container_on_a_pc_gets_only_the_driver_from_the_host(
    tmp_path: Path, library: str, remedy: str
) -> None:
    error = f"ImportError: {library}: cannot open shared object file: No such file"
    answers = {**PC_ANSWERS, f"{PYTHON} tensorrt": broken(error)}
    machine = laid(tmp_path, changed(PC, {"/.dockerenv": ""}), answers)
    assert named(examine(machine), "TensorRT").remedy == remedy


def test_bindings_that_do_not_fit_their_library_are_a_problem(tmp_path: Path) -> None:
    error = "ImportError: /lib/libnvinfer.so.10: undefined symbol: _ZN5nvdla19I"
    answers = {**ORIN_ANSWERS, f"{PYTHON} tensorrt": broken(error)}
    finding = named(examine(laid(tmp_path, ORIN, answers)), "TensorRT")
    assert finding.remedy == "sudo apt install --reinstall tensorrt python3-libnvinfer"


def test_a_nano_without_any_bindings_is_told_the_package(tmp_path: Path) -> None:
    answers = {**NANO_ANSWERS, f"{SYSTEM_PYTHON} tensorrt": absent("tensorrt")}
    finding = named(examine(laid(tmp_path, NANO, answers)), "system TensorRT")
    assert finding.remedy == "sudo apt install python3-libnvinfer tensorrt"


def test_a_missing_dependency_of_tensorrt_is_not_taken_for_its_absence(tmp_path: Path) -> None:
    record = {"error": "ModuleNotFoundError: No module named 'numpy'", "absent": "numpy"}
    finding = named(
        examine(laid(tmp_path, PC, {**PC_ANSWERS, f"{PYTHON} tensorrt": said(record)})), "TensorRT"
    )
    assert finding.state == "problem"
    assert "numpy" in finding.text


@pytest.mark.parametrize(
    ("files", "go", "keep"),
    [(PC, "onnxruntime ", "onnxruntime-gpu==1.22.0"), (BARE, "onnxruntime-gpu ", "onnxruntime==")],
)
def test_both_onnxruntimes_at_once_are_refused_and_the_one_to_remove_is_named(
    tmp_path: Path, files: Files, go: str, keep: str
) -> None:
    both = {"onnxruntime": "1.23.2", "onnxruntime-gpu": "1.22.0"}
    answers = {**OWN, f"{PYTHON} onnxruntime": said({"installed": both, "version": "1.22.0"})}
    found = examine(laid(tmp_path, files, answers))
    finding = named(found, "ONNX Runtime")
    assert finding.state == "problem"
    assert f"uninstall -y {go}" in finding.remedy
    assert keep in finding.remedy
    assert found.exit_code == EXIT_PROBLEM == NotInstalled.exit_code


def test_both_onnxruntimes_are_seen_even_where_their_import_hangs(tmp_path: Path) -> None:
    both = {"onnxruntime": "1.23.2", "onnxruntime-gpu": "1.22.0"}
    hung = Ran(out=said({"installed": both}).out, fault="python gave no answer")
    answers = {**OWN, f"{PYTHON} onnxruntime": hung}
    assert named(examine(laid(tmp_path, BARE, answers)), "ONNX Runtime").state == "problem"


def test_a_provider_that_is_listed_but_does_not_start_is_a_problem(tmp_path: Path) -> None:
    record = {"installed": {"onnxruntime-gpu": "1.22.0"}, "version": "1.22.0",
              "listed": ["CUDAExecutionProvider", "CPUExecutionProvider"],
              "usable": ["CPUExecutionProvider"]}  # fmt: skip
    answers = {**PC_ANSWERS, f"{PYTHON} onnxruntime": said(record)}
    finding = named(examine(laid(tmp_path, PC, answers)), "ONNX Runtime")
    assert finding.state == "problem"
    assert "usable: CPU (listed: CUDA, CPU)" in finding.text


def test_a_module_that_dies_of_an_illegal_instruction_names_the_guard(tmp_path: Path) -> None:
    answers = {**NANO_ANSWERS, f"{PYTHON} cv2": Ran(code=-signal.SIGILL)}
    finding = named(examine(laid(tmp_path, NANO, answers)), "OpenCV")
    assert finding.state == "problem"
    assert "OPENBLAS_CORETYPE=ARMV8" in finding.text


def test_pycuda_without_a_gpu_is_a_problem_and_without_pycuda_a_note(tmp_path: Path) -> None:
    record = {"version": "2025.1", "fault": "cuInit failed: no CUDA-capable device is detected"}
    answers = {**PC_ANSWERS, f"{PYTHON} pycuda": said(record)}
    finding = named(examine(laid(tmp_path, PC, answers)), "PyCUDA")
    assert finding.state == "problem"
    assert "no CUDA-capable device" in finding.text
    assert named(examine(laid(tmp_path, PC, PC_ANSWERS)), "PyCUDA").state == "note"


def test_opencv_5_is_told_to_have_no_haar(tmp_path: Path) -> None:
    answers = {**OWN, f"{PYTHON} cv2": said({"version": "5.0.0", "haar": False})}
    finding = named(examine(laid(tmp_path, BARE, answers)), "OpenCV")
    assert "no Haar" in finding.text
    assert finding.remedy.endswith("'opencv-python-headless<5'")


def test_a_camera_that_may_not_be_opened_names_the_group(tmp_path: Path) -> None:
    machine = laid(tmp_path, NANO, NANO_ANSWERS, may_use=lambda p: p.name != "video0")
    finding = named(examine(machine), "video0")
    assert finding.state == "problem"
    assert finding.remedy.startswith('sudo usermod -aG video "$USER"')


def test_gpu_nodes_that_may_not_be_opened_are_named(tmp_path: Path) -> None:
    machine = laid(tmp_path, NANO, NANO_ANSWERS, may_use=lambda p: "nvhost" not in p.name)
    finding = named(examine(machine), "GPU nodes")
    assert finding.state == "problem"
    assert "nvhost-gpu" in finding.text


@pytest.mark.parametrize(("container", "remedy"), [
    (False, "sudo systemctl restart nvargus-daemon"),
    (True, "docker run -v /tmp/argus_socket:/tmp/argus_socket ..."),
])  # fmt: skip
def test_a_csi_camera_without_the_argus_socket_is_a_problem(
    tmp_path: Path, container: bool, remedy: str
) -> None:
    files = changed(NANO, {"/.dockerenv": ""} if container else {}, ("/tmp/argus_socket",))
    finding = named(examine(laid(tmp_path, files, NANO_ANSWERS)), "Argus")
    assert (finding.state, finding.remedy) == ("problem", remedy)


def test_a_missing_argus_socket_beside_a_usb_camera_is_only_a_note(tmp_path: Path) -> None:
    files = changed(ORIN, less=("/tmp/argus_socket",))
    assert named(examine(laid(tmp_path, files, ORIN_ANSWERS)), "Argus").state == "note"


def test_missing_gstreamer_elements_are_named_with_their_package(tmp_path: Path) -> None:
    lacking = {"gst-inspect-1.0 --exists nvarguscamerasrc": Ran(code=1), **NANO_ANSWERS}
    finding = named(examine(laid(tmp_path, NANO, lacking)), "GStreamer")
    assert finding.state == "problem"
    assert "nvarguscamerasrc" in finding.text
    assert finding.remedy == "sudo apt install nvidia-l4t-gstreamer"


def test_one_gstreamer_element_that_hangs_ends_the_asking(tmp_path: Path) -> None:
    hung = {**PC_ANSWERS, "gst-inspect-1.0": Ran(fault="gst-inspect-1.0 gave no answer")}
    machine = laid(tmp_path, PC, hung)
    assert named(examine(machine), "GStreamer").state == "note"
    assert isinstance(machine.run, Programs)
    assert sum(line.startswith("gst-inspect") for line in machine.run.asked) == 1


def test_a_small_board_without_swap_is_a_problem_and_a_large_one_is_not(tmp_path: Path) -> None:
    none = {"/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n"}
    finding = named(examine(laid(tmp_path / "1", changed(NANO, none), NANO_ANSWERS)), "swap")
    assert finding.state == "problem"
    assert "mkswap" in finding.remedy
    found = examine(laid(tmp_path / "2", changed(PC, none), PC_ANSWERS))
    assert named(found, "swap").state == "ok"


def test_zram_alone_is_a_note_on_a_small_board(tmp_path: Path) -> None:
    zram = {"/proc/swaps": "Filename Type Size Used Priority\n/dev/zram0 partition 507424 0 5\n"}
    finding = named(examine(laid(tmp_path, changed(NANO, zram), NANO_ANSWERS)), "swap")
    assert finding.state == "note"


def test_little_memory_and_a_full_disk_are_problems(tmp_path: Path) -> None:
    little = {"/proc/meminfo": "MemTotal: 4059424 kB\nMemAvailable: 100000 kB\n"}
    machine = laid(tmp_path, changed(NANO, little), NANO_ANSWERS, free_bytes=100 << 20)
    found = examine(machine)
    assert named(found, "memory").text == "98 MiB available of 3.9 GiB"
    assert (named(found, "memory").state, named(found, "disk").state) == ("problem", "problem")


def test_heat_is_a_problem_from_the_trip_point_on_that_slows_the_machine(tmp_path: Path) -> None:
    hot = {"/sys/class/thermal/thermal_zone0/temp": "97500"}
    finding = named(examine(laid(tmp_path, changed(NANO, hot), NANO_ANSWERS)), "temperature")
    assert finding.state == "problem"
    assert "pwm-fan" in finding.remedy


def test_the_nanos_pmic_that_always_says_100_degrees_is_not_believed(tmp_path: Path) -> None:
    text = named(examine(laid(tmp_path, NANO, NANO_ANSWERS)), "temperature").text
    assert text == "42 C (CPU-therm, the hottest of 1)"


def test_a_cooling_device_at_work_is_throttling_and_a_fan_is_not(tmp_path: Path) -> None:
    slowed = {"/sys/class/thermal/cooling_device0/cur_state": "3"}
    finding = named(
        examine(laid(tmp_path / "1", changed(NANO, slowed), NANO_ANSWERS)), "throttling"
    )
    assert (finding.state, "cpu-balanced" in finding.text) == ("problem", True)
    assert named(examine(laid(tmp_path / "2", NANO, NANO_ANSWERS)), "throttling").state == "ok"


def test_a_card_slowed_by_heat_is_told_from_one_that_idles(tmp_path: Path) -> None:
    answers = {**PC_ANSWERS, "nvidia-smi --query-gpu=clocks": Ran(out="0x0000000000000060, 91\n")}
    text = named(examine(laid(tmp_path, PC, answers)), "throttling").text
    assert text == "GPU at 91 C slowed down: software, hot, hardware, hot"


def test_a_driver_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    failed = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"
    answers = {**PC_ANSWERS, "nvidia-smi": Ran(code=9, out=failed)}
    answers = {k: v for k, v in answers.items() if not k.startswith("nvidia-smi -")}
    finding = named(examine(laid(tmp_path, PC, answers)), "GPU")
    assert finding.state == "problem"
    assert "status 9" in finding.text


def test_jetson_clocks_is_asked_only_by_root(tmp_path: Path) -> None:
    shown = (
        "cpu0: Online=1 Governor=schedutil MinFreq=102000 MaxFreq=1479000 CurrentFreq=102000\n"
        "GPU MinFreq=76800000 MaxFreq=921600000 CurrentFreq=76800000\n"
        "EMC MinFreq=204000000 MaxFreq=1600000000 CurrentFreq=1600000000 FreqOverride=0\n"
    )
    answers = {**NANO_ANSWERS, "jetson_clocks --show": Ran(out=shown)}
    found = examine(laid(tmp_path, NANO, answers, administrator=True))
    assert named(found, "GPU clock").text == "76 MHz, floats up to 921 MHz"
    assert named(found, "EMC clock").state == "note"
    machine = laid(tmp_path, NANO, answers)
    examine(machine)
    assert isinstance(machine.run, Programs)
    assert "jetson_clocks --show" not in machine.run.asked


def test_yunet_in_the_model_folder_is_found(tmp_path: Path) -> None:
    machine = laid(tmp_path, BARE, {**OWN})
    assert named(examine(machine), "YuNet").remedy == "edgefer pull yunet"
    (machine.models / YUNET_FILE).touch()
    assert named(examine(machine), "YuNet").state == "ok"


def test_names_that_the_doctor_repeats_are_those_of_the_program() -> None:
    assert YUNET == YUNET_FILE
    assert GSTREAMER == PACKAGES


@pytest.mark.parametrize("device", DEVICES)
def test_the_page_fits_a_terminal_and_one_screen(device: str, tmp_path: Path) -> None:
    files, answers = DEVICES[device]
    machine = laid(tmp_path, files, answers, may_use=lambda _: False, free_bytes=0)
    machine = dataclasses.replace(machine, models=Path("/models"))  # pytest's own is too long
    page = examine(machine).page().splitlines()
    assert max(map(len, page)) <= 80
    assert len(page) <= 66


def test_a_command_of_several_lines_is_one_when_it_is_copied(tmp_path: Path) -> None:
    none = {"/proc/swaps": "Filename\n"}
    found = examine(laid(tmp_path, changed(NANO, none), NANO_ANSWERS))
    _, _, rest = found.page().partition("-> sudo fallocate")
    lines = rest.partition("\n  ok ")[0].splitlines()
    assert len(lines) > 1
    assert all(line.endswith(" \\") for line in lines[:-1])
    copied = "".join(lines).replace("\\", " ")
    assert " ".join(f"sudo fallocate{copied}".split()) == named(found, "swap").remedy


def test_a_jetson_is_known_in_a_container_that_hides_the_device_tree(tmp_path: Path) -> None:
    hidden = ("/proc/device-tree/model", "/proc/device-tree/compatible", "/etc/nv_tegra_release")
    files = changed(NANO, {"/.dockerenv": ""}, hidden)
    found = examine(laid(tmp_path, files, NANO_ANSWERS))
    assert named(found, "device").state == "unavailable"
    assert named(found, "L4T").state == "unavailable"
    assert named(found, "Argus").state == "ok"


@pytest.mark.parametrize("device", DEVICES)
def test_json_says_what_the_page_says_under_a_versioned_schema(device: str, tmp_path: Path) -> None:
    found = examine(laid(tmp_path, *DEVICES[device]))
    record = json.loads(found.json())
    assert record["schema"] == 1
    assert record["problems"] == found.counted("problem")
    assert [set(finding) for finding in record["findings"]] == [
        {"topic", "name", "state", "text", "remedy"}
    ] * len(found.findings)
    assert all(finding["remedy"] for finding in record["findings"] if finding["state"] == "problem")


def test_a_problem_without_a_remedy_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="without a remedy"):
        Finding("machine", "swap", "problem", "none")


def test_a_program_that_hangs_is_killed_with_its_children_and_reported(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"echo before; sleep 60 & echo $! > {child}; wait"
    began = time.monotonic()
    ran = run(("sh", "-c", script), 0.3)
    assert time.monotonic() - began < 2
    assert "gave no answer within 0.3 s" in ran.fault
    assert ran.out == "before\n"
    pid = int(child.read_text())
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return  # reaped already
    assert select.select([process], [], [], 5)[0], "its child lives on"
    os.close(process)


def test_programs_that_all_hang_take_less_than_ten_seconds_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefer.doctor.machine.TIMEOUT", 0.2)

    def hang(command: Sequence[str], timeout: float) -> Ran:  # noqa: ARG001 - the protocol's
        return run(("sleep", "60"), timeout)

    laid(tmp_path, ORIN, {})
    began = time.monotonic()
    machine = Machine(root=tmp_path, run=hang, python=PYTHON, ends=began + 0.2)
    found = examine(machine)
    assert time.monotonic() - began < 3
    assert "time for all checks was up" in found.json()


def test_a_program_that_is_not_here_is_told_apart_from_one_that_fails() -> None:
    assert run(("no-such-program-anywhere",), 1).fault == "no-such-program-anywhere is not here"
    assert run((sys.executable, "-c", "exit(4)"), 10).code == 4


def test_the_probe_answers_for_this_python(tmp_path: Path) -> None:
    laid(tmp_path, BARE, {})
    machine = Machine(root=tmp_path, models=tmp_path, ends=time.monotonic() + 60)
    found = examine(machine)
    assert named(found, "ONNX Runtime").state == "ok"
    assert "usable: CPU" in named(found, "ONNX Runtime").text
    assert named(found, "OpenCV").state == "ok"


@pytest.mark.parametrize("python", sorted(Path.home().glob(".pyenv/versions/3.*/bin/python")),
                         ids=lambda p: p.parent.parent.name)  # fmt: skip
def test_the_probe_runs_under_every_python_from_3_6_on(python: Path) -> None:
    ran = run((str(python), str(PROBE), "tensorrt"), 30)
    record = json.loads(ran.out.splitlines()[-1])
    assert record["absent"] in ("tensorrt", "tensorrt_bindings")


def test_the_probe_tells_bindings_without_libraries_from_no_bindings(tmp_path: Path) -> None:
    (tmp_path / "tensorrt.py").write_text(
        "raise ImportError('libnvinfer.so.10: cannot open shared object file: No such file')"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    out = subprocess.run(
        [sys.executable, PROBE, "tensorrt"], env=environment, check=True, capture_output=True
    ).stdout
    record = json.loads(out.splitlines()[-1])
    assert record["absent"] is None
    assert missing_library(record["error"]) == "libnvinfer.so.10"


def test_the_probes_model_is_valid() -> None:
    onnx.checker.check_model(base64.b64decode(RELU))


def test_the_doctor_works_where_numpy_and_opencv_cannot_be_loaded() -> None:
    code = (
        "import sys; sys.modules.update(numpy=None, cv2=None, onnx=None, onnxruntime=None); "
        "from edgefer.doctor.__main__ import main; sys.exit(main(['--json']))"
    )
    ran = run((sys.executable, "-c", code), 30)
    assert ran.code in (0, EXIT_PROBLEM), ran.err
    assert json.loads(ran.out)["schema"] == 1


def test_the_module_alone_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([]) in (0, EXIT_PROBLEM)
    assert capsys.readouterr().out.startswith("edgefer doctor: ")


def test_every_check_is_documented_and_named_once() -> None:
    assert all(check.__doc__ for check in CHECKS)
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)


def test_what_a_device_answers_is_all_asked_for(tmp_path: Path) -> None:
    machine = laid(tmp_path, NANO, NANO_ANSWERS)
    examine(machine)
    assert isinstance(machine.run, Programs)
    asked = machine.run.asked
    assert [a for a in NANO_ANSWERS if not any(line.startswith(a) for line in asked)] == []
