"""KDEF (Karolinska Directed Emotional Faces): everything is in a picture's name.

AF01ANS.JPG is session A, female, person 01, angry, straight. 562 x 762 colour, with shoulders.
Source: Lundqvist, Flykt and Oehman 1998, https://www.kdef.se.
"""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from edgefer_export.data.dataset import Skipped
from edgefer_export.data.pictures import Listing, Picture, find_pictures

EXPRESSION_OF = {
    "AF": "fear",
    "AN": "angry",
    "DI": "disgust",
    "HA": "happy",
    "NE": "neutral",
    "SA": "sad",
    "SU": "surprise",
}

NAME = re.compile(
    r"(?P<session>[AB])(?P<gender>[FM])(?P<identity>0[1-9]|[12]\d|3[0-5])"
    r"(?P<expression>AF|AN|DI|HA|NE|SA|SU)(?P<angle>FL|HL|S|HR|FR)",
    re.IGNORECASE,
)
"""Persons 01 to 35 of each gender; full left, half left, straight, half right, full right."""

LOOKED_AT = 40


def person_of(name: str) -> str:
    """ "AF01ANS.JPG" -> "KDEF F01"; empty where the name is none of KDEF's."""
    found = NAME.fullmatch(Path(name).stem)
    return f"KDEF {found['gender']}{found['identity']}".upper() if found else ""


def is_kdef(folder: Path) -> bool:
    """Most of the first pictures in or below the folder are named as KDEF names them."""
    first = list(islice(find_pictures(folder), LOOKED_AT))
    return 2 * sum(bool(NAME.fullmatch(path.stem)) for path in first) > len(first)


def list_kdef(root: Path) -> Listing:
    """All pictures in or below the folder; those misnamed are reported. Raises OSError."""
    pictures, skipped = [], []
    for path in find_pictures(root):
        name = NAME.fullmatch(path.stem)
        if name is None:
            skipped.append(
                Skipped(str(path.relative_to(root)), "whose name is no KDEF name (AF01ANS.JPG)")
            )
            continue
        expression = EXPRESSION_OF[name["expression"].upper()]
        pictures.append(Picture(path, expression, person=person_of(path.name)))
    return Listing("KDEF", root, tuple(pictures), tuple(skipped))
