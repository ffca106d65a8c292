"""`sensorium transcribe`: recordings to text, with times, and to subtitles."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deployments.cli.exit_status import epilog
from deployments.cli.server import PATIENCE_S, ApiKey, Timeout, Url

if TYPE_CHECKING:
    from deployments.cli.inputs import Input
    from deployments.client.speech import Transcript

Format = Literal["table", "text", "json", "srt", "vtt"]

EXAMPLES = epilog(
    "sensorium transcribe call.wav --language ko",
    "sensorium transcribe talk.mp4 --format srt > talk.srt",
    "sensorium transcribe calls/ --format vtt --output subtitles/",
)


def transcribe(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Recordings, videos, folders of them; - is standard input.")
    ],
    format_: Annotated[
        Format | None,
        typer.Option("--format", "-f", show_default="table in a terminal, else json", help="What to print or write."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write there instead: a file, or for several recordings a folder."),
    ] = None,
    language: Annotated[str, typer.Option("--language", "-l", help="ISO 639-1 code; detected by default.")] = "",
    backend: Annotated[str, typer.Option(help="Another than the server's first choice.")] = "",
    translate: Annotated[bool, typer.Option("--translate", help="To English, whatever is spoken.")] = False,
    words: Annotated[bool, typer.Option("--words", help="With the time of every word (json).")] = False,
    prompt: Annotated[str, typer.Option(help="Text said before: style, names, spelling.")] = "",
    url: Url = "",
    api_key: ApiKey = "",
    timeout: Timeout = PATIENCE_S,
) -> None:
    """Write down what is said in recordings and videos."""
    import asyncio

    from deployments.cli.each import exit_status, for_each
    from deployments.cli.inputs import RECORDINGS, open_inputs
    from deployments.cli.output import Output
    from deployments.cli.server import connected
    from deployments.cli.transcripts import Transcripts

    shown = Output(as_json=format_ == "json", as_table=format_ not in (None, "json"))
    form: Format = format_ or ("json" if shown.json else "table")
    inputs, failed = open_inputs(files, RECORDINGS)
    transcripts = Transcripts(form, output, len(inputs), shown)

    async def run() -> int:
        async with connected(url, api_key, "speech") as client:

            def call(item: Input) -> Awaitable[Transcript | str]:
                options: dict[str, Any] = {
                    "language": language or None,
                    "backend": backend or None,
                    "task": "translate" if translate else None,
                    "prompt": prompt or None,
                    "timeout_s": timeout,
                }
                if form in ("srt", "vtt"):
                    return client.speech.subtitles(item.upload, format=form, **options)
                return client.speech.transcribe(item.upload, word_timestamps=words, **options)

            return await for_each(inputs, lambda item: item.name, call, transcripts.show, shown)

    if inputs:
        failed += asyncio.run(run())
    raise typer.Exit(exit_status(failed))
