"""The report's sheet of worst readings: each with its picture and what every reader made of it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from training.comparison import TUNED, Item, Readings
from training.scoring import MISSING, aligned, normalise


def worst_sheet(worst: Sequence[dict[str, Any]], tuned: Readings) -> str:
    """A section of cards. `worst` is as in `report_page.page`."""
    wrong = sum(not item.right for item in tuned.items)
    if not worst:
        return f"<h2>Worst readings</h2><p>None: all {len(tuned.items)} crops were read right.</p>"
    cards = "".join(_worst_card(entry) for entry in worst)
    return (
        f"<h2>Worst readings</h2><p>{len(worst)} of {wrong} wrong ones: first what would be reported as certain, then "
        f'by number of errors and confidence.</p><div class="worst">{cards}</div>'
    )


def _worst_card(entry: dict[str, Any]) -> str:
    item: Item = entry["tuned"]
    readings = [(TUNED, item), *entry["others"].items()]
    lines = [f'<span class="who">painted</span><code>{escape(entry["truth"])}</code><span></span>']
    for reader, one in readings:
        marked = _marked(one.text, entry["truth"])
        lines.append(
            f'<span class="who">{escape(reader)}</span><code>{marked}</code>'
            f'<span class="sure">{one.confidence:.0%}</span>'
        )
    if not item.needs_review:
        right = item.reported == item.truth
        badge = (
            '<span class="badge">put right by ISO 6346 rules</span>'
            if right
            else '<span class="badge alarm">reported as certain</span>'
        )
    elif item.reported == item.truth:
        badge = '<span class="badge">marked for review, with the right guess</span>'
    else:
        badge = '<span class="badge">marked for review</span>'
    picture = f'<img alt="crop of {escape(entry["truth"])}" src="{entry["picture"]}">' if entry["picture"] else ""
    return (
        f'<figure><div class="frame">{picture}</div><figcaption><div class="read">{"".join(lines)}</div>{badge}'
        "</figcaption></figure>"
    )


def _marked(text: str, truth: str) -> str:
    """A reading with its wrong characters marked."""
    parts = []
    for true, read in aligned(normalise(text), truth):
        shown = "·" if read == MISSING else escape(read)
        parts.append(shown if true == read else f"<mark>{shown}</mark>")
    return "".join(parts) or "<mark>nothing</mark>"
