from __future__ import annotations

import pytest

from deployments.container_number.size_types import size_type
from deployments.serving.errors import InvalidInput


def test_forty_foot_high_cube() -> None:
    code = size_type("45g1")
    assert (code.code, code.length_mm, code.length, code.height) == ("45G1", 12192, "40 ft", "9 ft 6 in")
    assert code.width.startswith("8 ft")
    assert code.type_group == "general purpose container"


@pytest.mark.parametrize(
    ("code", "length", "group"),
    [
        ("22G1", "20 ft", "general purpose container"),
        ("45R1", "40 ft", "refrigerated container"),
        ("22T6", "20 ft", "tank container"),
        ("L5G1", "45 ft", "general purpose container"),
        ("42U1", "40 ft", "open-top container"),
    ],
)
def test_common_codes(code: str, length: str, group: str) -> None:
    known = size_type(code)
    assert (known.length, known.type_group) == (length, group)


@pytest.mark.parametrize("code", ["", "22G", "92G1", "27G1", "22Q1", "22G1X", "22G*"])
def test_unknown_codes_are_refused(code: str) -> None:
    with pytest.raises(InvalidInput, match="size/type"):
        size_type(code)
