"""OCR once more on the places where ten characters stand without their check digit.

In a whole picture PP-OCRv6 overlooks about one check digit in eight that stands in a frame; in the cut-out line, with
room around it, it reads them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from deployments.container_number.cutting import cut
from deployments.container_number.found_text import FoundText, TextFinder
from deployments.container_number.framing import FramedCrop, with_margin
from deployments.container_number.iso6346 import compact
from deployments.container_number.ocr_reader import LocatedNumber, find_numbers
from deployments.container_number.reconcile import confirmed
from deployments.serving import images
from deployments.serving.media import MediaPolicy

MOST_LOOKS = 8
"""Places of one picture that are read again."""


async def complete(
    numbers: Sequence[LocatedNumber], data: bytes, finder: TextFinder, policy: MediaPolicy
) -> list[LocatedNumber]:
    """`numbers`, in their order, with the check digits that a second look finds.

    Args:
        data: the picture or document that they stand in.

    Raises:
        SensoriumError: see `TextFinder.find`.
    """
    doubtful = [number for number in numbers if number.reading.number is None][:MOST_LOOKS]
    if not doubtful:
        return list(numbers)
    crops = await asyncio.to_thread(_crops, doubtful, data, policy)
    findings = await asyncio.gather(*(finder.find(crop.data) for crop in crops))
    completed = dict(zip(map(id, doubtful), map(_completed, doubtful, [f.texts for f in findings]), strict=True))
    return [completed.get(id(number), number) for number in numbers]


def _completed(place: LocatedNumber, texts: Sequence[FoundText]) -> LocatedNumber:
    """The number that both looks support: the same ten characters, and a check digit that fits."""
    seen = compact(place.reading.text)
    for number in find_numbers(texts):
        if confirmed(number.reading) and compact(number.reading.text).startswith(seen):
            return replace(place, reading=number.reading)
    return place


def _crops(places: Sequence[LocatedNumber], data: bytes, policy: MediaPolicy) -> list[FramedCrop]:
    import numpy as np

    pages = images.decode(data, policy)
    return [with_margin(np.asarray(cut(pages[place.page], place.lines))) for place in places]
