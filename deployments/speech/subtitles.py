"""SubRip and WebVTT from segments. One cue per segment."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.speech.types import Segment

_SHORTEST_MS = 1  # players drop a cue that ends when it starts


def srt(segments: Sequence[Segment]) -> str:
    """SubRip: numbered cues, `00:01:02,345 --> 00:01:04,000`. Empty for no segments."""
    cues = []
    for number, segment in enumerate(segments, start=1):
        start, end = _span(segment)
        cues.append(f"{number}\n{_time(start, ',')} --> {_time(end, ',')}\n{_line(segment.text)}\n")
    return "\n".join(cues)


def vtt(segments: Sequence[Segment]) -> str:
    """WebVTT (w3.org/TR/webvtt1): `00:01:02.345 --> 00:01:04.000`, with `&`, `<` and `>` escaped."""
    cues = ["WEBVTT\n"]
    for segment in segments:
        start, end = _span(segment)
        text = _line(segment.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        cues.append(f"{_time(start, '.')} --> {_time(end, '.')}\n{text}\n")
    return "\n".join(cues)


def _span(segment: Segment) -> tuple[int, int]:
    """Milliseconds."""
    start = round(segment.start * 1000)
    return start, max(round(segment.end * 1000), start + _SHORTEST_MS)


def _time(milliseconds: int, mark: str) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{milliseconds:03d}"


def _line(text: str) -> str:
    """On one line: an empty line would end the cue."""
    return " ".join(text.split())
