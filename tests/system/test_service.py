"""The daemon under a real systemd: started, killed, stopped, starved, reloaded."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from edgefer.timing import clock
from tests.brokers import until
from tests.conftest import REPOSITORY
from tests.plans import make_plan
from tests.sources.test_rtsp import PACKAGES, SERVER
from tests.system.conftest import Daemon
from tests.system.machine import Machine

# The first test may have to make the machine.
pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

CAMERA = "test://?live=1&fps=30&width=320&height=240"
PERSON = "demo://?fps=10&seed=3&start=40"
"""Somebody is always in sight: frames are classified."""
SHORT = "WatchdogSec=3"
"""In the unit it is 30 s: long enough for a Nano."""
IMPATIENT = "[http]\nport = 0\n[daemon]\npatience = 1.0"


def test_the_service_is_up_after_boot_and_waits_for_its_camera(machine: Machine) -> None:
    assert machine.run("systemctl", "is-system-running") == "running"
    assert machine.show("edgefer", "ActiveState") == "active"
    until(lambda: "/dev/video0 does not exist" in machine.show("edgefer", "StatusText"), 30)
    assert "/dev/video0 does not exist" in machine.journal("edgefer")
    assert machine.show("edgefer", "NRestarts") == "0"


def test_systemd_complains_of_no_line_of_the_units(machine: Machine, daemon: Daemon) -> None:
    daemon.configure(CAMERA)
    daemon.start()
    told = machine.run("journalctl", "--no-pager", "--output=cat", "_PID=1")
    assert "Started edgefer@" in told
    complaint = re.compile(r"/edgefer@?\.service:\d+:|unknown|ignoring|failed to", re.IGNORECASE)
    assert [line for line in told.splitlines() if complaint.search(line)] == []


def test_udev_finds_nothing_wrong_with_the_rules(machine: Machine) -> None:
    told = machine.run("udevadm", "test", "--action=add", "/sys/class/net/lo")
    assert "Reading rules file: /etc/udev/rules.d/60-edgefer.rules" in told
    assert "60-edgefer.rules:" not in told


def test_it_becomes_ready_and_its_status_shows_the_rates(daemon: Daemon) -> None:
    daemon.configure(PERSON)
    daemon.start()
    assert daemon.state == "active"
    status = r"camera: total [\d.]+, classification [\d.]+, detection [\d.]+ FPS"
    until(lambda: bool(re.fullmatch(status, daemon.machine.show(daemon.unit, "StatusText"))), 30)
    until(lambda: daemon.count() > 10)


def test_a_killed_daemon_is_back_within_five_seconds_of_the_pause(daemon: Daemon) -> None:
    daemon.configure(CAMERA)
    daemon.start()
    until(lambda: daemon.count() > 5)
    before, killed = daemon.processes(), clock()
    assert len(before) >= 2, "the daemon, and the child that has the camera"
    daemon.signal("KILL")
    until(lambda: daemon.restarts == 1 and daemon.state == "active")
    assert clock() - killed < 2 + 5
    assert not before & daemon.processes(), "something of the dead daemon still runs"
    already = daemon.count()
    until(lambda: daemon.count() > already + 5)
    assert "code=killed, status=9/KILL" in daemon.journal


def test_a_daemon_that_stands_still_is_ended_by_the_watchdog_and_comes_back(
    daemon: Daemon,
) -> None:
    daemon.configure(CAMERA, IMPATIENT)
    daemon.override(SHORT)
    daemon.start()
    daemon.signal("STOP")
    until(lambda: daemon.restarts == 1 and daemon.state == "active", 30)
    assert "Watchdog timeout (limit 3s)" in daemon.journal


def test_a_stage_that_hangs_is_ended_by_the_watchdog_with_the_reason(
    daemon: Daemon, tmp_path: Path
) -> None:
    """The engine is TensorRT's double: at a frame's classification it never answers, and its
    process goes on giving signs of life."""
    machine, plan = daemon.machine, tmp_path / "double.plan"
    make_plan(plan)
    for file in tmp_path.glob("double.plan*"):
        machine.put(f"/opt/plans/{file.name}", file.read_bytes())
    for file in (REPOSITORY / "tests/tensorrt_double").rglob("*.py"):
        machine.put(f"/opt/{file.relative_to(REPOSITORY)}", file.read_bytes())
    path = "/opt/tests/tensorrt_double/path:/usr/lib/edgefer"
    daemon.override(
        SHORT,
        f"Environment=PYTHONPATH={path}",
        "Environment=EDGEFER_TRT_DOUBLE=10.3.0.26 EDGEFER_TRT_DOUBLE_CC=8.7",
        "Environment=EDGEFER_TRT_DOUBLE_FAULT=hang@20",
        f"Environment=EDGEFER_TRT_DOUBLE_ONCE=/var/lib/edgefer/{daemon.name}/hung",
    )
    engine = '[engine]\nmodel = "/opt/plans/double.plan"\npython = "/usr/bin/python3"\n'
    daemon.configure(PERSON, f"{engine}timeout = 3600.0\n{IMPATIENT}")
    daemon.start()
    until(lambda: daemon.restarts == 1 and daemon.state == "active", 60)
    journal = daemon.journal
    assert "stuck: engine: no progress" in journal
    assert "Watchdog timeout (limit 3s)" in journal
    assert "Fatal Python error: Aborted" in journal
    assert 'host.py", line' in journal, "the stack of the thread that hung"
    already = daemon.count()
    until(lambda: daemon.count() > already + 5)


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        pytest.param("[source]\nurll = 'demo://'", 2, "Did you mean 'url'?", id="typo"),
        pytest.param("[engine]\nmodel = 'nothing.onnx'", 5, "nothing.onnx", id="model"),
    ],
)
def test_what_a_new_start_would_meet_again_stays_down(
    text: str, status: int, told: str, daemon: Daemon
) -> None:
    daemon.write(f"{text}\n[http]\nport = 0\n")
    daemon.machine.run("systemctl", "start", daemon.unit, check=False)
    until(lambda: daemon.state == "failed")  # not "activating", as between two starts
    assert daemon.machine.show(daemon.unit, "ExecMainStatus") == str(status)
    assert daemon.restarts == 0
    assert told in daemon.journal


def test_a_reload_keeps_frames_flowing_and_a_bad_file_is_refused(daemon: Daemon) -> None:
    machine = daemon.machine
    daemon.configure(CAMERA)
    daemon.start()
    until(lambda: daemon.count() > 5)
    process = daemon.main_pid

    daemon.configure("test://?live=1&fps=30&width=640&height=480")
    machine.run("systemctl", "reload", daemon.unit)
    until(lambda: daemon.readings()[-1]["size"] == [640, 480])
    until(lambda: daemon.state == "active")

    daemon.write("[sauce]\nurl = 'demo://'\n")
    machine.run("systemctl", "reload", daemon.unit)
    until(lambda: "reload refused" in machine.show(daemon.unit, "StatusText"))
    assert daemon.state == "active"
    assert "Did you mean 'source'?" in daemon.journal
    before = daemon.readings()[-1]["sequence"]
    until(lambda: daemon.readings()[-1]["sequence"] > before + 10)
    sequences = [line["sequence"] for line in daemon.readings() if line["size"] == [640, 480]]
    assert sequences == sorted(sequences), "the camera was opened again"
    assert daemon.main_pid == process


def test_stopping_takes_less_than_three_seconds_while_the_camera_blocks(daemon: Daemon) -> None:
    machine = daemon.machine
    daemon.configure("test://?live=1&block_at=50&fps=30", timeout=60)
    daemon.start()
    until(lambda: daemon.count() > 0 and daemon.readings()[-1]["sequence"] >= 49)
    machine.run("systemctl", "stop", daemon.unit)
    began, ended = (machine.when(daemon.unit, word) for word in ("Stopping ", "Stopped "))
    assert 0 < ended - began < 3
    assert "Deactivated successfully" in daemon.journal
    assert "stopping: SIGTERM" in daemon.journal
    assert "SIGKILL" not in daemon.journal


def test_a_camera_that_appears_after_boot_is_found(daemon: Daemon) -> None:
    machine = daemon.machine
    daemon.configure("rtsp://127.0.0.1:8554/cam")
    daemon.start()
    reason = "no connection to 127.0.0.1 port 8554"
    until(lambda: reason in machine.show(daemon.unit, "StatusText"), 30)
    assert reason in daemon.journal
    assert daemon.count() == 0
    # This machine's GStreamer, in the other's network.
    command = ["nsenter", f"--target={machine.leader}", "--net", "/usr/bin/python3", "-c",
               SERVER.replace('set_service("0")', 'set_service("8554")')]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            if not server.stdout.readline():
                pytest.skip(f"sudo apt install {PACKAGES}")
            until(lambda: daemon.count() > 10, 60)
        finally:
            server.kill()
    assert "live, 320x240" in daemon.journal
    assert daemon.restarts == 0


def test_a_token_comes_as_a_credential_and_guards_the_page(daemon: Daemon) -> None:
    machine = daemon.machine
    machine.put("/etc/edgefer/secrets/token", "open-sesame\n", 0o600)
    daemon.override("LoadCredential=http-token:/etc/edgefer/secrets/token")
    daemon.configure(CAMERA, '[http]\nhost = "0.0.0.0"\nport = 8399\ntoken = "http-token"')
    daemon.start()
    ask = """
import sys, urllib.request, urllib.error
headers = {"Authorization": "Bearer " + sys.argv[1]} if sys.argv[1:] else {}
try:
    print(urllib.request.urlopen(urllib.request.Request(
        "http://127.0.0.1:8399/metrics", headers=headers)).status)
except urllib.error.HTTPError as exc:
    print(exc.code)
"""
    machine.put("/opt/ask.py", ask)
    assert machine.run("python3", "/opt/ask.py") == "401"
    assert machine.run("python3", "/opt/ask.py", "open-sesame") == "200"
    assert "sesame" not in daemon.journal


PROBE = """
import ctypes, json, mmap, os, pathlib, resource, socket, threading, time

def attempt(work):
    try:
        return work() or "done"
    except OSError as exc:
        return exc.strerror

def write(folder):
    path = pathlib.Path(folder, "probe")
    path.write_text("x")
    path.unlink()

def connect():
    deadline = time.monotonic() + 30
    while not os.path.exists("/tmp/argus_socket") and time.monotonic() < deadline:
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/tmp/argus_socket")

libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

print(json.dumps({
    "argus": attempt(connect),
    "writes": {folder: attempt(lambda: write(folder)) for folder in (
        "/etc", "/etc/edgefer", "/tmp", "/usr/lib/edgefer", "/var/lib", "/home",
        os.environ["TMPDIR"], os.environ["EDGEFER_MODELS"], os.getcwd())},
    "reads": {path: attempt(lambda: pathlib.Path(path).read_text() and None) for path in (
        "/proc/cpuinfo", "/proc/meminfo", "/proc/devices", "/proc/1/comm", "/proc/kmsg")},
    "thermal": attempt(lambda: os.listdir("/sys/class") and None),
    "device": attempt(lambda: os.close(os.open("/dev/probe", os.O_RDWR))),
    "mount": attempt(lambda: call("mount", b"none", b"/mnt", b"tmpfs", 0, None)),
    "unshare": attempt(lambda: call("unshare", 0x10000000)),
    "packet": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
    "jit": attempt(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC).close()),
    "pinning": attempt(lambda: os.sched_setaffinity(0, os.sched_getaffinity(0))),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "groups": sorted(os.getgroups()),
}))
"""


def test_the_sandbox_gives_what_the_daemon_needs_and_nothing_else(daemon: Daemon) -> None:
    machine = daemon.machine
    machine.put("/opt/probe.py", PROBE)
    device = Path(f"/proc/{machine.leader}/root/dev/probe")
    os.mknod(device, 0o20666, os.makedev(10, 229))  # /dev/fuse: open to all, outside
    device.chmod(0o666)
    daemon.configure(CAMERA)
    daemon.override("Type=exec", "ExecStart=", "ExecStart=/usr/bin/python3 -I /opt/probe.py")
    # Made once the service runs: nvargus-daemon, too, may be started again at any time.
    daemon.start()
    with socket.socket(socket.AF_UNIX) as argus:
        place = Path(f"/proc/{machine.leader}/root/tmp/argus_socket")
        argus.bind(str(place))
        place.chmod(0o666)
        argus.listen()
        until(lambda: daemon.state != "active", 60)
    line = next(line for line in daemon.journal.splitlines() if line.startswith("{"))
    found = json.loads(line)

    closed, allowed, read_only = "Operation not permitted", "done", "Read-only file system"
    group_ids = {name: int(number) for name, _, number, _ in
                 (line.split(":") for line in machine.lines("/etc/group"))}  # fmt: skip
    assert found == {
        "argus": allowed,
        "writes": {
            "/etc": read_only,
            "/etc/edgefer": read_only,
            "/tmp": read_only,
            "/usr/lib/edgefer": read_only,
            "/var/lib": read_only,
            "/home": "Permission denied",
            f"/run/edgefer-{daemon.name}": allowed,
            "/var/lib/edgefer/models": allowed,
            f"/var/lib/edgefer/{daemon.name}": allowed,
        },
        "reads": {
            "/proc/cpuinfo": allowed,
            "/proc/meminfo": allowed,
            "/proc/devices": allowed,
            "/proc/1/comm": "No such file or directory",
            "/proc/kmsg": "Permission denied",
        },
        "thermal": allowed,
        "device": closed,
        "mount": closed,
        "unshare": closed,
        "packet": "Address family not supported by protocol",
        "jit": allowed,
        "pinning": allowed,
        "core": [1, 1],
        "groups": sorted(group_ids[name] for name in ("edgefer", "video", "render")),
    }
