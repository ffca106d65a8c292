"""What was read, as the JSON that clients get."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from deployments.container_number.adapter_folder import AdapterFolder
from deployments.container_number.adapters import BASE, AdapterInfo
from deployments.container_number.number_reader import PictureNumbers, ReadNumber
from deployments.container_number.size_types import size_type
from deployments.serving.engine import ModelCard
from deployments.serving.errors import SensoriumError

Json = dict[str, Any]


def image_reply(name: str, outcome: PictureNumbers | SensoriumError, duration_ms: float) -> Json:
    """One image: its numbers, or why it could not be read."""
    failed = outcome if isinstance(outcome, SensoriumError) else None
    found = outcome if isinstance(outcome, PictureNumbers) else PictureNumbers((), ())
    return {
        "name": name,
        "status": "failed" if failed else "success",
        "error": failed.message if failed else None,
        "error_code": failed.code if failed else None,
        "numbers": [number_reply(number) for number in found.numbers],
        "pages": [{"width": width, "height": height} for width, height in found.pages],
        "duration_ms": round(duration_ms, 3),
    }


def number_reply(found: ReadNumber) -> Json:
    reading = found.reading
    number = reading.number
    return {
        "number": number.number if number else None,
        "owner": number.owner_code if number else None,
        "category": number.category if number else None,
        "serial": number.serial_number if number else None,
        "check_digit": number.check_digit if number else None,
        "size_type": found.size_type,
        "size_type_description": _in_words(found.size_type),
        "valid": reading.valid,
        "confidence": round(reading.confidence, 4),
        "needs_review": reading.needs_review,
        "review_reasons": list(reading.review_reasons),
        "alternatives": list(reading.alternatives),
        "corrections": [
            {"position": c.position, "read": c.read, "corrected": c.corrected, "reason": c.reason}
            for c in reading.changes
        ],
        "text": reading.text,
        "box": [[round(x, 1), round(y, 1)] for x, y in found.box],
        "page": found.page,
        "reader": found.reader,
        "model": found.model,
        "adapter": found.adapter,
    }


def read_reply(
    images: Sequence[Any], succeeded: int, failed: int, *, reader: str, adapter: str, request_id: str
) -> Json:
    """All images in order, and the counts."""
    return {
        "results": list(images),
        "total_processed": succeeded + failed,
        "total_success": succeeded,
        "total_failed": failed,
        "reader": reader,
        "adapter": adapter,
        "request_id": request_id,
    }


def adapters_reply(folder: AdapterFolder, card: ModelCard) -> Json:
    """`base` and every adapter beside it."""
    base = {"name": BASE, "fits": True, "base": card.model, "made": None, "metrics": None}
    return {
        "model": card.model,
        "adapters": [base, *(_adapter(info, folder.fits(info)) for info in folder.adapters().values())],
        "folder": str(folder.root),
    }


def _adapter(info: AdapterInfo, fits: bool) -> Json:
    metrics = info.manifest.get("metrics")
    return {
        "name": info.name,
        "fits": fits,
        "base": info.manifest.get("base", {}).get("source"),
        "made": datetime.fromtimestamp(info.version / 1e9, UTC).isoformat(timespec="seconds"),
        "metrics": metrics if isinstance(metrics, dict) else None,
    }


def _in_words(code: str | None) -> str | None:
    if code is None:
        return None
    meaning = size_type(code)
    return f"{meaning.length} long, {meaning.height} high, {meaning.type_group}"
