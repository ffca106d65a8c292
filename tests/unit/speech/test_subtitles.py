"""SRT and VTT, read back by FFmpeg's own subtitle demuxers (through PyAV)."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest

from deployments.speech.subtitles import srt, vtt
from deployments.speech.types import Segment

SEGMENTS = [
    Segment(0.0, 1.5, " The container is ready."),
    Segment(1.5, 1.5, " 컨테이너 & <gate> --> seven"),
    Segment(3599.9996, 3661.2345, "  two\n\nlines  "),
    Segment(90_000.0, 90_001.0, " after 25 hours"),
]


def read(text: str, form: str) -> list[tuple[float, float, str]]:
    with av.open(io.BytesIO(text.encode()), format=form) as container:
        stream: Any = container.streams.subtitles[0]
        return [
            (
                float(packet.pts * stream.time_base),
                float((packet.pts + packet.duration) * stream.time_base),
                bytes(packet).decode(),
            )
            for packet in container.demux(stream)
            if packet.size
        ]


@pytest.mark.parametrize(("write", "form"), [(srt, "srt"), (vtt, "webvtt")])
def test_an_independent_parser_reads_the_same_cues(write: Any, form: str) -> None:
    cues = read(write(SEGMENTS), form)
    assert [(start, end) for start, end, _ in cues] == [
        (0.0, 1.5), (1.5, 1.501), (3600.0, 3661.234), (90_000.0, 90_001.0)
    ]  # fmt: skip
    texts = [text for _, _, text in cues]
    assert texts[0] == "The container is ready."
    assert texts[2:] == ["two lines", "after 25 hours"]
    escaped = "컨테이너 &amp; &lt;gate&gt; --&gt; seven"
    assert texts[1] == (escaped if form == "webvtt" else "컨테이너 & <gate> --> seven")


def test_nobody_speaks() -> None:
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n"


def test_shape_of_an_srt_cue() -> None:
    assert srt(SEGMENTS[:1]) == "1\n00:00:00,000 --> 00:00:01,500\nThe container is ready.\n"
