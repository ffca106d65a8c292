"""What a Florence-2 is asked, in training and in service alike."""

from __future__ import annotations

DEFAULT_PROMPT = "<OCR>"
"""Florence-2's own task token for plain text: the processor writes out the question behind it. A task token must stand
alone in the prompt."""
