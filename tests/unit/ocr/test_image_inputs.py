"""Base64 of any length and layout is decoded as the standard library would, or refused."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable

import pytest

from deployments.ocr.image_inputs import base64_image
from deployments.serving.errors import InvalidInput
from deployments.serving.media import InlineMedia

LIMIT = 64 * 2**20


async def decode(text: str) -> bytes:
    media = await base64_image(text, LIMIT).load()
    assert isinstance(media, InlineMedia)
    return media.data


# 196,608 bytes are exactly one piece of 262,144 characters.
@pytest.mark.parametrize("length", [1, 2, 3, 4, 196_607, 196_608, 196_609, 196_610, 600_001])
async def test_every_length_comes_back(length: int) -> None:
    data = os.urandom(length)
    text = base64.b64encode(data).decode()
    assert await decode(text) == data
    assert await decode(text.rstrip("=")) == data
    assert await decode(base64.encodebytes(data).decode()) == data  # lines of 76 characters
    assert await decode("data:image/png;base64," + text) == data


SPOILED: dict[str, Callable[[str], str]] = {
    "more after the padding": lambda text: text.rstrip("=") + "=QQ=",
    "a strange character": lambda text: text[:-3] + "*" + text[-2:],
    "padding first": lambda text: "=" + text,
    "not ASCII": lambda text: text + "é",
    "the alphabet for URLs": lambda text: text[:3] + "-_" + text[5:],
}


@pytest.mark.parametrize("length", [5, 196_608, 600_001])
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
async def test_what_is_not_base64_is_refused(length: int, spoil: Callable[[str], str]) -> None:
    text = base64.b64encode(b"\0" * length).decode()
    with pytest.raises(InvalidInput, match="not valid base64"):
        await decode(spoil(text))


async def test_a_single_character_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not valid base64"):
        await decode("A")
