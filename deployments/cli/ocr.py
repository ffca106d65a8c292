"""`sensorium ocr`: the text in pictures and documents."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.exit_status import epilog
from deployments.cli.output import AsJson, AsTable
from deployments.cli.server import PATIENCE_S, ApiKey, Timeout, Url

if TYPE_CHECKING:
    from rich.console import RenderableType

    from deployments.annotation.files import AnnotatedFiles
    from deployments.cli.inputs import Input
    from deployments.client.ocr_replies import Extraction

_CERTAIN = 0.9

EXAMPLES = epilog(
    "sensorium ocr scan.pdf --language en",
    "sensorium ocr *.jpg > texts.jsonl",
    "sensorium ocr receipt.png --annotate read.png",
    "curl -s https://example.org/a.png | sensorium ocr - --text",
)


def ocr(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Pictures, PDFs, folders of them; - is standard input.")
    ],
    language: Annotated[
        str, typer.Option("--language", "-l", help="korean, en, ch, japan, latin, ...; the server's default is korean.")
    ] = "",
    backend: Annotated[str, typer.Option(help="Another than the server's first choice.")] = "",
    confidence: Annotated[
        float | None, typer.Option(min=0, max=1, show_default="0.5, by the server", help="Leave out lines under it.")
    ] = None,
    as_json: AsJson = False,
    as_table: AsTable = False,
    as_text: Annotated[bool, typer.Option("--text", help="The text alone, a line each.")] = False,
    annotate: Annotated[
        Path | None,
        typer.Option(help="Draw boxes and text: out.png, for several pages out-1.png ..., for several files a folder."),
    ] = None,
    font: Annotated[Path | None, typer.Option(help="A font file (.ttf, .otf, .ttc) for --annotate.")] = None,
    url: Url = "",
    api_key: ApiKey = "",
    timeout: Timeout = PATIENCE_S,
) -> None:
    """Read the text in pictures and PDFs."""
    import asyncio

    from deployments.cli.each import exit_status, for_each
    from deployments.cli.inputs import PICTURES, open_inputs
    from deployments.cli.output import Output
    from deployments.cli.server import connected

    if as_text and (as_json or as_table):
        raise typer.BadParameter("choose one of --json, --table and --text")
    output = Output(as_json, as_table or as_text)
    inputs, failed = open_inputs(files, PICTURES)
    drawing = _drawing(annotate, font, inputs) if annotate else None

    async def read() -> int:
        async with connected(url, api_key, "ocr") as client:

            async def call(item: Input) -> Extraction:
                return await client.ocr.extract(
                    item.upload,
                    language=language or None,
                    backend=backend or None,
                    confidence_threshold=confidence,
                    timeout_s=timeout,
                )

            def show(item: Input, reply: Extraction) -> None:
                if as_text:
                    output.text(reply.text)
                elif output.json:
                    output.record({"file": item.name} | asdict(reply))
                else:
                    output.show(*_table(item, reply))
                if drawing is not None:
                    drawing.draw(item, reply)

            return await for_each(inputs, lambda item: item.name, call, show, output)

    if inputs:
        failed += asyncio.run(read())
    if drawing is not None:
        drawing.end()
    raise typer.Exit(exit_status(failed))


def _drawing(annotate: Path, font: Path | None, inputs: list[Input]) -> AnnotatedFiles:
    from deployments.annotation.files import AnnotatedFiles

    return AnnotatedFiles(annotate, several=len(inputs) > 1, font=font)


def _table(item: Input, reply: Extraction) -> tuple[RenderableType, ...]:
    """The lines with their places, and a line about the whole."""
    from rich.table import Table
    from rich.text import Text

    from deployments.cli.exit_status import printable

    several = reply.pages > 1
    grid = Table(title=Text(printable(item.name), "bold"), title_justify="left", box=None, header_style="dim")
    for name in ("page", "text", "confidence", "x", "y", "width", "height"):
        if name != "page" or several:
            grid.add_column(name, justify="left" if name == "text" else "right", no_wrap=name != "text")
    for box in reply.text_boxes:
        xs, ys = [point[0] for point in box.bbox], [point[1] for point in box.bbox]
        place = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
        style = "green" if box.confidence >= _CERTAIN else "yellow"
        sure = Text(f"{box.confidence:.2f}", style)
        cells: list[RenderableType] = [Text(printable(box.text)), sure, *(f"{value:.0f}" for value in place)]
        grid.add_row(*([str(box.page + 1)] if several else []), *cells)
    facts = [
        f"{len(reply.text_boxes)} lines" if reply.text_boxes else "no text found",
        f"{reply.pages} pages" if several else f"{reply.width} x {reply.height} pixels",
        reply.language, " ".join(part for part in (reply.backend, reply.model) if part),
        f"{reply.timings['total_ms']:.0f} ms" if "total_ms" in reply.timings else "",
    ]  # fmt: skip
    about = Text(" · ".join(fact for fact in facts if fact) + "\n", "dim")
    return (grid, about) if reply.text_boxes else (Text(printable(item.name), "bold"), about)
