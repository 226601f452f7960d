"""The model folder and what is in it."""

from __future__ import annotations

from edgefer.config import PACKAGED_MODELS
from edgefer.doctor.finding import Finding, Topic, listed
from edgefer.doctor.machine import Machine

topic = Topic("models")

YUNET = "yunet.onnx"
"""detectors/ names the same, but imports numpy; a test holds the two together."""


def folder(machine: Machine) -> list[Finding]:
    """What lies in the model folder, beside the models that came with edgefer."""
    packaged = sorted(p.name for p in PACKAGED_MODELS.glob("*.onnx"))
    own = f"{listed(packaged)} came with edgefer"
    try:
        names = sorted(
            p.name for p in machine.models.iterdir() if p.suffix in (".onnx", ".plan", ".engine")
        )
    except FileNotFoundError:
        return [topic.note("folder", f"no {machine.models} yet; {own}")]
    except OSError as exc:
        return [
            topic.problem(
                "folder",
                f"{machine.models}: {exc.strerror}",
                f'sudo chown -R "$USER" {machine.models}',
            )
        ]
    shown = listed(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return [topic.ok("folder", f"{machine.models}: {shown}; {own}")]


def yunet(machine: Machine) -> list[Finding]:
    """Without it, faces are found by Haar: frontal ones only, without landmarks."""
    if (machine.models / YUNET).is_file():
        return [topic.ok("YuNet", "in the model folder")]
    return [topic.note("YuNet", "not here: Haar finds frontal faces only", "edgefer pull yunet")]
