"""Subtitles for a video, written beside it where players look for them.

    python examples/video_subtitles.py talk.mp4 --language ko        # writes talk.srt
    python examples/video_subtitles.py talk.mp4 --translate          # in English

The server takes 100 MB a file. Of a larger video send only the sound:

    ffmpeg -i talk.mp4 -vn -c:a libopus -b:a 32k talk.ogg
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Literal

from deployments.client import ClientError, Sensorium


def write_subtitles(
    video: Path, sensorium: Sensorium, form: Literal["srt", "vtt"], language: str | None, translate: bool
) -> Path:
    """The file that was written.

    Raises:
        ValueError: the video cannot be read, or has no sound.
        RetryableError: the server stayed away.
    """
    text = sensorium.speech.subtitles(
        video, format=form, language=language, task="translate" if translate else "transcribe"
    )
    file = video.with_suffix(f".{form}")
    file.write_text(text, encoding="utf-8")
    return file


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("video", type=Path)
    arguments.add_argument("--format", choices=("srt", "vtt"), default="srt")
    arguments.add_argument("--language", help="ISO 639-1, such as ko; detected where it is left out")
    arguments.add_argument("--translate", action="store_true", help="to English")
    arguments.add_argument("--url", default=os.environ.get("SENSORIUM_URL", "http://127.0.0.1:8000"))
    given = arguments.parse_args()
    try:
        with Sensorium(given.url, os.environ.get("SENSORIUM_API_KEY")) as sensorium:
            print(write_subtitles(given.video, sensorium, given.format, given.language, given.translate))
    except (ClientError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
