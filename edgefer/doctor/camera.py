"""Cameras and what reaches them: nodes, permissions, GStreamer, Argus."""

from __future__ import annotations

import re

from edgefer.doctor.finding import Finding, Topic, listed
from edgefer.doctor.machine import Machine

topic = Topic("devices")

GSTREAMER = "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
"""Debian's packages: sources/gstreamer.py names the same, and a test holds the two together."""

ELEMENTS = ("videoconvert", "videoscale", "fdsink", "v4l2src")
"""What csi:// and gst: sources are made of, on any machine."""

JETSON_ELEMENTS = ("nvarguscamerasrc", "nvvidconv")
"""What a csi:// source adds, on a Jetson."""

VIDEO_GROUP = 'sudo usermod -aG video "$USER"   # then log in again'
SOCKET = "/tmp/argus_socket"


def nodes(machine: Machine) -> list[Finding]:
    """Every /dev/video*, its name, and whether this user may open it."""
    cameras = machine.glob("/dev/video[0-9]*")
    if not cameras:
        return [topic.note("cameras", "no /dev/video*: files, rtsp:// and demo:// only")]
    findings = []
    for node in cameras:
        known = machine.read(f"/sys/class/video4linux/{node.name}/name") or "name unavailable"
        if machine.may_use(node):
            findings.append(topic.ok(node.name, known))
        else:
            remedy = (
                "docker run --device ... --group-add video" if machine.container else VIDEO_GROUP
            )
            findings.append(topic.problem(node.name, f"{known}; this user may not open it", remedy))
    return findings


def gstreamer(machine: Machine) -> list[Finding]:
    """gst-launch-1.0's elements; only csi:// and gst: sources need them."""
    wanted = ELEMENTS + (JETSON_ELEMENTS if machine.jetson else ())
    missing = []
    for element in wanted:
        ran = machine.ask("gst-inspect-1.0", "--exists", element)
        if "is not here" in ran.fault:
            return [
                topic.note(
                    "GStreamer",
                    "not installed; csi:// and gst: sources need it",
                    f"sudo apt install {GSTREAMER}",
                )
            ]
        if ran.fault:
            return [
                topic.note(
                    "GStreamer",
                    ran.fault,
                    f"rm -rf ~/.cache/gstreamer-1.0 && gst-inspect-1.0 {element}",
                )
            ]
        if ran.code != 0:
            missing.append(element)
    if not missing:
        return [topic.ok("GStreamer", f"{len(wanted)} elements: {', '.join(wanted)}")]
    nvidia = set(missing) & set(JETSON_ELEMENTS)
    package = "nvidia-l4t-gstreamer" if nvidia else GSTREAMER
    remedy = f"sudo apt install {package}"
    if nvidia and machine.container:
        remedy = "docker run --runtime nvidia ...   # it brings the host's elements along"
    text = f"lacks {listed(missing)}"
    if nvidia and _sensor(machine):
        return [topic.problem("GStreamer", f"{text}: the CSI camera is out of reach", remedy)]
    return [topic.note("GStreamer", text, remedy)]


def argus(machine: Machine) -> list[Finding]:
    """The socket of nvargus-daemon, through which CSI cameras are reached on a Jetson."""
    if not machine.jetson:
        return []
    if machine.there(SOCKET):
        if machine.may_use(machine.at(SOCKET)):
            return [topic.ok("Argus", SOCKET)]
        return [topic.problem("Argus", f"{SOCKET} may not be used by this user", VIDEO_GROUP)]
    if machine.container:
        remedy = f"docker run -v {SOCKET}:{SOCKET} ..."
    else:
        remedy = "sudo systemctl restart nvargus-daemon"
    text = f"no {SOCKET}: csi:// will not work"
    if _sensor(machine):
        return [topic.problem("Argus", text, remedy)]
    return [topic.note("Argus", text, remedy)]


def gpu_nodes(machine: Machine) -> list[Finding]:
    """Whether this user may use the GPU's nodes on a Jetson, /dev/nvhost* and /dev/nvmap."""
    if not machine.jetson:
        return []
    found = [*machine.glob("/dev/nvhost*"), *machine.glob("/dev/nvmap")]
    if not found:
        if machine.container:
            return [
                topic.problem(
                    "GPU nodes",
                    "no /dev/nvhost*, no /dev/nvmap: no GPU in here",
                    "docker run --runtime nvidia ...",
                )
            ]
        return [topic.unavailable("GPU nodes", "no /dev/nvhost*, no /dev/nvmap")]
    closed = [node.name for node in found if not machine.may_use(node)]
    # Root's own debugging nodes are closed to everybody else on every board.
    closed = [name for name in closed if not re.search(r"dbg|prof|sched", name)]
    if closed:
        rest = f" and {len(closed) - 3} more" if len(closed) > 3 else ""
        text = f"this user may not open {', '.join(closed[:3])}{rest}"
        return [topic.problem("GPU nodes", text, VIDEO_GROUP)]
    return [topic.ok("GPU nodes", f"{len(found)} of /dev/nvhost* and /dev/nvmap may be opened")]


def _sensor(machine: Machine) -> bool:
    """A ribbon camera is there: L4T shows its raw side as a video node named "vi-output, ..."."""
    return any(
        (machine.read(p) or "").startswith("vi-output")
        for p in machine.glob("/sys/class/video4linux/video*/name")
    )
