"""`sensorium embed`: texts to vectors."""

from __future__ import annotations

from typing import Annotated

import typer

from deployments.cli.exit_status import epilog
from deployments.cli.output import AsJson, AsTable
from deployments.cli.server import PATIENCE_S, ApiKey, Timeout, Url

EXAMPLES = epilog(
    'sensorium embed "the ship is late"',
    "sensorium embed recipes.txt > vectors.jsonl",
    'sensorium embed --similarity "soup" "stew" "crane"',
)


def embed(
    texts: Annotated[
        list[str],
        typer.Argument(metavar="TEXT|FILE", help="Texts, and files of them, one a line; - is standard input."),
    ],
    as_json: AsJson = False,
    as_table: AsTable = False,
    as_text: Annotated[bool, typer.Option("--text", help="Take every argument for a text, never for a file.")] = False,
    normalize: Annotated[bool, typer.Option(help="Vectors of length 1.")] = True,
    similarity: Annotated[
        bool, typer.Option("--similarity", help="How alike the texts are, each pair: the cosine of their vectors.")
    ] = False,
    url: Url = "",
    api_key: ApiKey = "",
    timeout: Timeout = PATIENCE_S,
) -> None:
    """Make vectors of texts."""
    import asyncio

    from deployments.cli.each import exit_status
    from deployments.cli.output import Output
    from deployments.cli.server import connected
    from deployments.cli.texts import open_texts
    from deployments.cli.vector_tables import Vectors
    from deployments.cli.vectors import vectors_of

    output = Output(as_json, as_table)
    lines, failed = open_texts(texts, never_files=as_text)
    shown = Vectors(output, similarity)

    async def run() -> int:
        async with connected(url, api_key, "embedding") as client:
            return await vectors_of(client, lines, normalize, timeout, shown.add, output)

    if lines:
        failed += asyncio.run(run())
    shown.end()
    raise typer.Exit(exit_status(failed))
