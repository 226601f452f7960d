"""CK+ (Extended Cohn-Kanade): sequences from neutral to the peak, most without a label.

    cohn-kanade-images/S005/001/S005_001_00000001.png ... 00000011.png
    Emotion/S005/001/S005_001_00000011_emotion.txt          "   3.0000000e+00"

Source: Lucey et al. 2010, https://doi.org/10.1109/CVPRW.2010.5543262.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgefer_export.data.dataset import Skipped
from edgefer_export.data.pictures import Listing, Picture, find_pictures

CODES = ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")
"""What the numbers 0 to 7 in the label files mean."""

PICTURES, LABELS = "cohn-kanade-images", "Emotion"

FRAME = re.compile(r"(S\d{3})_\d{3}_\d{8}", re.IGNORECASE)


def person_of(name: str) -> str:
    """ "S005_001_00000011.png" -> "CK+ S005"; empty where the name is no frame of CK+."""
    found = FRAME.match(name)
    return f"CK+ {found[1].upper()}" if found else ""


def ckplus_parts(folder: Path) -> tuple[Path, Path] | None:
    """Its folders of pictures and of labels, where both are there: directly, or one folder
    down as in its archives."""
    frames, labels = _part(folder, PICTURES), _part(folder, LABELS)
    return (frames, labels) if frames and labels else None


def list_ckplus(root: Path, frames: Path, labels: Path, peaks: int) -> Listing:
    """The last frames of each labelled sequence; the others are reported. Raises OSError."""
    pictures: list[Picture] = []
    peaks_alone: list[Picture] = []
    skipped: list[Skipped] = []
    for sequence in sorted(path for path in frames.glob("*/*") if path.is_dir()):
        name = sequence.relative_to(frames)
        found = sorted((labels / name).glob("*_emotion.txt"))
        last = list(find_pictures(sequence))[-peaks:]
        if not found:
            skipped.append(Skipped(str(name), "sequences without a label"))
        elif not last:
            skipped.append(Skipped(str(name), "sequences without pictures"))
        elif (code := _code(found[0])) is None:
            skipped.append(Skipped(str(name), "sequences whose label is no number from 0 to 7"))
        else:
            person = person_of(last[-1].name) or f"CK+ {sequence.parent.name}"
            pictures.extend(Picture(path, CODES[code], person=person) for path in last)
            peaks_alone.append(pictures[-1])
    return Listing("CK+", root, tuple(pictures), tuple(skipped), tuple(peaks_alone))


def _part(root: Path, name: str) -> Path | None:
    places = (root / name, *sorted(root.glob(f"*/{name}")))
    return next((place for place in places if place.is_dir()), None)


def _code(path: Path) -> int | None:
    try:
        value = float(path.read_text(encoding="ascii"))
    except ValueError:  # UnicodeDecodeError is one too
        return None
    return int(value) if value in range(len(CODES)) else None
