"""Cursors of lists that are sorted by time and id: where the next page begins, whatever came in meanwhile."""

from __future__ import annotations

import base64
import binascii
import uuid
from datetime import datetime

from deployments.serving.errors import InvalidInput


def cursor_after(created_at: datetime, last_id: str) -> str:
    """The cursor of the page that follows this row."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {last_id}".encode()).decode().rstrip("=")


def parse_cursor(cursor: str) -> tuple[datetime, str]:
    """
    Raises:
        InvalidInput: no cursor of ours.
    """
    try:
        moment, _, last_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        created_at = datetime.fromisoformat(moment)
        if created_at.tzinfo is not None:
            return created_at, str(uuid.UUID(last_id))
    except (binascii.Error, ValueError):
        pass
    raise InvalidInput("`cursor` is not one that a list gave; begin without one", field="cursor")
