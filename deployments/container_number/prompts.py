"""What a Florence-2 is asked and how its answer is decoded: the same in training, evaluation and service."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
"""Beside a model's or an adapter's weights: how they were made, and under `reading` the settings below."""
DEFAULT_PROMPT = "<OCR>"
"""Florence-2's own task token for plain text: the processor writes out the question behind it. A task token must stand
alone in the prompt."""


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """How crops go in and text comes out."""

    prompt: str = DEFAULT_PROMPT
    turn_tall_crops: bool = False
    """Lay a vertical number's crop on its side: for models with a wide, flat input."""
    max_new_tokens: int = 16
    """Eleven characters are at most eleven tokens, and `<s>`, `</s>`."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_manifest(folder: Path) -> dict[str, Any]:
    """`manifest.json` of a model or adapter folder; empty where there is none (a plain hub checkpoint)."""
    file = folder / MANIFEST
    if not file.is_file():
        return {}
    content = json.loads(file.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def reading_settings(folder: Path, default: ReadingSettings | None = None) -> ReadingSettings:
    """The settings a model or adapter was made with.

    Args:
        default: for what its manifest does not say: an adapter's base's settings. Else those that suit a plain hub
            checkpoint.
    """
    written = read_manifest(folder).get("reading", {})
    known = {name: written[name] for name in ReadingSettings.__dataclass_fields__ if name in written}
    return replace(default or ReadingSettings(), **known)
