"""Size/type codes after ISO 6346 (annexes on size and type codes, 1995 with amendments): `22G1`, `45R1`, `L5G1`.

First character: length. Second: height and width. Third: type group; fourth: the type within its group.
"""

from __future__ import annotations

from deployments.container_number.iso6346 import compact
from deployments.container_number.types import SizeType
from deployments.serving.errors import InvalidInput

_LENGTHS: dict[str, tuple[int, str]] = {
    "1": (2991, "10 ft"),
    "2": (6058, "20 ft"),
    "3": (9125, "30 ft"),
    "4": (12192, "40 ft"),
    "A": (7150, "7.15 m"),
    "B": (7315, "24 ft"),
    "C": (7430, "7.43 m"),
    "D": (7450, "7.45 m"),
    "E": (7820, "7.82 m"),
    "F": (8100, "8.10 m"),
    "G": (12500, "41 ft"),
    "H": (13106, "43 ft"),
    "K": (13600, "13.60 m"),
    "L": (13716, "45 ft"),
    "M": (14630, "48 ft"),
    "N": (14935, "49 ft"),
    "P": (16154, "53 ft"),
}
_STANDARD_WIDTH, _WIDE, _WIDER = "8 ft (2438 mm)", "over 2438 mm, at most 2500 mm", "over 2500 mm"
_HEIGHTS_AND_WIDTHS: dict[str, tuple[str, str]] = {
    "0": ("8 ft", _STANDARD_WIDTH),
    "2": ("8 ft 6 in", _STANDARD_WIDTH),
    "4": ("9 ft", _STANDARD_WIDTH),
    "5": ("9 ft 6 in", _STANDARD_WIDTH),
    "6": ("over 9 ft 6 in", _STANDARD_WIDTH),
    "8": ("4 ft 3 in", _STANDARD_WIDTH),
    "9": ("at most 4 ft", _STANDARD_WIDTH),
    "C": ("8 ft 6 in", _WIDE),
    "D": ("9 ft", _WIDE),
    "E": ("9 ft 6 in", _WIDE),
    "F": ("over 9 ft 6 in", _WIDE),
    "L": ("8 ft 6 in", _WIDER),
    "M": ("9 ft", _WIDER),
    "N": ("9 ft 6 in", _WIDER),
    "P": ("over 9 ft 6 in", _WIDER),
}
_TYPE_GROUPS: dict[str, str] = {
    "A": "air/surface container",
    "B": "dry bulk container",
    "G": "general purpose container",
    "H": "thermal container, equipment removable",
    "P": "platform container",
    "R": "refrigerated container",
    "S": "named-cargo container",
    "T": "tank container",
    "U": "open-top container",
    "V": "general purpose container with ventilation",
}


def size_type(code: str) -> SizeType:
    """A size/type code (`22G1`, `45R1`, `L5G1`) in words.

    Raises:
        InvalidInput: not four characters of a length, a height and width, and a type that the standard knows.
    """
    cleaned = compact(code)
    length = _LENGTHS.get(cleaned[:1])
    height_width = _HEIGHTS_AND_WIDTHS.get(cleaned[1:2])
    group = _TYPE_GROUPS.get(cleaned[2:3])
    if len(cleaned) != 4 or not length or not height_width or not group or not cleaned[3].isalnum():
        raise InvalidInput(
            f"{code!r} is not an ISO 6346 size/type code: give length, height and width, and two characters "
            "of type, e.g. 22G1 or 45R1.",
            value=code,
        )
    return SizeType(cleaned, length[0], length[1], height_width[0], height_width[1], group)
