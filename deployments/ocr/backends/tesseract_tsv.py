"""Tesseract's output in TSV and as text, one after the other -> lines of text.

The TSV has boxes and confidences, but splits words wherever the language model did, in Korean within most of them; the
text has the spaces right. So a line's text is taken from the latter.

Columns: level, page, block, paragraph, line, word, left, top, width, height, conf (0..100, -1 for none), text; level 5
is a word. Source: `TessBaseAPI::GetTSVText` in Tesseract 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from deployments.ocr.types import TextBox

_WORD = "5"


@dataclass(frozen=True, slots=True)
class _Word:
    line: tuple[str, ...]
    """Page, block, paragraph and line number."""
    left: float
    top: float
    right: float
    bottom: float
    confidence: float
    text: str


def lines(output: str) -> list[TextBox]:
    """One box per line; confidence is the mean over the characters."""
    rows = [row.split("\t") for row in output.splitlines()]
    texts = iter([row[0].strip() for row in rows if len(row) == 1 and row[0].strip()])
    words = [word for word in map(_word, rows) if word]
    return [_box(list(group), next(texts, "")) for _, group in groupby(words, key=lambda word: word.line)]


def _word(cells: list[str]) -> _Word | None:
    if len(cells) != 12 or cells[0] != _WORD or not cells[11].strip():
        return None
    left, top, width, height, confidence = map(float, cells[6:11])
    certain = min(1.0, max(0.0, confidence / 100))
    return _Word(tuple(cells[1:5]), left, top, left + width, top + height, certain, cells[11].strip())


def _box(words: list[_Word], text: str) -> TextBox:
    joined = " ".join(word.text for word in words)
    same = "".join(text.split()) == "".join(joined.split())
    left, top = min(word.left for word in words), min(word.top for word in words)
    right, bottom = max(word.right for word in words), max(word.bottom for word in words)
    characters = sum(len(word.text) for word in words)
    return TextBox(
        text=text if same else joined,
        confidence=sum(word.confidence * len(word.text) for word in words) / characters,
        bbox=((left, top), (right, top), (right, bottom), (left, bottom)),
    )
