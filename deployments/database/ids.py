"""Ids of rows."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime


def time_ordered_id(now: datetime, position: int = 0) -> str:
    """UUID version 7 (RFC 9562, section 5.7): ids sort by time, and then by `position` among those made together.

    48 bits of milliseconds, 12 bits of position (`rand_a`, section 6.2 method 1), 62 random bits.
    """
    milliseconds = int(now.timestamp() * 1000)
    number = milliseconds << 80 | 0x7 << 76 | min(position, 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=number))


def known_id(text: str) -> str | None:
    """`text` as the database writes a UUID; None where it is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None
